"""Removes what a run has stored, once its resource has been gone for the retention: thread, outputs, input.

One replica at a time does it, by an advisory lock; it goes by the history, and asks the API server about each run
before it touches anything of it. Cut short anywhere, the next round goes on.
"""

import asyncio
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.db import sql
from graphrun_api.db.database import AWAY, Database
from graphrun_api.errors import ApiError, RunNotFound
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_checkpoints import CheckpointError, ObjectStoreSaver, Store
from graphrun_core import storage_keys
from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)

_ROUND_SECONDS: Final = 300.0
# Runs looked at before the lock is given back; while there are as many, the next round follows at once.
_BATCH: Final = 50


@dataclass(frozen=True)
class Retention:
    """Where runs keep their things, and for how many seconds after their resource is gone."""

    prefix: str
    seconds: int


class Sweeper:
    """Sweeps the storage of one installation."""

    def __init__(self, database: Database, live: LiveRuns, store: Store, retention: Retention) -> None:
        self._database, self._live, self._store, self._retention = database, live, store, retention
        self._left_alone: set[str] = set()

    async def run(self, synced: asyncio.Event) -> None:
        """Until cancelled; begins once the cache is full, for it tells what other runs still need."""
        await synced.wait()
        while True:
            try:
                while await self.round() == _BATCH:
                    pass
            except (ApiError, CheckpointError, *AWAY) as error:
                log.warning("storage is not being swept", extra={"error": str(error)})
            await asyncio.sleep(_ROUND_SECONDS)

    async def round(self) -> int:
        """Sweep one batch, unless another replica is at it; answers how many runs it had.

        Raises:
            HistoryUnavailable: Postgres is away.
            ClusterUnavailable: the API server is away.
            StorageUnavailable: storage is away.
        """
        lock = await self._database.dedicated()
        try:
            if not await lock.fetchval(sql.TRY_LOCK, sql.SWEEP_LOCK):
                return 0
            runs = self._live.cache.all()
            kept = sources_needed(runs) | self._left_alone
            rows = await lock.fetch(sql.RUNS_TO_SWEEP, float(self._retention.seconds), list(kept), _BATCH)
            await self._sweep(rows, {run.spec.input_ref for run in runs})
            return len(rows)
        finally:
            lock.terminate()

    async def _sweep(self, rows: Iterable[Any], inputs_in_use: set[str]) -> None:
        checkpoints = storage_keys.checkpoint_prefix(self._retention.prefix)
        async with ObjectStoreSaver(self._store, prefix=checkpoints) as saver:
            for row in rows:
                if await self._is_there(row):
                    self._left_alone.add(row["uid"])
                    continue
                try:
                    await saver.adelete_thread(row["uid"])
                    await self._remove_objects(row, inputs_in_use)
                except CheckpointError as error:
                    if error.retryable:
                        raise
                    # One run's damaged objects must not keep those of all others in the bucket.
                    self._left_alone.add(row["uid"])
                    log.exception("a run's storage cannot be swept", extra={"run": row["name"]})
                    continue
                async with self._database.connection() as connection:
                    await connection.execute(sql.RUN_SWEPT, row["uid"])
                log.info("storage swept", extra={"run": row["name"], "uid": row["uid"]})

    async def _is_there(self, row: Any) -> bool:  # noqa: ANN401 - a row of run
        """Whether this very run has a resource; a namesake made later is another run."""
        try:
            found = await self._live.fetch(row["namespace"], row["name"])
        except RunNotFound:
            return False
        return found.metadata.uid == str(row["uid"])

    async def _remove_objects(self, row: Any, inputs_in_use: set[str]) -> None:  # noqa: ANN401 - as above
        prefix = storage_keys.run_prefix(self._retention.prefix, row["uid"])
        while page := await self._store.list(prefix):
            await self._store.delete_many([entry.key for entry in page])
        reference = row["input_ref"]
        if self._is_stored_input(reference) and reference not in inputs_in_use:
            await self._store.delete_many([reference])

    def _is_stored_input(self, key: str) -> bool:
        """Whether the API stored it: a run that was made by kubectl may refer to an object of anybody's."""
        runs = re.escape(storage_keys.runs_prefix(self._retention.prefix))
        return re.fullmatch(rf"{runs}[0-9a-f-]{{36}}/input\.json", key) is not None


def sources_needed(runs: Iterable[WorkflowRun]) -> set[str]:
    """The UIDs of runs that others begin from and may not have copied yet."""
    return {
        run.status.start_from_uid
        for run in runs
        if run.spec.start_from.run and not run.is_finished and run.status.runner.checkpoint is None
    }
