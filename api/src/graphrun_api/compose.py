"""Builds everything that the program is made of, starts what runs beside the requests, and ends it again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.guard import Guard
from graphrun_api.auth.oidc import Oidc, OidcSettings
from graphrun_api.auth.projects import PATH as NAMESPACES
from graphrun_api.auth.projects import SELECTOR, Projects
from graphrun_api.auth.rights import Rights
from graphrun_api.auth.routes import VERSION, ClientConfig
from graphrun_api.auth.tokens import Tokens
from graphrun_api.checkpoints.service import Checkpoints
from graphrun_api.db.database import Database
from graphrun_api.events.admission import Admission
from graphrun_api.events.feed import Feeds
from graphrun_api.events.follower import Follower
from graphrun_api.events.hints import Hints
from graphrun_api.events.multiplex import StreamRooms
from graphrun_api.events.project_feed import ProjectFeeds
from graphrun_api.events.project_reads import ProjectReads
from graphrun_api.events.reads import HistoryReads
from graphrun_api.events.store import EventStore
from graphrun_api.events.tickets import Tickets
from graphrun_api.finding import Finder
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.live_runs import ALL_RUNS, LiveRuns
from graphrun_api.kube.reflector import Reflector
from graphrun_api.kube.run_cache import RunCache
from graphrun_api.revision_facts import RevisionFacts
from graphrun_api.runner_port.bindings import Bindings
from graphrun_api.runner_port.holders import Holders
from graphrun_api.runner_port.log_intake import LogIntake
from graphrun_api.runner_port.refresher import Refresher
from graphrun_api.runner_port.revisions import Revisions
from graphrun_api.runner_port.service import RunnerService
from graphrun_api.runs.bulk import Bulk
from graphrun_api.runs.live_view import LiveView
from graphrun_api.runs.pod_log import PodLogs
from graphrun_api.runs.run_logs import RunLogs
from graphrun_api.runs.service import RunRooms, Runs
from graphrun_api.runs.verbs import Verbs
from graphrun_api.settings import Settings
from graphrun_api.storage.log_chunks import LogChunks
from graphrun_api.storage.objects import Objects
from graphrun_api.sweep import Retention, Sweeper
from graphrun_api.upkeep import HistoryRetention, Upkeep
from graphrun_api.web.metrics import Metrics
from graphrun_api.workflows.graphs import Graphs
from graphrun_api.workflows.service import Workflows
from graphrun_checkpoints import CheckpointReader, Credentials, MinioStore, StorageConfig
from graphrun_core import names, storage_keys
from graphrun_core.protocol import StorageAccess

log = logging.getLogger(__name__)

# A person waits for the answer: give up on storage sooner than a runner would.
_STORAGE_RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Program:
    """The running whole: what the applications' states are filled with."""

    metrics: Metrics
    public: dict[str, Any]
    origins: tuple[str, ...]
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
    log_chunks: LogChunks
    cache: RunCache
    projects: Projects
    live: LiveRuns
    reads: HistoryReads
    project_reads: ProjectReads
    event_store: EventStore
    feeds: Feeds
    project_feeds: ProjectFeeds
    facts: RevisionFacts
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

    def on_hint(uid: str, namespace: str) -> None:
        parts.feeds.on_hint(uid)
        parts.project_feeds.on_hint(namespace)

    background = [
        reflectors[0].run(),
        reflectors[1].run(),
        Hints(parts.database, on_hint).run(),
        Upkeep(parts.database, _history_retention(settings)).run(),
        follower.run(reflectors[0].synced),
        Sweeper(parts.database, parts.live, parts.store, _retention(settings)).run(reflectors[0].synced),
    ]
    broken = asyncio.Event()
    tasks = [_watched(job, broken) for job in background]
    public, runner = _public_state(settings, parts), _runner_state(parts)
    try:
        yield Program(
            parts.metrics, public, settings.origins, runner, reflectors, parts.cache, parts.stopping, broken
        )
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
    project_reads, facts = ProjectReads(database), RevisionFacts(reads)
    return _Parts(
        cluster=cluster,
        database=database,
        store=store,
        objects=Objects(store, _storage_access(settings)),
        log_chunks=LogChunks(store, settings.storage_prefix),
        cache=cache,
        projects=Projects(),
        live=live,
        reads=reads,
        project_reads=project_reads,
        event_store=EventStore(database),
        feeds=Feeds(reads),
        project_feeds=ProjectFeeds(project_reads),
        facts=facts,
        refresher=Refresher(live, reads, facts),
        metrics=Metrics(),
        stopping=asyncio.Event(),
    )


def _public_state(settings: Settings, parts: _Parts) -> dict[str, Any]:
    workflows, finder = Workflows(parts.cluster), Finder(parts.live, parts.reads)
    runs = Runs(
        RunRooms(
            live=parts.live,
            workflows=workflows,
            finder=finder,
            reads=parts.reads,
            project_reads=parts.project_reads,
            store=parts.event_store,
            objects=parts.objects,
        )
    )
    verbs = Verbs(parts.live, runs)
    tokens = Tokens(parts.cluster, issuer=_issuer(settings))
    guard, tickets = Guard(tokens, parts.projects, Rights(parts.cluster)), Tickets(parts.database)
    prefix = storage_keys.checkpoint_prefix(settings.storage_prefix)
    return {
        "guard": guard,
        "client_config": ClientConfig(
            version=VERSION, issuer=settings.oidc_issuer, audience=settings.oidc_audience
        ),
        "workflows": workflows,
        "graphs": Graphs(workflows, parts.reads),
        "finder": finder,
        "reads": parts.reads,
        "runs": runs,
        "verbs": verbs,
        "bulk": Bulk(guard, runs, verbs),
        "checkpoints": Checkpoints(CheckpointReader(parts.store, prefix=prefix)),
        "run_logs": RunLogs(parts.live, finder, parts.reads, PodLogs(parts.cluster), parts.log_chunks),
        "live_view": LiveView(parts.live, parts.reads, parts.facts),
        "streams": StreamRooms(finder, parts.reads, parts.project_reads, parts.feeds, parts.project_feeds),
        "tickets": tickets,
        "admission": Admission(guard, tickets, settings.origins),
        "stopping": parts.stopping,
        "metrics": parts.metrics,
    }


def _runner_state(parts: _Parts) -> dict[str, Any]:
    return {
        "bindings": Bindings(parts.cluster, Tokens(parts.cluster, [names.RUNNER_AUDIENCE])),
        "runner_service": RunnerService(parts.live, Revisions(parts.cluster), parts.objects),
        "log_intake": LogIntake(parts.live, parts.reads, parts.log_chunks),
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


def _issuer(settings: Settings) -> Oidc | None:
    if not settings.oidc_issuer:
        return None
    return Oidc(
        OidcSettings(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            username_claim=settings.oidc_username_claim,
            username_prefix=settings.oidc_username_prefix,
            groups_claim=settings.oidc_groups_claim,
            groups_prefix=settings.oidc_groups_prefix,
        )
    )


def _history_retention(settings: Settings) -> HistoryRetention:
    return HistoryRetention(
        events=settings.history_events_seconds,
        runs=settings.history_runs_seconds,
        tokens=settings.history_tokens_seconds,
        places=settings.history_streams_seconds,
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
