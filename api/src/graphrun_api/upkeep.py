"""Keeps the history within its bounds: partitions are made ahead, and what was kept long enough is dropped.

One replica at a time does it, by an advisory lock; cut short anywhere, the next round goes on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from graphrun_api.db import partitions, sql, stream_sql, upkeep_sql
from graphrun_api.db.database import AWAY, Database
from graphrun_api.errors import HistoryUnavailable

log = logging.getLogger(__name__)

_ROUND_SECONDS: Final = 600.0
_BATCH: Final = 500
# A day that is still needed so long after its time is not waited for any longer: its events are dropped run by run.
_STRAGGLERS: Final = timedelta(days=7)


@dataclass(frozen=True)
class HistoryRetention:
    """For how many seconds what is kept.

    Attributes:
        events: events and visits, after the run has ended.
        runs: the run itself, after its resource is gone and its storage swept; 0 for ever.
        tokens: token events, after they were stored.
        places: what a project's stream can be gone on from, after it was stored; not longer than events.
    """

    events: int
    runs: int
    tokens: int
    places: int


class Upkeep:
    """The upkeep of one installation's history."""

    def __init__(
        self,
        database: Database,
        retention: HistoryRetention,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._retention, self._clock = database, retention, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.round()
            except (HistoryUnavailable, asyncpg.LockNotAvailableError, *AWAY) as error:
                log.warning("the history is not being kept up", extra={"error": str(error)})
            await asyncio.sleep(_ROUND_SECONDS)

    async def round(self) -> None:
        """Do all that is due, unless another replica is at it.

        Raises:
            HistoryUnavailable: Postgres is away.
            asyncpg.LockNotAvailableError: somebody holds a table for long; the next round goes on.
        """
        connection = await self._database.dedicated()
        try:
            if not await connection.fetchval(sql.TRY_LOCK, sql.UPKEEP_LOCK):
                return
            now = self._clock()
            await partitions.make_ahead(connection, now)
            await _drop_parts(connection, partitions.TOKENS, now - timedelta(seconds=self._retention.tokens))
            await self._drop_batches(connection, now)
            await self._drop_days(connection, now)
            await self._drop_stragglers(connection, now)
            if self._retention.runs:
                await self._forget_runs(connection, now)
            await connection.execute(upkeep_sql.TICKETS_EXPIRED, now)
        finally:
            connection.terminate()

    async def _drop_batches(self, connection: Any, now: datetime) -> None:  # noqa: ANN401 - asyncpg's proxy
        # A place is of no use without the events after it.
        limit = now - timedelta(seconds=min(self._retention.places, self._retention.events))
        await connection.execute(upkeep_sql.BATCHES_FOREIGN)
        await connection.execute(upkeep_sql.BATCHES_DROPPED_FOREIGN)
        newest = await connection.fetchval(upkeep_sql.BATCHES_BEFORE, limit)
        if newest is not None:
            # Before they are dropped: no stream can go on from a place among them.
            await connection.execute(stream_sql.BATCHES_DROPPED_SET, newest)
        await _drop_parts(connection, partitions.BATCHES, limit)

    async def _drop_days(self, connection: Any, now: datetime) -> None:  # noqa: ANN401 - as above
        limit = now - timedelta(seconds=self._retention.events)
        for part in await partitions.parts_of(connection, partitions.EVENTS):
            day = part.start.date()
            if part.end >= limit or await connection.fetchval(upkeep_sql.DAY_NEEDED, day, limit):
                continue
            await connection.execute(upkeep_sql.DAY_DROPPED, day, now)
            await partitions.drop(connection, partitions.EVENTS, part)

    async def _drop_stragglers(self, connection: Any, now: datetime) -> None:  # noqa: ANN401 - as above
        limit = now - timedelta(seconds=self._retention.events)
        before = (limit - _STRAGGLERS).date()
        while found := await connection.fetch(upkeep_sql.RUNS_LONG_ENDED, before, limit, _BATCH):
            await connection.execute(upkeep_sql.EVENTS_DROP, [row["uid"] for row in found], now)

    async def _forget_runs(self, connection: Any, now: datetime) -> None:  # noqa: ANN401 - as above
        limit = now - timedelta(seconds=self._retention.runs)
        while await connection.fetchval(upkeep_sql.RUNS_FORGET, limit, _BATCH) == _BATCH:
            pass


async def _drop_parts(connection: Any, table: partitions.Partitioned, limit: datetime) -> None:  # noqa: ANN401 - as above
    for part in await partitions.parts_of(connection, table):
        if part.end <= limit:
            await partitions.drop(connection, table, part)
    await connection.execute(
        f"DELETE FROM {table.table}_default WHERE {table.column} < $1",  # noqa: S608 - our own names
        limit,
    )
