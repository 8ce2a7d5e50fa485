"""The full look: at the start, before anything is decided, and every five minutes after, for what watches missed."""

import asyncio
import logging
from typing import Any, Final

from graphrun_core import names
from graphrun_operator.cache import Cache, Store
from graphrun_operator.cluster import JOBS, PODS, RUNS, WORKFLOWS, Cluster, Kind
from graphrun_operator.errors import OperatorError
from graphrun_operator.handlers import Keys
from graphrun_operator.metrics import Metrics
from graphrun_operator.model import RunKey
from graphrun_operator.sweep import Sweep

log = logging.getLogger(__name__)

PERIOD: Final = 300.0
_RETRY: Final = 5.0


class Resync:
    """Lists everything into the cache and asks for a pass over every run."""

    def __init__(self, cluster: Cluster, cache: Cache, keys: Keys, metrics: Metrics, sweep: Sweep) -> None:
        self._cluster, self._cache, self._keys, self._metrics = cluster, cache, keys, metrics
        self._sweep = sweep
        # How many looks in a row have found changes that no watch had told.
        self.misses = 0

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

    async def forever(self) -> None:
        """Look again, every PERIOD."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                missed = await self._look()
                await self._sweep.sweep()
            except OperatorError as error:
                log.warning("listing failed, will be repeated", extra={"problem": str(error)})
                continue
            self.misses = self.misses + 1 if missed else 0
            if missed:
                self._metrics.missed.inc(len(missed))
                log.warning("a watch had missed changes", extra={"runs": len(missed)})

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
            missed |= store.replace(listing.items, listing.version)
        for key in self._cache.all_keys():
            self._keys.add(key)
        return missed
