"""Stores events: one transaction and one hint a batch, numbered densely within the run, each stored once."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
class Source:
    """Whose events they are: a claimed attempt of a run, and the revision that its pod runs."""

    run: WorkflowRun
    attempt: int
    revision: str


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
        async with self._database.connection() as connection, connection.transaction():
            last, known = await self._begin(connection, source)
            fresh = [item for item in batch if item.runner_seq > known]
            if fresh:
                await self._store(connection, source, fresh, last)
        if fresh:
            self._remember(uid, milestones.ACCEPTED_KEY)
        return len(fresh)

    async def add_milestones(self, uid: str, found: Sequence[Milestone]) -> None:
        """Store each milestone of a known run that is not stored yet; raises HistoryUnavailable."""
        fresh = [item for item in found if (uid, item.key) not in self._stored]
        if not fresh:
            return
        async with self._database.connection() as connection, connection.transaction():
            before = await connection.fetchval(sql.RUN_TURN, uid)
            last = before
            for item in fresh:
                last = await _add_milestone(connection, uid, last, item)
            if last > before:
                await connection.execute(sql.RUN_ADVANCE, uid, last, 0, None)
                await connection.execute(sql.NOTIFY, f"{uid}:{last}")
        for item in fresh:
            self._remember(uid, item.key)

    async def _begin(self, connection: Any, source: Source) -> tuple[int, int]:  # noqa: ANN401 - asyncpg's proxy
        """Take the run's turn: its last seq, and the runner's last seq of this attempt."""
        uid = source.run.metadata.uid
        last = await connection.fetchval(sql.RUN_TURN, uid)
        if last is None:
            await _ensure_run(connection, source.run)
            last = await connection.fetchval(sql.RUN_TURN, uid)
        if (uid, milestones.ACCEPTED_KEY) not in self._stored:
            # A claimed run was accepted; its first word must not come after its runner's.
            last = await _add_milestone(connection, uid, last, milestones.accepted(source.run))
        return last, await connection.fetchval(sql.ATTEMPT_SEQ, uid, source.attempt) or 0

    async def _store(self, connection: Any, source: Source, fresh: list[Incoming], last: int) -> None:  # noqa: ANN401
        uid, attempt = source.run.metadata.uid, source.attempt
        seqs = list(range(last + 1, last + 1 + len(fresh)))
        await connection.execute(
            sql.EVENTS_INSERT,
            uid,
            attempt,
            seqs,
            [item.type for item in fresh],
            [item.at for item in fresh],
            [item.node_id for item in fresh],
            [item.data_text() for item in fresh],
        )
        meaning = batches.sort_batch(fresh)
        await _store_visits(connection, uid, attempt, meaning)
        if meaning.graph is not None and source.revision:
            graph = json.dumps(meaning.graph)
            await connection.execute(sql.GRAPH_SET, source.run.metadata.namespace, source.revision, graph)
        checkpoint = checkpoint_text(meaning)
        await connection.execute(sql.ATTEMPT_ADVANCE, uid, attempt, max(item.runner_seq for item in fresh))
        await connection.execute(sql.RUN_ADVANCE, uid, seqs[-1], meaning.step, checkpoint)
        await connection.execute(sql.NOTIFY, f"{uid}:{seqs[-1]}")

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


async def _add_milestone(connection: Any, uid: str, last: int, item: Milestone) -> int:  # noqa: ANN401 - as above
    """Answers the run's last seq afterwards."""
    if not await connection.fetchval(sql.MILESTONE, uid, item.key):
        return last
    at = item.at or datetime.now(UTC)
    data = json.dumps(item.data, separators=(",", ":"))
    await connection.execute(
        sql.EVENTS_INSERT, uid, item.attempt, [last + 1], [item.type], [at], [None], [data]
    )
    if item.type in {events.RUN_CANCELLED, events.RUN_FAILED}:
        await connection.execute(sql.VISITS_CANCELLED, uid, at)
    return last + 1


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


def _columns(items: list[Incoming]) -> tuple[list[Any], ...]:
    return (
        [item.task_id for item in items],
        [item.node_id for item in items],
        [item.ns for item in items],
        [item.step for item in items],
        [item.visit for item in items],
        [item.at for item in items],
    )
