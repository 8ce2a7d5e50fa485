"""What is kept is kept long enough, and no longer: partitions ahead, tokens and places by age, events with their runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from graphrun_api.db import partitions, sql, stream_sql, upkeep_sql
from graphrun_api.db.database import Database
from graphrun_api.errors import EventsExpired
from graphrun_api.events.batches import read_batch
from graphrun_api.events.feed import Feeds
from graphrun_api.events.following import RunStream
from graphrun_api.events.milestones import milestones
from graphrun_api.events.places import Place
from graphrun_api.events.project_feed import ProjectFeeds, ProjectStream
from graphrun_api.events.project_reads import ProjectReads
from graphrun_api.events.reads import EventQuery, HistoryReads
from graphrun_api.events.run_rows import follow_arguments
from graphrun_api.events.store import EventStore, Source, Statement
from graphrun_api.upkeep import HistoryRetention, Upkeep
from graphrun_core.resources import WorkflowRun
from graphrun_core.times import to_rfc3339
from support.api_world import Api, Project, Rest
from support.streams import many_of
from support.waiting import eventually

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = HistoryRetention(events=30 * 86400, runs=60 * 86400, tokens=86400, places=7 * 86400)
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """A history without a cluster: the real store, reads and upkeep."""

    database: Database
    store: EventStore
    reads: HistoryReads
    project_reads: ProjectReads
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def keep_up(self, at: datetime, retention: HistoryRetention = KEPT) -> None:
        await Upkeep(self.database, retention, lambda: at).round()

    async def add(self, run: WorkflowRun, *types: str) -> None:
        """Events of these types, by the run's first attempt."""
        known = await self.admin.fetchval(sql.ATTEMPT_SEQ, run.metadata.uid, 1) or 0
        told = [{"seq": known + at, "type": kind} for at, kind in enumerate(types, 1)]
        await self.store.add_batch(Source(run, 1, "rev"), read_batch({"events": told}, NOW))

    async def follow(self, run: WorkflowRun) -> None:
        """A view of the run, as the follower writes it."""
        view = Statement(sql.RUN_FOLLOW, tuple(follow_arguments(run)))
        await self.store.ensure_run(run)
        await self.store.add_milestones(run.metadata.uid, milestones(run), view)

    async def types(self, run: WorkflowRun) -> list[tuple[int, str]]:
        found = await self.reads.events(run.metadata.uid, EventQuery())
        return [(event.seq, event.type) for event in found]

    async def parts(self, table: partitions.Partitioned) -> set[str]:
        return {part.name for part in await partitions.parts_of(self.admin, table)}

    async def count(self, table: str) -> int:
        found: int = await self.admin.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of ours
        return found

    def stream(self, run: WorkflowRun, after: int = 0) -> RunStream:
        return RunStream(self.reads, Feeds(self.reads), run.metadata.uid, after)


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    pool = Database(database, 5)
    admin = await asyncpg.connect(database)
    yield World(pool, EventStore(pool), HistoryReads(pool), ProjectReads(pool), admin)
    await admin.close()
    await pool.aclose()


def a_run(name: str, created: datetime = NOW, version: int = 1, **status: Any) -> WorkflowRun:
    meta = {
        "name": name,
        "namespace": "team",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": to_rfc3339(created),
    }
    body = {"metadata": meta, "spec": {"workflowRef": {"name": "flow"}}, "status": status}
    return WorkflowRun.parse(body)


def ended(name: str, at: datetime, created: datetime = NOW) -> WorkflowRun:
    return a_run(name, created, 2, phase="Succeeded", attempt=1, completionTime=to_rfc3339(at))


async def test_partitions_are_made_two_days_ahead_and_once(world: World) -> None:
    later = NOW + 10 * DAY
    await world.keep_up(later)

    for table, count in ((partitions.EVENTS, 2), (partitions.TOKENS, 48), (partitions.BATCHES, 2)):
        assert {part.name for part in table.ahead(later, count)} <= await world.parts(table)
    before = await world.parts(partitions.TOKENS)
    await world.keep_up(later)
    assert await world.parts(partitions.TOKENS) == before


