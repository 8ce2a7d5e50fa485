"""What is kept is kept long enough, and no longer: partitions ahead, events with their runs, runs with their storage."""

import pytest

from graphrun_api.db import partitions, sql, stream_sql
from graphrun_api.errors import EventsExpired
from graphrun_api.upkeep import HistoryRetention
from support.history_world import DAY, HOUR, KEPT, NOW, World, a_run, ended


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
