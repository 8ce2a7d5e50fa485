"""Partitions by time: made ahead, dropped by age. What came before its partition was made lies in the default one."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from graphrun_api.db import sql

log = logging.getLogger(__name__)

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Part:
    """One partition: from `start` on, up to `end`."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Partitioned:
    """A table in partitions of a `unit` by `column`."""

    table: str
    column: str
    unit: timedelta
    kind: Literal["date", "timestamptz"]

    def part_of(self, moment: datetime) -> Part:
        """The partition in which a moment lies."""
        utc = moment.astimezone(UTC)
        start = utc.replace(minute=0, second=0, microsecond=0)
        if self.unit == DAY:
            start = start.replace(hour=0)
        return self._part(start)

    def ahead(self, moment: datetime, count: int) -> list[Part]:
        """The partition of a moment and the `count` that follow it."""
        return [self.part_of(moment + step * self.unit) for step in range(count + 1)]

    def parsed(self, name: str) -> Part | None:
        """The partition of that name; None for the default one."""
        digits = name.removeprefix(f"{self.table}_")
        if not digits.isdecimal():
            return None
        return self._part(datetime.strptime(digits, self._format()).replace(tzinfo=UTC))

    def bounds(self, part: Part) -> tuple[str, str]:
        """Both ends as SQL literals."""
        first, last = (
            edge.date().isoformat() if self.kind == "date" else edge.isoformat()
            for edge in (part.start, part.end)
        )
        return f"'{first}'::{self.kind}", f"'{last}'::{self.kind}"

    def _part(self, start: datetime) -> Part:
        return Part(f"{self.table}_{start.strftime(self._format())}", start, start + self.unit)

    def _format(self) -> str:
        return "%Y%m%d" if self.unit == DAY else "%Y%m%d%H"


EVENTS: Final = Partitioned("run_event", "day", DAY, "date")
TOKENS: Final = Partitioned("run_token", "stored_at", HOUR, "timestamptz")
BATCHES: Final = Partitioned("project_batch", "stored_at", DAY, "timestamptz")
ALL: Final = (EVENTS, TOKENS, BATCHES)

# How many partitions are made before they are needed: two days of them.
_AHEAD: Final = {DAY: 2, HOUR: 48}
_CHILDREN: Final = """
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = $1::regclass ORDER BY child.relname"""
# Who reads or writes goes first: making and dropping is tried again in the next round.
_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"


async def parts_of(connection: Any, table: Partitioned) -> list[Part]:  # noqa: ANN401 - asyncpg's proxy
    """The partitions that there are, oldest first, without the default one."""
    rows = await connection.fetch(_CHILDREN, table.table)
    return [part for row in rows if (part := table.parsed(row["relname"])) is not None]


async def make_ahead(connection: Any, now: datetime, tables: Iterable[Partitioned] = ALL) -> None:  # noqa: ANN401 - as above
    """Make the partitions of this moment and of the next two days, where they are not there."""
    for table in tables:
        known = {part.name for part in await parts_of(connection, table)}
        for part in table.ahead(now, _AHEAD[table.unit]):
            if part.name not in known:
                await _make(connection, table, part)


async def drop(connection: Any, table: Partitioned, part: Part) -> None:  # noqa: ANN401 - as above
    """Drop a partition with all that is in it."""
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await connection.execute(f"ALTER TABLE {table.table} DETACH PARTITION {part.name}")
        await connection.execute(f"DROP TABLE {part.name}")
    log.info("partition dropped", extra={"partition": part.name})


async def _make(connection: Any, table: Partitioned, part: Part) -> None:  # noqa: ANN401 - as above
    """Filled with what lies in the default one: attached, it takes all else that belongs there."""
    first, last = table.bounds(part)
    within = f"{table.column} >= {first} AND {table.column} < {last}"
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", sql.PARTITION_LOCK)
        if await connection.fetchval("SELECT to_regclass($1)", part.name):
            return  # somebody else has made it meanwhile
        await connection.execute(f"CREATE TABLE {part.name} (LIKE {table.table} INCLUDING ALL)")
        await connection.execute(f"LOCK TABLE {table.table}_default")
        await connection.execute(
            f"WITH moved AS (DELETE FROM {table.table}_default WHERE {within} RETURNING *)"  # noqa: S608 - our own names
            f" INSERT INTO {part.name} SELECT * FROM moved"
        )
        await connection.execute(
            f"ALTER TABLE {table.table} ATTACH PARTITION {part.name} FOR VALUES FROM ({first}) TO ({last})"
        )