async def test_what_came_before_its_partition_moves_into_it(world: World) -> None:
    for table in partitions.ALL:
        for part in await partitions.parts_of(world.admin, table):
            await partitions.drop(world.admin, table, part)
    run = a_run("early")
    await world.add(run, "custom", "token")
    before = await world.types(run)
    assert await world.count("run_event_default") == 2
    place = await world.admin.fetchval("SELECT tx::text FROM project_batch_default")

    await world.keep_up(NOW)

    assert await world.types(run) == before == [(1, "run_accepted"), (2, "custom"), (3, "token")]
    for table in partitions.ALL:
        assert await world.count(f"{table.table}_default") == 0
        assert await world.count(table.table) > 0
    assert await world.admin.fetchval("SELECT tx::text FROM project_batch") == place


async def test_one_replica_at_a_time_keeps_up(world: World) -> None:
    assert await world.admin.fetchval(sql.TRY_LOCK, sql.UPKEEP_LOCK)
    before = await world.parts(partitions.EVENTS)
    await world.keep_up(NOW + 10 * DAY)
    assert await world.parts(partitions.EVENTS) == before
    await world.admin.execute("SELECT pg_advisory_unlock($1)", sql.UPKEEP_LOCK)
    await world.keep_up(NOW + 10 * DAY)
    assert await world.parts(partitions.EVENTS) > before


async def test_tokens_are_kept_for_their_time_and_leave_only_holes(world: World) -> None:
    run = a_run("talk")
    await world.add(run, "token", "custom", "token", "token")
    told = [(1, "run_accepted"), (2, "token"), (3, "custom"), (4, "token"), (5, "token")]

    await world.keep_up(NOW + DAY - HOUR)
    assert await world.types(run) == told
    assert [event.seq for event in await anext(world.stream(run).batches())] == [1, 2, 3, 4, 5]

    await world.keep_up(NOW + DAY + 2 * HOUR)
    assert await world.types(run) == [(1, "run_accepted"), (3, "custom")]
    assert await world.reads.last_seq(run.metadata.uid) == 5


async def test_a_stream_over_holes_goes_on_and_ends(world: World) -> None:
    run = a_run("talk")
    await world.add(run, "custom", *("token",) * 3)
    await world.keep_up(NOW + DAY + 2 * HOUR)
    feeds = Feeds(world.reads)
    seen: list[int] = []

    async def follow(stream: RunStream) -> None:
        async for batch in stream.batches():
            seen.extend(event.seq for event in batch)

    stream = RunStream(world.reads, feeds, run.metadata.uid, 0)
    following = asyncio.create_task(follow(stream))
    async with asyncio.timeout(30):
        await eventually(lambda: asyncio.sleep(0, stream.is_live))
        assert stream.position == 5  # where the run stands, though nothing is left there
        await world.add(run, "token", "custom")
        await world.follow(ended("talk", NOW))
        await following

    assert seen == [1, 2, 6, 7, 8]
    # from within a hole, too
    assert [event.seq for event in await anext(world.stream(run, 3).batches())] == [6, 7, 8]


async def test_a_projects_stream_skips_tokens_that_are_gone(world: World) -> None:
    run = a_run("talk")
    place = Place(await world.project_reads.horizon())
    for kinds in (("custom", "token"), ("token",), ("custom",)):
        await world.add(run, *kinds)
    await world.keep_up(NOW + DAY + 2 * HOUR)
    stream = ProjectStream(world.project_reads, ProjectFeeds(world.project_reads), "team", place)
    seen: list[int] = []
    async with asyncio.timeout(30):
        async for batch in stream.batches():
            seen += [each.event.seq for each in batch]
            if len(seen) == 3:
                break
    assert seen == [1, 2, 5]


