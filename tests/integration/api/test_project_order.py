"""A project's events come in one order, each once, whoever stores and whatever breaks."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import InvalidStatus

from graphrun_api.db import sql
from support.api_world import Api, Project, Rest, Runner, now, rest_of
from support.streams import Many, custom, cut_all_connections, many_of, places, run_socket, taken
from support.waiting import eventually

AWAY = 503


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def stored(rest: Rest, run: str) -> int:
    seq: int = (await rest.ok("GET", f"/runs/{run}/events"))["last_seq"]
    return seq


async def test_the_list_of_runs_and_then_the_stream_leave_no_gap(
    api: Api, rest: Rest, project: Project, runs: list[str], runners: list[Runner]
) -> None:
    await rest.until_status(runs[0], "RUNNING")
    page = await rest.ok("GET", "/runs")
    await runners[0].sent(custom(runners[0], 1))
    await project.status(runs[0], phase="Succeeded", completionTime=now())
    await eventually(lambda: stored(rest, runs[0]), lambda seq: seq == 4, seconds=20)
    async with many_of(api, rest) as many:
        await many.subscribed("all", project=True, after=page["stream_cursor"])
        frames = await many.events(2)
        assert places(frames) == [(runs[0], 3), (runs[0], 4)]

    async def statuses() -> dict[str, str]:
        items = (await rest.ok("GET", "/runs"))["items"]
        return {item["run_id"]: item["status"] for item in items}

    # who is told of the end finds it in the list: both were written at once
    assert (await statuses())[runs[0]] == "COMPLETED"


async def hold_an_event(held: Any, run: str, seq: int) -> None:
    """Store one more event of a run as a replica does, and leave the transaction open."""
    uid = await held.fetchval("SELECT uid FROM run WHERE name = $1", run)
    turn = await held.fetchrow(sql.RUN_TURN, uid)
    assert turn["last_seq"] == seq - 1
    at = await held.fetchval("SELECT now()")
    await held.execute(sql.EVENTS_INSERT, uid, turn["day"], 1, [seq], ["custom"], [at], [None], ["{}"])
    await held.execute(sql.RUN_ADVANCE, uid, seq, 0, None, seq)


async def test_transactions_that_end_out_of_order_cost_no_event(
    api: Api, rest: Rest, runs: list[str], runners: list[Runner], database: str
) -> None:
    first, second = runs
    held = await asyncpg.connect(database)
    try:
        async with many_of(api, rest) as many:
            cursor = (await many.subscribed("all", project=True))["cursor"]
            transaction = held.transaction()
            await transaction.start()
            await hold_an_event(held, first, 3)
            for number in range(3):
                await runners[1].sent(custom(runners[1], number))
            await many.subscribed("early", run=second, after=2)
            early = await many.events(3)  # a run's own stream waits for nobody
            assert {frame["id"] for frame in early} == {"early"}
            async with many_of(api, rest) as late:
                # who comes now, from before or from now on, must not be led past what is under way
                await late.subscribed("before", project=True, after=cursor)
                await late.subscribed("now", project=True)
                await transaction.commit()
                wanted = [(first, 3), (second, 3), (second, 4), (second, 5)]
                frames = await many.events(4)
                assert places(frames) == wanted
                lately = await late.events(8)
                for subscription in ("before", "now"):
                    mine = [frame for frame in lately if frame["id"] == subscription]
                    assert places(mine) == wanted
            for at, frame in enumerate(frames[:3]):
                async with many_of(api, rest) as again:
                    await again.subscribed("all", project=True, after=frame["cursor"])
                    assert places(await again.events(3 - at)) == wanted[at + 1 :]
    finally:
        await held.close()


async def test_events_stored_by_one_replica_reach_the_projects_streams_of_another(
    other: Api, project: Project, runs: list[str], runners: list[Runner]
) -> None:
    async with rest_of(other, project) as elsewhere, many_of(other, elsewhere) as many:
        await many.subscribed("all", project=True)
        await runners[0].sent(custom(runners[0], 1))
        await runners[1].sent(custom(runners[1], 1))
        assert places(await many.events(2)) == [(runs[0], 3), (runs[1], 3)]


async def produce(runner: Runner, total: int) -> None:
    """Send batches of changing sizes; what was refused or cut off is sent again, as runners do."""
    dice = random.Random(runner.pod["metadata"]["name"])  # noqa: S311 - a test's dice
    number = 0
    while number < total:
        batch = [custom(runner, number + step) for step in range(min(dice.randint(1, 8), total - number))]
        number += len(batch)
        await eventually(
            lambda batch=batch: runner.send(*batch),  # type: ignore[misc] # bound for this batch
            lambda answer: answer.status_code == 204,
            seconds=60,
        )


async def follow_project(apis: list[Rest], urls: list[Api], cursor: str, total: int, seed: int) -> list[Any]:
    """All events of a project, by a client that leaves at random and goes on elsewhere from its cursor."""
    dice = random.Random(seed)  # noqa: S311 - as above
    seen: list[dict[str, Any]] = []
    while len(seen) < total:
        at = dice.randrange(len(urls))
        try:
            async with many_of(urls[at], apis[at]) as many:
                await many.say("subscribe", "all", project=True, after=cursor)
                first = await many.next()
                if first["type"] == "problem":  # Postgres is away just now
                    assert first["problem"]["status"] == AWAY, first
                    continue
                await read_some(many, seen, min(dice.randint(1, 40), total - len(seen)))
        except InvalidStatus as refused:  # the same, a moment earlier
            if refused.response.status_code != AWAY:
                raise
            continue
        cursor = seen[-1]["cursor"]
    return places(seen)


async def read_some(many: Many, seen: list[dict[str, Any]], count: int) -> None:
    for _ in range(count):
        [frame] = await taken(many.connection, 1)
        assert frame["type"] == "event", frame
        seen.append(frame)


async def test_clients_that_come_and_go_see_every_event_of_every_run_once_and_in_order(
    *,
    api: Api,
    other: Api,
    rest: Rest,
    project: Project,
    runners: list[Runner],
    runs: list[str],
    database: str,
) -> None:
    each = 120
    async with rest_of(other, project) as elsewhere, many_of(api, rest) as many:
        cursor = (await many.subscribed("all", project=True))["cursor"]
        async with disturbed(database), asyncio.timeout(180):
            *results, _, _ = await asyncio.gather(
                *(follow_project([rest, elsewhere], [api, other], cursor, 2 * each, seed) for seed in (1, 2)),
                *(produce(runner, each) for runner in runners),
            )
            frames: list[dict[str, Any]] = []
            await read_some(many, frames, 2 * each)  # and one who never left

    for seen in (*results, places(frames)):
        for run in runs:
            assert [seq for name, seq in seen if name == run] == list(range(3, each + 3))


@asynccontextmanager
async def disturbed(database: str) -> AsyncIterator[None]:
    """Postgres restarts again and again, and others take their time with their transactions."""
    done = asyncio.Event()

    async def restart_now_and_then() -> None:
        while not done.is_set():
            await cut_all_connections(database)
            try:
                await asyncio.wait_for(done.wait(), 2)
            except TimeoutError:
                continue

    async def hold_transactions() -> None:
        """Others of the server that take their time."""
        while not done.is_set():
            held = await asyncpg.connect(database)
            try:
                await held.execute("BEGIN; SELECT pg_current_xact_id()")
                await asyncio.wait_for(done.wait(), 0.3)
            except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                pass
            finally:
                held.terminate()

    disturbers = [asyncio.create_task(restart_now_and_then()), asyncio.create_task(hold_transactions())]
    try:
        yield
    finally:
        done.set()
        await asyncio.gather(*disturbers)


async def test_a_run_stream_and_an_open_socket_of_many_outlast_postgres(
    api: Api, rest: Rest, runs: list[str], runners: list[Runner], database: str
) -> None:
    async with many_of(api, rest) as many, run_socket(api, rest, runs[0], after=2) as single:
        await many.subscribed("all", project=True)
        for number in range(3):
            await cut_all_connections(database)
            await produce(runners[0], 1)
            [frame] = await many.events(1)
            [event] = await taken(single, 1)
            assert places([frame]) == [(runs[0], 3 + number)]
            assert event["seq"] == 3 + number
