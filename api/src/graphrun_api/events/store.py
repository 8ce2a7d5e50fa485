"""Stores events: one transaction and one hint a batch, numbered densely within the run, each stored once."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from graphrun_api.db import sql
from graphrun_api.db.database import Database
from graphrun_api.events import batches, milestones
from graphrun_api.events.batches import Incoming, Sorted
from graphrun_api.events.model import Milestone
from graphrun_api.events.run_rows import ensure_arguments
from graphrun_core import events
from graphrun_core.resources import WorkflowRun
from graphrun_core.times import to_rfc3339

_REMEMBERED: Final = 20_000


@dataclass(frozen=True)
class _Turn:
    """The run's turn to be numbered.

    Attributes:
        day: under which its events lie.
        first: the first seq of this turn.
        last: the last one that was given out, in this turn or before it.
    """

    day: date
    first: int
    last: int

    def after(self, last: int) -> "_Turn":
        """The same turn, further on."""
        return replace(self, last=last)


@dataclass(frozen=True)
class Source:
    """Whose events they are: a claimed attempt of a run, and the revision that its pod runs."""

    run: WorkflowRun
    attempt: int
    revision: str


@dataclass(frozen=True)
class Statement:
    """A statement and what it is given."""

    text: str
    arguments: tuple[Any, ...]


class EventStore:
    """The only writer of events and node visits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # (uid, key) of milestones known to be stored; saves asking Postgres on every change of a run
        self._stored: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def ensure_run(self, run: WorkflowRun) -> None:
        """Make the run's row, if it has none; raises HistoryUnavailable."""
        async with self._database.connection() as connection:
            await _ensure_run(connection, run)

    async def add_batch(self, source: Source, batch: Sequence[Incoming]) -> int:
        """Store what is new of a runner's batch; answers how many events that were.

        Raises:
            HistoryUnavailable: nothing was stored; send it again.
        """
        if not batch:
            return 0
        uid = source.run.metadata.uid
        async with self._database.connection() as connection:
            while (fresh := await self._try_batch(connection, source, batch)) is None:
                # By itself: the order of a project goes by transaction ids, so each transaction that numbers events
                # must get its id no sooner than its turn.
                await _ensure_run(connection, source.run)
        if fresh:
            self._remember(uid, milestones.ACCEPTED_KEY)
        return len(fresh)

    async def add_milestones(self, uid: str, found: Sequence[Milestone], row: Statement) -> None:
        """Store each milestone of a known run that is not stored yet, and with them the row that shows them.

        In one transaction: who reads the row and then follows the events would miss a turn that only the row lacked.

        Raises:
            HistoryUnavailable: nothing was stored.
        """
        fresh = [item for item in found if (uid, item.key) not in self._stored]
        if not fresh:
            async with self._database.connection() as connection:
                await connection.execute(row.text, *row.arguments)
            return
        async with self._database.connection() as connection, connection.transaction():
            turn = await _take_turn(connection, uid)
            if turn is None:
                return  # the row of the run is gone: it was kept long enough
            for item in fresh:
                turn = turn.after(await _add_milestone(connection, uid, turn, item))
            if turn.last >= turn.first:
                await connection.execute(sql.RUN_ADVANCE, uid, turn.last, 0, None, turn.first)
            await connection.execute(row.text, *row.arguments)
        for item in fresh:
            self._remember(uid, item.key)

    async def _try_batch(
        self,
        connection: Any,  # noqa: ANN401 - asyncpg's proxy
        source: Source,
        batch: Sequence[Incoming],
    ) -> list[Incoming] | None:
        """Store what is new, and answer it; None where the run has no row yet."""
        uid = source.run.metadata.uid
        async with connection.transaction():
            turn = await _take_turn(connection, uid)
            if turn is None:
                return None
            if (uid, milestones.ACCEPTED_KEY) not in self._stored:
                # A claimed run was accepted; its first word must not come after its runner's.
                turn = turn.after(
                    await _add_milestone(connection, uid, turn, milestones.accepted(source.run))
                )
            known = await connection.fetchval(sql.ATTEMPT_SEQ, uid, source.attempt) or 0
            fresh = [item for item in batch if item.runner_seq > known]
            if fresh:
                await self._store(connection, source, fresh, turn)
            elif turn.last >= turn.first:
                await connection.execute(sql.RUN_ADVANCE, uid, turn.last, 0, None, turn.first)
            return fresh

    async def _store(self, connection: Any, source: Source, fresh: list[Incoming], turn: _Turn) -> None:  # noqa: ANN401
        uid, attempt = source.run.metadata.uid, source.attempt
        numbered = list(enumerate(fresh, turn.last + 1))
        last = numbered[-1][0]
        kept = [pair for pair in numbered if pair[1].type != events.TOKEN]
        tokens = [pair for pair in numbered if pair[1].type == events.TOKEN]
        if kept:
            await connection.execute(sql.EVENTS_INSERT, uid, turn.day, attempt, *_event_columns(kept))
        if tokens:
            await connection.execute(sql.TOKENS_INSERT, uid, attempt, *_event_columns(tokens))
        meaning = batches.sort_batch(fresh)
        await _store_visits(connection, uid, attempt, meaning)
        if meaning.graph is not None and source.revision:
            graph = json.dumps(meaning.graph)
            workflow = source.run.spec.workflow_ref.name
            namespace = source.run.metadata.namespace
            await connection.execute(sql.GRAPH_SET, namespace, source.revision, workflow, graph)
        checkpoint = checkpoint_text(meaning)
        await connection.execute(sql.ATTEMPT_ADVANCE, uid, attempt, max(item.runner_seq for item in fresh))
        await connection.execute(sql.RUN_ADVANCE, uid, last, meaning.step, checkpoint, turn.first)

    def _remember(self, uid: str, key: str) -> None:
        self._stored[uid, key] = None
        if len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)