async def test_places_are_kept_for_their_time_and_refused_afterwards(world: World) -> None:
    run = a_run("one")
    place = Place(await world.project_reads.horizon())
    await world.add(run, "custom")
    end_of_day = partitions.BATCHES.part_of(datetime.now(UTC)).end
    stream = ProjectStream(world.project_reads, ProjectFeeds(world.project_reads), "team", place)

    await world.keep_up(NOW + 6 * DAY)
    await stream.check()
    # the moment when the day goes: what was stored last in it, too
    await world.keep_up(end_of_day + 7 * DAY)
    assert await world.count("project_batch") == 0
    with pytest.raises(EventsExpired):
        await stream.check()
    # who was in the midst of a replay must not be led over what was dropped
    with pytest.raises(EventsExpired):
        await anext(stream.batches())
    await ProjectStream(
        world.project_reads,
        ProjectFeeds(world.project_reads),
        "team",
        Place(await world.project_reads.horizon()),
    ).check()


async def test_places_are_not_kept_longer_than_events(world: World) -> None:
    await world.add(a_run("one"), "custom")
    short = HistoryRetention(events=3600, runs=0, tokens=60, places=7 * 86400)
    await world.keep_up(NOW + 3 * DAY, short)
    assert await world.count("project_batch") == 0
    assert not await world.project_reads.keeps(Place(0))


async def test_a_cursor_from_before_is_answered_with_410(
    api: Api, rest: Rest, project: Project, world: World
) -> None:
    await project.workflow()
    cursor = (await rest.ok("GET", "/runs"))["stream_cursor"]
    await world.add(a_run("one"), "custom")
    await world.keep_up(NOW + 10 * DAY)
    async with many_of(api, rest) as many:
        problem = await many.problem("all", project=True, after=cursor)
        assert (problem["status"], problem["type"].rpartition(":")[2]) == (410, "events-expired")
        fresh = (await rest.ok("GET", "/runs"))["stream_cursor"]
        await many.subscribed("all", project=True, after=fresh)


async def test_a_day_is_dropped_once_no_run_needs_it(world: World) -> None:
    part = partitions.EVENTS.part_of(NOW).name
    for name in ("a", "b"):
        await world.add(a_run(name), "custom")
        await world.follow(ended(name, NOW + (DAY if name == "b" else HOUR)))
    told = [(1, "run_accepted"), (2, "custom"), (3, "run_completed")]

    await world.keep_up(NOW + 30 * DAY + 2 * HOUR)  # `b` ended a day later
    assert await world.types(a_run("a")) == await world.types(a_run("b")) == told
    assert await world.count("run") == 2

    await world.keep_up(NOW + 32 * DAY)
    assert part not in await world.parts(partitions.EVENTS)
    for name in ("a", "b"):
        with pytest.raises(EventsExpired):
            await world.reads.last_seq(f"uid-{name}")


async def test_a_long_run_keeps_its_events_for_its_whole_life_and_no_others_with_them(world: World) -> None:
    await world.add(a_run("short"), "node_started", "custom")
    await world.admin.execute(
        "INSERT INTO node_visit (run_uid, attempt, task_id, node_id, status, started_at)"
        " VALUES ('uid-short', 1, 't', 'n', 'COMPLETED', now()), ('uid-long', 1, 't', 'n', 'RUNNING', now())"
    )
    await world.follow(ended("short", NOW))
    await world.add(a_run("long"), "custom")
    part = partitions.EVENTS.part_of(NOW).name

    await world.keep_up(NOW + 33 * DAY)
    assert await world.reads.last_seq("uid-short") == 4
    # for a week the day waits for `long`; then `short` goes alone
    await world.keep_up(NOW + 40 * DAY)
    with pytest.raises(EventsExpired):
        await world.reads.last_seq("uid-short")
    assert await world.types(a_run("short")) == []
    assert [row["run_uid"] for row in await world.admin.fetch("SELECT run_uid FROM node_visit")] == [
        "uid-long"
    ]

    await world.keep_up(NOW + 300 * DAY)
    await world.add(a_run("long"), "custom")
    assert await world.types(a_run("long")) == [(1, "run_accepted"), (2, "custom"), (3, "custom")]
    await world.follow(ended("long", NOW + 301 * DAY))
    await world.keep_up(NOW + 330 * DAY)
    assert len(await world.types(a_run("long"))) == 4
    assert part in await world.parts(partitions.EVENTS)
    await world.keep_up(NOW + 332 * DAY)
    assert part not in await world.parts(partitions.EVENTS)
    assert await world.count("node_visit") == 0


