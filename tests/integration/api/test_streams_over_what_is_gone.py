"""Streams over what is not kept any more: tokens leave holes, places are refused, nothing hangs."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from graphrun_api.db import partitions, stream_sql, upkeep_sql
from graphrun_api.errors import EventsExpired
from graphrun_api.events.feed import Feeds
from graphrun_api.events.following import RunStream
from graphrun_api.events.places import Place
from graphrun_api.upkeep import HistoryRetention
from support.api_world import Api, Project, Rest
from support.history_world import DAY, HOUR, NOW, World, a_run, ended
from support.streams import many_of
from support.waiting import eventually


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


async def test_a_projects_stream_has_tokens_while_they_are_kept_and_skips_them_afterwards(
    world: World,
) -> None:
    run = a_run("talk")
    place = Place(await world.project_reads.horizon())
    for kinds in (("custom", "token"), ("token",), ("custom",)):
        await world.add(run, *kinds)

    async def replayed(count: int) -> list[int]:
        seen: list[int] = []
        async with asyncio.timeout(30), aclosing(world.project_stream(place).batches()) as batches:
            while len(seen) < count:
                seen += [each.event.seq for each in await anext(batches)]
        return seen

    assert await replayed(5) == [1, 2, 3, 4, 5]
    await world.keep_up(NOW + DAY + 2 * HOUR)
    assert await replayed(3) == [1, 2, 5]


async def test_places_are_kept_for_their_time_and_refused_afterwards(world: World) -> None:
    run = a_run("one")
    place = Place(await world.project_reads.horizon())
    await world.add(run, "custom")
    end_of_day = partitions.BATCHES.part_of(datetime.now(UTC)).end
    stream = world.project_stream(place)

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
    await world.project_stream(Place(await world.project_reads.horizon())).check()


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
        assert (problem["status"], problem["type"].rpartition("/")[2]) == (410, "events-expired")
        fresh = (await rest.ok("GET", "/runs"))["stream_cursor"]
        await many.subscribed("all", project=True, after=fresh)


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
