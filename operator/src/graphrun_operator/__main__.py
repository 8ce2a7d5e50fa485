"""The operator's start: everything is built and wired here, and ends together.

Every replica watches and keeps its cache warm; the one that holds the lease works. The process ends when Kopf does,
when the lease is lost, or on SIGTERM: passes under way are then given a moment, the lease is given back, and whoever
leads next goes on from what the cluster shows.
"""

import asyncio
import logging
import os
import random
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import kopf
from prometheus_client import start_http_server

from graphrun_core.errors import SettingsInvalid
from graphrun_core.settings import read_settings
from graphrun_operator.apply import Applier
from graphrun_operator.cache import Cache
from graphrun_operator.cluster import ApiServer, connect
from graphrun_operator.echoes import Echoes
from graphrun_operator.errors import LeadershipLost
from graphrun_operator.handlers import Listings, build_registry, build_settings
from graphrun_operator.health import judge_health, serve_health
from graphrun_operator.leadership import Leadership, LeaseTimes
from graphrun_operator.lines import Lines
from graphrun_operator.logs import configure_logging
from graphrun_operator.manifests.job import RunnerDefaults
from graphrun_operator.metrics import Metrics
from graphrun_operator.observe import Observer
from graphrun_operator.own_writes import OwnWrites
from graphrun_operator.priorities import Priorities
from graphrun_operator.queue import KeyedQueue, WhileLeading
from graphrun_operator.reconcile import Reconciler
from graphrun_operator.resync import Resync
from graphrun_operator.revisions import RevisionStore
from graphrun_operator.schema_judge import SchemaJudge
from graphrun_operator.settings import Settings
from graphrun_operator.sweep import Sweep

log = logging.getLogger("graphrun_operator")

# Runs worked on at once; a pass is a few requests of some milliseconds.
_WORKERS: Final = 16
# What passes under way are given on SIGTERM, in seconds; what is cut then is made good by the next leader.
_FINISH_SECONDS: Final = 1.5
# For connections under TLS that have just been closed, Kopf's among them, to be so; in seconds.
_GOODBYE_SECONDS: Final = 0.1


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Parts:
    """What runs side by side."""

    metrics: Metrics
    echoes: Echoes
    leadership: Leadership
    queue: KeyedQueue
    resync: Resync
    sweep: Sweep
    judge: SchemaJudge
    listings: Listings
    registry: kopf.OperatorRegistry


def _build(settings: Settings, cluster: ApiServer) -> _Parts:
    metrics, cache, echoes, judge = Metrics(), Cache(), Echoes(), SchemaJudge()
    leadership = Leadership(
        cluster,
        namespace=settings.namespace,
        name=settings.lease_name,
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        times=LeaseTimes(settings.lease_seconds, settings.lease_renew_seconds, settings.lease_retry_seconds),
    )
    writes = OwnWrites(cluster, leadership, echoes)
    revisions = RevisionStore(writes)
    defaults = RunnerDefaults(
        settings.runner_image, settings.runner_image_pull_policy, settings.runner_api_url
    )
    lines = Lines(cache, Priorities(writes))
    observer = Observer(writes, cache, revisions, lines, _clock)
    applier = Applier(writes, cache, revisions, defaults, metrics)
    reconciler = Reconciler(observer, applier, lines, judge, metrics)
    queue = KeyedQueue(reconciler.reconcile, workers=_WORKERS, jitter=random.random)
    metrics.queued.set_function(lambda: len(queue))
    metrics.leader.set_function(lambda: leadership.holds)
    keys = WhileLeading(queue, lambda: leadership.holds)
    resync = Resync(writes, cache, keys, metrics, echoes)

    def relisted() -> None:
        metrics.relists.inc()
        resync.soon()

    listings = Listings(relisted)
    return _Parts(
        metrics=metrics,
        echoes=echoes,
        leadership=leadership,
        queue=queue,
        resync=resync,
        sweep=Sweep(writes, cache, applier, _clock),
        judge=judge,
        listings=listings,
        registry=build_registry(cache, lines, keys, echoes, listings),
    )


