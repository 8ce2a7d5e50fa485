"""Builds everything that the program is made of, starts what runs beside the requests, and ends it again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.guard import Guard
from graphrun_api.auth.projects import PATH as NAMESPACES
from graphrun_api.auth.projects import SELECTOR, Projects
from graphrun_api.auth.rights import Rights
from graphrun_api.auth.tokens import Tokens
from graphrun_api.db.database import Database
from graphrun_api.events.feed import Feeds
from graphrun_api.events.follower import Follower
from graphrun_api.events.hints import Hints
from graphrun_api.events.reads import HistoryReads
from graphrun_api.events.routes import EventRooms
from graphrun_api.events.store import EventStore
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.live_runs import ALL_RUNS, LiveRuns
from graphrun_api.kube.reflector import Reflector
from graphrun_api.kube.run_cache import RunCache
from graphrun_api.runner_port.bindings import Bindings
from graphrun_api.runner_port.holders import Holders
from graphrun_api.runner_port.refresher import Refresher
from graphrun_api.runner_port.revisions import Revisions
from graphrun_api.runner_port.service import RunnerService
from graphrun_api.runs.live_view import LiveView
from graphrun_api.runs.service import RunRooms, Runs
from graphrun_api.runs.verbs import Verbs
from graphrun_api.settings import Settings
from graphrun_api.storage.objects import Objects
from graphrun_api.sweep import Retention, Sweeper
from graphrun_api.web.metrics import Metrics
from graphrun_api.workflows.service import Workflows
from graphrun_checkpoints import Credentials, MinioStore, StorageConfig
from graphrun_core import names
from graphrun_core.protocol import StorageAccess

log = logging.getLogger(__name__)

# A person waits for the answer: give up on storage sooner than a runner would.
_STORAGE_RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Program:
    """The running whole: what the applications' states are filled with."""

    metrics: Metrics
    public: dict[str, Any]
    runner: dict[str, Any]
    reflectors: tuple[Reflector, Reflector]
    cache: RunCache
    stopping: asyncio.Event
    # Set when something that runs beside the requests ended by an error: the program should end, and be started anew.
    broken: asyncio.Event

    @property
    def is_ready(self) -> bool:
        """Whether the API server was heard of lately, and all that exists is known."""
        return all(reflector.is_current for reflector in self.reflectors)

    def stop(self) -> None:
        """Let everyone go who waits: long polls, verbs and streams."""
        self.stopping.set()
        self.cache.close()


@dataclass(frozen=True)
class _Parts:
    """What both applications and the background share."""

    cluster: Cluster
    database: Database
    store: MinioStore
    objects: Objects
    cache: RunCache
    projects: Projects
    live: LiveRuns
    reads: HistoryReads
    event_store: EventStore
    feeds: Feeds
    refresher: Refresher
    metrics: Metrics
    stopping: asyncio.Event


@asynccontextmanager
async def running(settings: Settings, cluster: Cluster) -> AsyncIterator[Program]:
    """The program, with its watches and its follower at work while inside."""
    parts = _parts(settings, cluster)
    reflectors = (
        Reflector(cluster, ALL_RUNS, parts.cache),
        Reflector(cluster, NAMESPACES, parts.projects, selector=SELECTOR),
    )
    follower = Follower(parts.database, parts.cache, parts.event_store)
    background = [
        reflectors[0].run(),
        reflectors[1].run(),
        Hints(parts.database, parts.feeds.on_hint).run(),
        follower.run(reflectors[0].synced),
        Sweeper(parts.database, parts.live, parts.store, _retention(settings)).run(reflectors[0].synced),
    ]
    broken = asyncio.Event()
    tasks = [_watched(job, broken) for job in background]
    public, runner = _public_state(parts), _runner_state(parts)
    try:
        yield Program(parts.metrics, public, runner, reflectors, parts.cache, parts.stopping, broken)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.refresher.aclose()
        await parts.database.aclose()
        await parts.store.aclose()


def _parts(settings: Settings, cluster: Cluster) -> _Parts:
    database = Database(settings.postgres_dsn, settings.postgres_pool_size)
    store = MinioStore(_storage_config(settings))
    cache = RunCache()
    reads, live = HistoryReads(database), LiveRuns(cluster, cache)
    return _Parts(
        cluster=cluster,
        database=database,
        store=store,
        objects=Objects(store, _storage_access(settings)),
        cache=cache,
        projects=Projects(),
        live=live,
        reads=reads,
        event_store=EventStore(database),
        feeds=Feeds(reads),
        refresher=Refresher(live, reads),
        metrics=Metrics(),
        stopping=asyncio.Event(),
    )


def _public_state(parts: _Parts) -> dict[str, Any]:
    workflows = Workflows(parts.cluster)
    runs = Runs(RunRooms(parts.live, workflows, parts.reads, parts.event_store, parts.objects))
    return {
        "guard": Guard(Tokens(parts.cluster), parts.projects, Rights(parts.cluster)),
        "workflows": workflows,
        "runs": runs,
        "verbs": Verbs(parts.live, runs),
        "live_view": LiveView(parts.live, parts.reads),
        "events": EventRooms(parts.live, parts.reads, parts.feeds),
        "stopping": parts.stopping,
        "metrics": parts.metrics,
    }


def _runner_state(parts: _Parts) -> dict[str, Any]:
    return {
        "bindings": Bindings(parts.cluster, Tokens(parts.cluster, [names.RUNNER_AUDIENCE])),
        "runner_service": RunnerService(parts.live, Revisions(parts.cluster), parts.objects),
        "holders": Holders(parts.live),
        "event_store": parts.event_store,
        "refresher": parts.refresher,
        "metrics": parts.metrics,
    }


def _watched(job: Coroutine[Any, Any, None], broken: asyncio.Event) -> "asyncio.Task[None]":
    def tell_of_failure(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical(
                "a part of the program broke", extra={"part": task.get_name()}, exc_info=task.exception()
            )
            broken.set()

    task = asyncio.create_task(job, name=getattr(job, "__qualname__", ""))
    task.add_done_callback(tell_of_failure)
    return task


def _storage_config(settings: Settings) -> StorageConfig:
    return StorageConfig(
        endpoint=settings.storage_endpoint,
        bucket=settings.storage_bucket,
        prefix=settings.storage_prefix,
        region=settings.storage_region,
        credentials=Credentials(settings.storage_access_key, settings.storage_secret_key),
        retry_seconds=_STORAGE_RETRY_SECONDS,
    )


def _retention(settings: Settings) -> Retention:
    return Retention(settings.storage_prefix, settings.storage_retention_seconds)


def _storage_access(settings: Settings) -> StorageAccess:
    return StorageAccess(
        endpoint=settings.storage_endpoint,
        bucket=settings.storage_bucket,
        prefix=settings.storage_prefix,
        region=settings.storage_region,
        accessKey=settings.storage_access_key,
        secretKey=settings.storage_secret_key,
        sessionToken="",
    )