def checkpoint_text(meaning: Sorted) -> str | None:
    """The newest checkpoint of a batch as it is stored; None where it has none."""
    if meaning.checkpoint is None:
        return None
    found = meaning.checkpoint
    return json.dumps({"id": found["id"], "step": found["step"], "time": to_rfc3339(found["at"])})


async def _ensure_run(connection: Any, run: WorkflowRun) -> None:  # noqa: ANN401 - asyncpg's proxy
    await connection.execute(sql.RUN_ENSURE, *ensure_arguments(run))


async def _take_turn(connection: Any, uid: str) -> _Turn | None:  # noqa: ANN401 - as above
    row = await connection.fetchrow(sql.RUN_TURN, uid)
    return _Turn(row["day"], row["last_seq"] + 1, row["last_seq"]) if row else None


async def _add_milestone(connection: Any, uid: str, turn: _Turn, item: Milestone) -> int:  # noqa: ANN401 - as above
    """Answers the run's last seq afterwards."""
    if not await connection.fetchval(sql.MILESTONE, uid, item.key):
        return turn.last
    at = item.at or datetime.now(UTC)
    data = json.dumps(item.data, separators=(",", ":"))
    seq = turn.last + 1
    await connection.execute(
        sql.EVENTS_INSERT, uid, turn.day, item.attempt, [seq], [item.type], [at], [None], [data]
    )
    if item.type in {events.RUN_CANCELLED, events.RUN_FAILED}:
        await connection.execute(sql.VISITS_CANCELLED, uid, at)
    return seq


async def _store_visits(connection: Any, uid: str, attempt: int, meaning: Sorted) -> None:  # noqa: ANN401 - as above
    if meaning.started:
        await connection.execute(sql.VISITS_STARTED, uid, attempt, *_columns(meaning.started))
    if meaning.progressed:
        tasks, spaces = (
            [item.task_id for item in meaning.progressed],
            [item.ns for item in meaning.progressed],
        )
        shares = [batches.share_of(item) for item in meaning.progressed]
        await connection.execute(sql.VISITS_PROGRESSED, uid, attempt, tasks, spaces, shares)
    # one row a visit: a later end of the same visit (a retry that worked) replaces an earlier one
    ended = list({(item.task_id, item.ns): item for item in meaning.ended}.values())
    if ended:
        statuses, told = (
            [batches.end_status(item) for item in ended],
            [batches.error_of(item) for item in ended],
        )
        await connection.execute(sql.VISITS_ENDED, uid, attempt, *_columns(ended), statuses, told)


def _event_columns(numbered: list[tuple[int, Incoming]]) -> tuple[list[Any], ...]:
    return (
        [seq for seq, _ in numbered],
        [item.type for _, item in numbered],
        [item.at for _, item in numbered],
        [item.node_id for _, item in numbered],
        [item.data_text() for _, item in numbered],
    )


def _columns(items: list[Incoming]) -> tuple[list[Any], ...]:
    return (
        [item.task_id for item in items],
        [item.node_id for item in items],
        [item.ns for item in items],
        [item.step for item in items],
        [item.visit for item in items],
        [item.at for item in items],
    )