async def serve(settings: Settings, cluster: ApiServer) -> bool:
    """Run until SIGTERM, or until one of the parts ends. Answers whether it was SIGTERM.

    Raises:
        LeadershipLost: another replica leads, or may do so.
    """
    parts = _build(settings, cluster)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, registry=parts.metrics.registry)
    health = serve_health(
        settings.health_port,
        lambda: judge_health(oldest_wait=parts.queue.oldest_wait(), deaf=parts.echoes.deaf()),
        lambda: parts.listings.complete,
    )
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with health:
        try:
            await _until_one_ends(_finish_when(stop, parts), _work(parts, stop))
        finally:
            parts.judge.close()
    return stop.is_set()


async def _work(parts: _Parts, stop: asyncio.Event) -> None:
    """List all, then watch, and reconcile while this replica leads, until one of the parts ends."""
    await parts.resync.first()

    async def sweep() -> None:
        if parts.leadership.holds:
            await parts.sweep.sweep()

    async with _watching(parts.registry) as watches:
        # Kopf has put its own handlers in place: it would end at its leisure, and the queue go on meanwhile.
        _stop_on_signals(stop)
        await _until_one_ends(_lead(parts), parts.resync.forever(sweep), parts.resync.listen(), watches)


async def _lead(parts: _Parts) -> None:
    try:
        await parts.leadership.acquire()
        await _until_one_ends(_reconcile(parts), parts.leadership.keep())
    finally:
        # Where something else has ended this one: the next leader need not wait for the lease's end, either.
        await parts.leadership.release()


async def _reconcile(parts: _Parts) -> None:
    # The watches may lag behind the last writes of the former leader. What the cache has already is not read anew.
    await parts.resync.first()
    await parts.queue.run()


async def _finish_when(stop: asyncio.Event, parts: _Parts) -> None:
    await stop.wait()
    log.info("operator stopping")
    await parts.queue.finish(_FINISH_SECONDS)
    await parts.leadership.release()


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@asynccontextmanager
async def _watching(registry: kopf.OperatorRegistry) -> AsyncIterator[Coroutine[None, None, object]]:
    """Run Kopf; what is yielded ends as soon as one of its tasks has.

    Left to itself, Kopf then gives everything in its way five more seconds, this program's own tasks too, and cancels
    it: a lease on its way back with it. So it is ended here, after all that is not its own.
    """
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry, settings=build_settings(), clusterwide=True, standalone=True
    )
    try:
        yield asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending = asyncio.create_task(kopf.run_tasks(tasks, ignored=before))
        await asyncio.sleep(0)  # it is under way, and takes being cancelled as its order to end
        ending.cancel()
        await asyncio.gather(ending, *tasks, return_exceptions=True)


async def _until_one_ends(*parts: Coroutine[None, None, object]) -> None:
    """Run the parts side by side; the first to end ends all, and raises what ended it."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _while_ending(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Kopf leaves the generators of its watches to the loop, which may find one that is closing itself already."""
    if "asyncgen" not in context:
        loop.default_exception_handler(context)


async def main() -> int:
    """Read the settings, connect, serve. Answers the exit code."""
    try:
        settings = read_settings(Settings, os.environ)
    except SettingsInvalid as error:
        sys.stderr.write(f"graphrun-operator: {error}\n")
        return 2
    configure_logging(settings.log_level)
    cluster = await connect()
    log.info("operator starting")
    try:
        asked = await serve(settings, cluster)
    except LeadershipLost as lost:
        log.error("operator ends: it does not lead any more", extra={"problem": str(lost)})  # noqa: TRY400
        return 1
    finally:
        await cluster.close()
        await asyncio.sleep(_GOODBYE_SECONDS)
    asyncio.get_running_loop().set_exception_handler(_while_ending)
    if not asked:
        log.error("operator ends: its watches did")
        return 1
    log.info("operator stopped")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