async def test_runs_that_were_written_down_late_are_dropped_one_by_one(world: World) -> None:
    created = NOW - 100 * DAY  # of a day that has no partition
    await world.add(a_run("late", created), "custom")
    await world.follow(ended("late", NOW - 90 * DAY, created))
    assert await world.count("run_event_default") == 3
    await world.keep_up(NOW)
    assert await world.count("run_event_default") == 0
    with pytest.raises(EventsExpired):
        await world.reads.last_seq("uid-late")


async def test_runs_are_forgotten_after_their_storage_and_their_events(world: World) -> None:
    for name in ("gone", "unswept", "there"):
        await world.add(a_run(name), "custom")
        await world.follow(ended(name, NOW))
    for name in ("gone", "unswept"):
        await world.admin.execute(sql.RUN_GONE, f"uid-{name}")
    await world.admin.execute(sql.RUN_SWEPT, "uid-gone")

    await world.keep_up(NOW + 59 * DAY)
    assert await world.count("run") == 3
    for_ever = HistoryRetention(KEPT.events, 0, KEPT.tokens, KEPT.places)
    await world.keep_up(NOW + 400 * DAY, for_ever)
    assert await world.count("run") == 3
    await world.keep_up(NOW + 61 * DAY)
    left = {row["uid"] for row in await world.admin.fetch("SELECT uid FROM run")}
    assert left == {"uid-unswept", "uid-there"}
    for table in ("run_attempt", "run_milestone"):
        rows = await world.admin.fetch(f"SELECT DISTINCT run_uid FROM {table}")  # noqa: S608 - a name of ours
        assert {row["run_uid"] for row in rows} == left


async def test_tickets_that_nobody_used_are_removed(world: World) -> None:
    await world.admin.execute(stream_sql.TICKET_ADD, b"old", "{}", 30.0)
    await world.admin.execute(stream_sql.TICKET_ADD, b"new", "{}", 7200.0)
    await world.keep_up(NOW + HOUR)
    assert [row["digest"] for row in await world.admin.fetch("SELECT digest FROM stream_ticket")] == [b"new"]


async def test_after_a_restore_into_another_server_streams_begin_anew(world: World) -> None:
    far = 2**40
    await world.admin.execute(
        "INSERT INTO project_batch (namespace, tx, run_uid, run_name, first_seq, last_seq)"
        " VALUES ('team', $1::bigint::text::xid8, 'u', 'r', 1, 1)",
        far,
    )
    await world.admin.execute(stream_sql.BATCHES_DROPPED_SET, far)
    await world.keep_up(NOW)
    assert await world.count("project_batch") == 0
    assert not await world.project_reads.keeps(Place(far, 1))  # a cursor from there
    assert await world.project_reads.keeps(Place(await world.project_reads.horizon()))


async def test_what_others_store_during_upkeep_is_none_of_another_server(world: World) -> None:
    async with world.admin.transaction():
        await world.admin.execute("SELECT pg_current_xact_id()")
        await world.add(a_run("newer"), "custom")
        await world.admin.execute(upkeep_sql.BATCHES_FOREIGN)
    assert await world.count("project_batch") == 1
