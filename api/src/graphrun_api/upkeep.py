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
        places: what a project's stream can be gone on from, after it was stored.
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
            await partitions.make_ahead(connection, self._clock())
            await self._drop_parts(connection, partitions.TOKENS, self._retention.tokens)
            await self._note_places_lost(connection)
            await self._drop_parts(connection, partitions.BATCHES, self._retention.places)
            await self._drop_days(connection)
            await self._drop_stragglers(connection)
            if self._retention.runs:
                while (
                    await connection.fetchval(upkeep_sql.RUNS_FORGET, float(self._retention.runs), _BATCH)
                    == _BATCH
                ):
                    pass
            await connection.execute(upkeep_sql.TICKETS_EXPIRED)
            await connection.execute(upkeep_sql.BATCHES_FOREIGN)
        finally:
            connection.terminate()

    async def _note_places_lost(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg's proxy
        """Before batches are dropped: no stream can go on from a place among them."""
        limit = self._clock() - timedelta(seconds=self._retention.places) - partitions.BATCHES.unit
        newest = await connection.fetchval(upkeep_sql.BATCHES_BEFORE, limit)
        if newest is not None:
            await connection.execute(stream_sql.BATCHES_DROPPED_SET, newest)

    async def _drop_parts(self, connection: Any, table: partitions.Partitioned, seconds: int) -> None:  # noqa: ANN401 - asyncpg's
        limit = self._clock() - timedelta(seconds=seconds)
        for part in await partitions.parts_of(connection, table):
            if part.end < limit:
                await partitions.drop(connection, table, part)
        await connection.execute(
            f"DELETE FROM {table.table}_default WHERE {table.column} < $1",  # noqa: S608 - our own names
            limit,
        )

    async def _drop_days(self, connection: Any) -> None:  # noqa: ANN401 - as above
        seconds = self._retention.events
        for part in await partitions.parts_of(connection, partitions.EVENTS):
            if part.end >= self._clock() - timedelta(seconds=seconds):
                continue
            day = part.start.date()
            if await connection.fetchval(upkeep_sql.DAY_NEEDED, day, float(seconds)):
                continue
            await connection.execute(upkeep_sql.DAY_DROPPED, day)
            await partitions.drop(connection, partitions.EVENTS, part)

    async def _drop_stragglers(self, connection: Any) -> None:  # noqa: ANN401 - as above
        seconds = self._retention.events
        before = (self._clock() - timedelta(seconds=seconds) - _STRAGGLERS).date()
        while found := await connection.fetch(upkeep_sql.RUNS_LONG_ENDED, before, float(seconds), _BATCH):
            await connection.execute(upkeep_sql.EVENTS_DROP, [row["uid"] for row in found])
