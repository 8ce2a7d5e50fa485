"""Reads of a project's events, of all its runs, in the order in which they were stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphrun_api.db import stream_sql
from graphrun_api.db.database import Database
from graphrun_api.events.model import Event
from graphrun_api.events.places import Place, PlaceSeal

Row = Any  # asyncpg.Record: a mapping by column


@dataclass(frozen=True)
class ProjectEvent:
    """An event of one of the runs, and the place after it."""

    place: Place
    run_id: str
    event: Event


@dataclass(frozen=True)
class ProjectPage:
    """Events in order; the place after all that was looked at; whether there are none after them at present."""

    events: Sequence[ProjectEvent]
    end: Place
    is_last: bool


class ProjectReads:
    """Every method raises HistoryUnavailable while Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seal: PlaceSeal | None = None

    async def seal(self) -> PlaceSeal:
        """What makes cursors of places: the same on every replica."""
        if self._seal is None:
            async with self._database.connection() as connection:
                self._seal = PlaceSeal(await connection.fetchval(stream_sql.CURSOR_KEY))
        return self._seal

    async def horizon(self) -> int:
        """The transaction below which nothing can turn up any more."""
        async with self._database.connection() as connection:
            tx: int = await connection.fetchval(stream_sql.HORIZON)
            return tx

    async def page(self, namespace: str, after: Place, batches: int) -> ProjectPage:
        """The events of the next batches after a place, as far as their order is certain."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(stream_sql.BATCHES_FROM, namespace, after.tx, batches)
            columns = [
                [row[name] for row in rows] for name in ("run_uid", "first_seq", "last_seq", "stored_at")
            ]
            found = await connection.fetch(stream_sql.BATCHES_EVENTS, *columns) if rows else []
        events = [_event(rows[row["place"] - 1], row) for row in found]
        end = max(after, Place(rows[-1]["tx"], rows[-1]["last_seq"])) if rows else after
        return ProjectPage([each for each in events if each.place > after], end, len(rows) < batches)

    async def is_pending(self, namespace: str) -> bool:
        """Whether something was stored whose order is not certain yet."""
        async with self._database.connection() as connection:
            pending: bool = await connection.fetchval(stream_sql.BATCHES_PENDING, namespace)
            return pending

    async def keeps(self, place: Place) -> bool:
        """Whether all that came after a place is still there."""
        async with self._database.connection() as connection:
            kept: bool = await connection.fetchval(stream_sql.BATCHES_KEPT, place.tx)
            return kept


def _event(batch: Row, row: Row) -> ProjectEvent:
    return ProjectEvent(Place(batch["tx"], row["seq"]), batch["run_name"], Event.from_row(row))
