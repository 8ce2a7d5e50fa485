"""Reads of the history: events, node states, rows of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphrun_api.db import sql, totals_sql
from graphrun_api.db.database import Database
from graphrun_api.errors import BodyInvalid, EventsExpired, FieldError
from graphrun_api.events import run_page
from graphrun_api.events.model import Event, NodeRow, NodeTiming, Usual
from graphrun_api.events.run_page import RunQuery
from graphrun_core.events import TOKEN
from graphrun_core.times import to_rfc3339

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
class Visit:
    """A place in a timeline."""

    started_at: datetime
    task_id: str
    ns: str


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
        text, arguments = run_page.statement(query)
        async with self._database.connection() as connection:
            if query.labels is None:
                return list(await connection.fetch(text, *arguments))
            async with connection.transaction(readonly=True):
                # How many runs have a label decides which index is the right one: only its value tells.
                await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
                return list(await connection.fetch(text, *arguments))

    async def last_seq(self, uid: str) -> int:
        """The seq of the newest event; 0 where there is none.

        Raises:
            EventsExpired: the run ended so long ago that its events are not kept any more.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.RUN_SEQ, uid)
        if row is None:
            return 0
        if row["events_dropped_at"] is not None:
            raise EventsExpired(
                f"the events of this run were kept until {to_rfc3339(row['events_dropped_at'])}"
            )
        seq: int = row["last_seq"]
        return seq

    async def check_after(self, uid: str, after: int) -> int:
        """The seq of the newest event, where a stream may go on after `after`.

        Raises:
            EventsExpired: as `last_seq` does.
            BodyInvalid: no event has this seq yet, so it is of another run: of one that had the name before, perhaps.
        """
        last = await self.last_seq(uid)
        if after > last:
            why = f"the run's last event so far is {last}; begin with 0 for all of them"
            raise BodyInvalid(f"after: {why}", fields=[FieldError("after", why)])
        return last

    async def end_seq(self, uid: str) -> int | None:
        """The seq of the event that ended the run."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(sql.END_SEQ, uid)
            return found

    async def events(self, uid: str, query: EventQuery) -> list[Event]:
        """In the query's direction."""
        types = list(query.types) if query.types else None
        tokens = types is None or TOKEN in types
        statement, edge = (sql.EVENTS_AFTER if tokens else sql.KEPT_AFTER), query.after
        if query.before is not None:
            statement, edge = (sql.EVENTS_BEFORE if tokens else sql.KEPT_BEFORE), query.before
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

    async def graph_of(self, namespace: str, workflow: str, revision: str, *, exact: bool) -> Row | None:
        """Revision and topology of a workflow: of this revision, or unless `exact` of the one reported last."""
        async with self._database.connection() as connection:
            return await connection.fetchrow(sql.GRAPH_OF, namespace, workflow, revision, exact)

    async def usual(self, namespace: str, revision: str) -> Usual:
        """What completed runs of this revision take."""
        async with self._database.connection() as connection:
            return Usual(**dict(await connection.fetchrow(sql.USUAL, namespace, revision)))

    async def node_timings(self, namespace: str, revision: str) -> list[NodeTiming]:
        """What its nodes take."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(totals_sql.NODE_TIMINGS, namespace, revision)
        return [NodeTiming(**dict(row)) for row in rows]

    async def timeline(self, uid: str, after: Visit | None, limit: int) -> list[Row]:
        """Visits of nodes, subgraphs' too, in the order in which they began; from the one after `after` on."""
        place = (after.started_at, after.task_id, after.ns) if after else (None, None, None)
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(sql.TIMELINE, uid, *place, limit)
            return rows

    async def checkpoints_of_steps(self, uid: str, steps: Sequence[int]) -> list[Row]:
        """The checkpoints that were saved of some supersteps, in that order."""
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(sql.CHECKPOINTS_OF_STEPS, uid, list(steps))
            return rows

    async def attempts(self, uid: str) -> list[Row]:
        """What is known of each attempt, the first one first."""
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(sql.ATTEMPTS, uid)
            return rows

    async def runs_awaiting_input(self, query: RunQuery) -> list[Row]:
        """One page of the project's runs that wait for an answer, newest first."""
        made, order = query.older_than or (None, None)
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(
                sql.INTERRUPTED_PAGE, query.namespace, made, order, query.workflow, query.limit
            )
            return rows

    async def outcomes(self, namespace: str, workflow: str, since: datetime, until: datetime) -> list[Row]:
        """The rollup's rows of a workflow, by hour."""
        async with self._database.connection() as connection:
            rows: list[Row] = await connection.fetch(totals_sql.OUTCOMES, namespace, workflow, since, until)
            return rows

    async def raise_progress(self, uid: str, progress: float) -> float:
        """Keep the higher of the stored and this progress; answers it."""
        async with self._database.connection() as connection:
            return await connection.fetchval(sql.RAISE_PROGRESS, uid, progress) or progress
