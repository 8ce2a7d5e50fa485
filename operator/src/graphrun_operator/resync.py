"""The full look: at the start, before anything is decided; every five minutes after; and when a watch is in doubt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from graphrun_core import names, phases
from graphrun_core.resources import WorkflowRun
from graphrun_operator.cache import Cache, ObjectKey, Store
from graphrun_operator.cluster import JOBS, PODS, RUNS, WORKFLOWS, Cluster, Kind
from graphrun_operator.echoes import Echoes
from graphrun_operator.errors import OperatorError
from graphrun_operator.handlers import Keys
from graphrun_operator.metrics import Metrics
from graphrun_operator.model import RunKey

log = logging.getLogger(__name__)

PERIOD: Final = 300.0
# Between two looks, however often they are asked for.
LEAST: Final = 10.0
_LISTEN: Final = 2.0
_RETRY: Final = 2.0


class Resync:
    """Lists everything into the cache and asks for a pass over every run."""

    def __init__(self, cluster: Cluster, cache: Cache, keys: Keys, metrics: Metrics, echoes: Echoes) -> None:
        self._cluster, self._cache, self._keys, self._metrics = cluster, cache, keys, metrics
        self._echoes = echoes
        self._asked = asyncio.Event()

    async def first(self) -> None:
        """Fill the cache; until then nothing may be decided, since absence would look like loss."""
        while True:
            try:
                await self._look()
                break
            except OperatorError as error:
                log.warning("first listing failed, will be repeated", extra={"problem": str(error)})
                await asyncio.sleep(_RETRY)
        log.info("listed", extra={"runs": len(self._cache.runs), "jobs": len(self._cache.jobs)})

    def soon(self) -> None:
        """Ask for a look before its time: a watch may have missed something."""
        self._asked.set()

    async def forever(self, then: Callable[[], Awaitable[None]]) -> None:
        """Look again, every PERIOD or when asked to, and do what comes `then`."""
        while True:
            await self._next_time()
            try:
                missed = await self._look()
                await then()
            except OperatorError as error:
                log.warning("listing failed, will be repeated", extra={"problem": str(error)})
                self._asked.set()
                continue
            if missed:
                self._metrics.missed.inc(len(missed))
                log.info("a look found changes before the watches told them", extra={"runs": len(missed)})

    async def listen(self) -> None:
        """Look as soon as a watch does not tell what it should."""
        while True:
            await asyncio.sleep(_LISTEN)
            for plural in self._echoes.overdue():
                self._metrics.unheard.labels(plural).inc()
                log.warning("a watch is silent on changes that were made", extra={"kind": plural})
                self.soon()

    def wake_all(self) -> None:
        """Ask for a pass over every run: at once where something is new, else after all that happens meanwhile."""
        unfinished, finished = [], []
        for key in self._cache.all_keys():
            run = self._cache.runs.get(ObjectKey(*key))
            if run is None or _is_news(run):
                self._keys.add(key)
            elif run.is_finished:
                finished.append(key)
            else:
                unfinished.append(key)
        for key in [*unfinished, *finished]:
            self._keys.add_later(key)

    async def _next_time(self) -> None:
        await asyncio.sleep(LEAST)
        try:
            async with asyncio.timeout(PERIOD - LEAST):
                await self._asked.wait()
        except TimeoutError:
            return  # it was not asked for: it is due
        finally:
            self._asked.clear()

    async def _look(self) -> set[RunKey]:
        """List the four kinds; answers the groups that were not as the watches had told."""
        stores: list[tuple[Kind, Store[Any], str]] = [
            (WORKFLOWS, self._cache.workflows, ""),
            (RUNS, self._cache.runs, ""),
            (JOBS, self._cache.jobs, names.RUNNER_SELECTOR),
            (PODS, self._cache.pods, names.RUNNER_SELECTOR),
        ]
        missed: set[RunKey] = set()
        for kind, store, selector in stores:
            store.begin_listing()
            query = {"labelSelector": selector} if selector else {}
            listing = await self._cluster.list(kind, **query)
            found = store.replace(listing.items, listing.version)
            if found:
                # A listing may be ahead of the watch, but only by a moment: it must tell something of this kind soon.
                self._echoes.expect_news(kind.plural)
            missed |= found
        self.wake_all()
        return missed


def _is_news(run: WorkflowRun) -> bool:
    """Whether the run waits for the operator: its spec was changed, or its attempt has ended."""
    if run.is_finished:
        return False
    ended = run.status.runner.outcome is not None and run.status.phase not in phases.SETTLED
    return ended or run.status.observed_generation != run.metadata.generation
