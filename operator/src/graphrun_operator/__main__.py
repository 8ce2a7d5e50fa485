"""The operator's start: everything is built and wired here, and ends together.

The process ends when Kopf does, when the queue does, or on SIGTERM: passes under way are dropped where they stand,
and whoever starts next goes on from what the cluster shows.
"""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Final

import kopf
from prometheus_client import start_http_server

from graphrun_core.errors import SettingsInvalid
from graphrun_core.settings import read_settings
from graphrun_operator.apply import Applier
from graphrun_operator.cache import Cache
from graphrun_operator.cluster import ApiServer, connect
from graphrun_operator.handlers import build_registry, build_settings
from graphrun_operator.health import judge_health, serve_health
from graphrun_operator.lines import Lines
from graphrun_operator.logs import configure_logging
from graphrun_operator.manifests.job import RunnerDefaults
from graphrun_operator.metrics import Metrics
from graphrun_operator.observe import Observer
from graphrun_operator.priorities import Priorities
from graphrun_operator.queue import KeyedQueue
from graphrun_operator.reconcile import Reconciler
from graphrun_operator.resync import Resync
from graphrun_operator.revisions import RevisionStore
from graphrun_operator.settings import Settings
from graphrun_operator.sweep import Sweep

log = logging.getLogger("graphrun_operator")

# Runs worked on at once; a pass is a few requests of some milliseconds.
_WORKERS: Final = 16


def _clock() -> datetime:
    return datetime.now(UTC)


async def serve(settings: Settings, cluster: ApiServer) -> None:
    """Run until SIGTERM, or until one of the parts ends."""
    metrics, cache, revisions = Metrics(), Cache(), RevisionStore(cluster)
    defaults = RunnerDefaults(
        settings.runner_image, settings.runner_image_pull_policy, settings.runner_api_url
    )
    lines = Lines(cache, Priorities(cluster))
    observer = Observer(cluster, cache, revisions, lines, _clock)
    applier = Applier(cluster, cache, revisions, defaults, metrics)
    reconciler = Reconciler(observer, applier, lines, metrics)
    queue = KeyedQueue(reconciler.reconcile, workers=_WORKERS, jitter=random.random)
    metrics.queued.set_function(lambda: len(queue))
    resync = Resync(cluster, cache, queue, metrics, Sweep(cluster, cache, applier, _clock))

    if settings.metrics_port:
        start_http_server(settings.metrics_port, registry=metrics.registry)
    health = serve_health(
        settings.health_port,
        lambda: judge_health(oldest_wait=queue.oldest_wait(), misses=resync.misses),
    )
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with health:
        await _until_one_ends(stop.wait(), _work(cache, lines, queue, resync, stop))


async def _work(cache: Cache, lines: Lines, queue: KeyedQueue, resync: Resync, stop: asyncio.Event) -> None:
    """List all, then watch and reconcile until one of the parts ends."""
    await resync.first()
    watches = await _watch(cache, lines, queue)
    # Kopf has put its own handlers in place: it would end at its leisure, and the queue go on meanwhile.
    _stop_on_signals(stop)
    await _until_one_ends(queue.run(), resync.forever(), watches)


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _watch(cache: Cache, lines: Lines, queue: KeyedQueue) -> Coroutine[None, None, None]:
    """Start Kopf; what is answered ends when Kopf does."""
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=build_registry(cache, lines, queue),
        settings=build_settings(),
        clusterwide=True,
        standalone=True,
    )
    return kopf.run_tasks(tasks, ignored=before)


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
        await serve(settings, cluster)
    finally:
        await cluster.close()
    log.info("operator stopped")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
