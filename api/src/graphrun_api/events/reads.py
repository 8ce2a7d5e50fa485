"""Reads of the history: events, node states, rows of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphrun_api.db import sql
from graphrun_api.db.database import Database
from graphrun_api.events.model import Event, NodeRow

Row = Any  # asyncpg.Record: a mapping by column
REPLAY_PAGE: Final = 500


@dataclass(frozen=True)
class EventQuery:
    """Which events: those after a seq ascending, or those before one descending, narrowed by type and node."""

    after: int = 0
    before: int | None = None
    types: Sequence[str] | None = None
    node: str | None = None
    limit: int = REPLAY_PAGE


@dataclass(frozen=True)
class RunQuery:
    """One page of a project's runs; None means: any."""

    namespace: str
    older_than: tuple[datetime, int] | None = None
    status: str | None = None
    workflow: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    labels: dict[str, str] | None = None
    limit: int = 50


class HistoryReads:
    """Every method raises HistoryUnavailable while Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run_row(self, namespace: str, name: str) -> Row | None:
        """The newest run of this name, whether its resource is there or gone."""
        async with self._database.connection() as connection:
            return await connection.fetchrow(sql.RUN_BY_NAME, namespace, name)

    async def page_of_runs(self, query: RunQuery) -> list[Row]:
        """Newest first."""
        made, order = query.older_than or (None, None)
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(
                sql.RUN_PAGE,
                query.namespace,
                made,
                order,
                query.status,
                query.workflow,
                query.created_after,
                query.created_before,
                query.labels,
                query.limit,
            )
            return rows

    async def last_seq(self, uid: str) -> int:
        """The seq of the newest event; 0 where there is none."""
        async with self._database.connection() as connection:
            return await connection.fetchval(sql.RUN_SEQ, uid) or 0

    async def end_seq(self, uid: str) -> int | None:
        """The seq of the event that ended the run."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(sql.END_SEQ, uid)
            return found

    async def events(self, uid: str, query: EventQuery) -> list[Event]:
        """In the query's direction."""
        statement, edge = (sql.EVENTS_AFTER, query.after)
        if query.before is not None:
            statement, edge = sql.EVENTS_BEFORE, query.before
        types = list(query.types) if query.types else None
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, uid, edge, types, query.node, query.limit)
        return [Event.from_row(row) for row in rows]

    async def nodes(self, uid: str) -> list[NodeRow]:
        """The nodes of the root graph that were visited."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.NODE_STATES, uid)
        return [NodeRow(**dict(row)) for row in rows]

    async def graph(self, namespace: str, revision: str) -> str | None:
        """The topology of a revision as JSON text, where a runner has reported it."""
        async with self._database.connection() as connection:
            found: str | None = await connection.fetchval(sql.GRAPH_GET, namespace, revision)
            return found

    async def median_steps(self, namespace: str, revision: str) -> float | None:
        """How many supersteps completed runs of this revision take; None where there is none."""
        async with self._database.connection() as connection:
            found: float | None = await connection.fetchval(sql.MEDIAN_STEPS, namespace, revision)
            return found

    async def raise_progress(self, uid: str, progress: float) -> float:
        """Keep the higher of the stored and this progress; answers it."""
        async with self._database.connection() as connection:
            return await connection.fetchval(sql.RAISE_PROGRESS, uid, progress) or progress
