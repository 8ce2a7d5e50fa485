"""Writes the history of runs from the watch, so that runs made by kubectl are in it like any other.

One replica at a time does it, by an advisory lock; two for a moment do no harm, for every write is idempotent.
On each start it converges from everything that exists, then follows the changes.
"""

import asyncio
import logging
from typing import Any, Final

import asyncpg

from graphrun_api.db import sql, totals_sql
from graphrun_api.db.database import AWAY, Database
from graphrun_api.errors import HistoryUnavailable
from graphrun_api.events import milestones
from graphrun_api.events.attempt_rows import attempt_rows
from graphrun_api.events.run_rows import follow_arguments
from graphrun_api.events.store import EventStore, Statement
from graphrun_api.kube.run_cache import Change, RunCache, version_of

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2.0
# While nothing changes, the lock's connection is asked for a sign of life this often, in seconds.
_PROBE_SECONDS: Final = 5.0


class Follower:
    """The one writer of run rows and of the milestones among the events."""

    def __init__(self, database: Database, cache: RunCache, store: EventStore) -> None:
        self._database = database
        self._cache = cache
        self._store = store

    async def run(self, synced: asyncio.Event) -> None:
        """Until cancelled; begins once the cache is full."""
        await synced.wait()
        while True:
            try:
                await self._lead()
            except HistoryUnavailable as error:
                log.warning("history is not being written", extra={"error": str(error)})
            except AWAY as error:
                log.warning("follower lost its connection", extra={"error": str(error)})
            await asyncio.sleep(_RETRY_SECONDS)

    async def _lead(self) -> None:
        """Write for as long as the lock is ours; returns at once where another replica holds it."""
        lock = await self._database.dedicated()
        try:
            if not await lock.fetchval(sql.TRY_LOCK, sql.FOLLOWER_LOCK):
                return
            changes: asyncio.Queue[Change] = asyncio.Queue()
            with self._cache.observed_by(changes.put_nowait):
                await self._converge()
                log.info("following runs")
                await self._follow(changes, lock)
        finally:
            lock.terminate()

    async def _converge(self) -> None:
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.RUNS_NOT_GONE)
        written = {row["uid"]: row["resource_version"] for row in rows}
        runs = self._cache.all()
        for run in runs:
            if written.get(run.metadata.uid, -1) < version_of(run):
                await self._write(Change(run, gone=False))
        present = {run.metadata.uid for run in runs}
        for row in rows:
            if row["uid"] not in present:
                await self._write_gone(row["uid"], row["attempt"])

    async def _follow(self, changes: "asyncio.Queue[Change]", lock: "asyncpg.Connection[Any]") -> None:
        while True:
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    change = await changes.get()
            except TimeoutError:
                await lock.execute("SELECT 1")
                continue
            await self._write(change)

    async def _write(self, change: Change) -> None:
        """The row last, with the milestones: its resource_version then says that all of this view is written."""
        run = change.run
        uid = run.metadata.uid
        try:
            await self._store.ensure_run(run)
            async with self._database.connection() as connection:
                for row in attempt_rows(run):
                    await connection.execute(sql.ATTEMPT_FOLLOW, *row.arguments(uid))
            view = Statement(sql.RUN_FOLLOW, tuple(follow_arguments(run)))
            await self._store.add_milestones(uid, milestones.milestones(run), view)
            if run.is_finished:
                async with self._database.connection() as connection:
                    await _count(connection, uid)
        except (asyncpg.DataError, ValueError):
            # One run that cannot be written must not keep all others out of the history.
            log.exception("run cannot be written to the history", extra={"run": run.metadata.name})
        if change.gone:
            await self._write_gone(run.metadata.uid, run.attempt)

    async def _write_gone(self, uid: str, attempt: int) -> None:
        # A run that had ended has its last milestone already; for it this stores nothing.
        await self._store.add_milestones(uid, [milestones.deleted(attempt)], Statement(sql.RUN_GONE, (uid,)))
        async with self._database.connection() as connection:
            await _count(connection, uid)


async def _count(connection: Any, uid: str) -> None:  # noqa: ANN401 - asyncpg's proxy
    """Add a run that has ended to the outcomes of its hour and to the times of its nodes, once."""
    async with connection.transaction():
        if await connection.fetchval(totals_sql.COUNT_ONCE, uid):
            await connection.execute(totals_sql.HOUR_ADD, uid)
            await connection.execute(totals_sql.TIMING_ADD, uid)
