"""Events as they come: replay, then live, nothing twice and nothing missing, whoever stores and whoever streams."""

import asyncio
import json
import socket as net
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from graphrun_api.events import feed, socket
from support.api_world import Api, Project, Rest, Runner, now, rest_of, runner_of
from support.streams import all_of, custom, cut_all_connections, run_socket, socket_url, taken
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def run(rest: Rest) -> str:
    return await rest.create(params={"execute": "true"})


@pytest.fixture
def rights_are_checked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "RIGHT_CHECK_SECONDS", 0.2)


@pytest.fixture
async def runner(api: Api, project: Project, run: str) -> AsyncIterator[Runner]:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        yield runner


async def test_a_stream_replays_then_follows_and_ends_with_the_run(
    api: Api, rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    await runner.sent(*(custom(runner, number) for number in range(3)))
    async with run_socket(api, rest, run) as connection:
        replayed = await taken(connection, 4)
        await runner.sent(custom(runner, 3))
        [live] = await taken(connection, 1)
        await project.status(run, phase="Succeeded", completionTime=now())
        last = await all_of(connection)

    assert [event["type"] for event in replayed] == ["run_accepted", "custom", "custom", "custom"]
    assert [event["seq"] for event in [*replayed, live, *last]] == [1, 2, 3, 4, 5, 6]
    assert live["run_id"] == run
    assert live["data"] == {"payload": 3}
    assert live["attempt"] == 1
    assert [event["type"] for event in last] == ["run_completed"]
    assert connection.close_code == 1000


async def test_a_live_event_is_there_within_moments(api: Api, rest: Rest, run: str, runner: Runner) -> None:
    async with run_socket(api, rest, run) as connection:
        await runner.sent(custom(runner, 0))
        await taken(connection, 2)
        await runner.sent(custom(runner, 1))
        began = asyncio.get_running_loop().time()
        await taken(connection, 1)

    # far under the 2 s of the poll: the hint brought it
    assert asyncio.get_running_loop().time() - began < 1


async def test_after_goes_on_where_a_client_left(
    api: Api, rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    await runner.sent(*(custom(runner, number) for number in range(5)))
    await project.status(run, phase="Failed", reason="GraphError", message="no luck", completionTime=now())
    await rest.until_status(run, "FAILED")

    async def ended() -> Any:
        return (await rest.ok("GET", f"/runs/{run}/events"))["last_seq"]

    await eventually(ended, lambda seq: seq == 7, seconds=10)
    async with run_socket(api, rest, run, after=4) as connection:
        rest_of_events = await all_of(connection)
    async with run_socket(api, rest, run, after=7) as late:
        nothing = await all_of(late)

    assert [event["seq"] for event in rest_of_events] == [5, 6, 7]
    assert rest_of_events[-1]["data"]["message"] == "no luck"
    assert nothing == []
    assert late.close_code == 1000


async def test_clients_that_come_and_go_see_every_event_exactly_once_in_order(
    api: Api, rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    total = 400

    async def produce() -> None:
        for start in range(0, total, 10):
            await runner.sent(*(custom(runner, start + step) for step in range(10)))
        await project.status(run, phase="Succeeded", completionTime=now())

    async def consume(patience: int) -> list[int]:
        seen: list[int] = []
        ended = False
        while not ended:
            async with run_socket(api, rest, run, after=seen[-1] if seen else 0) as connection:
                ended = await read_until(connection, seen, patience)
        return seen

    producer = asyncio.create_task(produce())
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(consume(patience) for patience in (7, 33, 1000)))
    await producer

    for seen in results:
        assert seen == list(range(1, total + 3))


async def read_until(connection: ClientConnection, seen: list[int], patience: int) -> bool:
    """Read until the run's end (true), or leave in the middle once patience is at its end."""
    async for message in connection:
        event = json.loads(message)
        seen.append(event["seq"])
        if event["type"] == "run_completed":
            return True
        if len(seen) % patience == 0:
            return False
    return False


async def test_events_stored_by_one_replica_are_streamed_by_another(
    other: Api, project: Project, run: str, runner: Runner
) -> None:
    async with rest_of(other, project) as elsewhere, run_socket(other, elsewhere, run) as connection:
        await runner.sent(custom(runner, 1))
        assert [event["seq"] for event in await taken(connection, 2)] == [1, 2]


async def test_lost_hints_cost_no_events(
    api: Api, rest: Rest, run: str, runner: Runner, database: str
) -> None:
    async with run_socket(api, rest, run) as connection:
        await runner.sent(custom(runner, 1))
        await taken(connection, 2)
        await cut_all_connections(database)  # LISTEN, pool and the follower's lock
        await eventually(
            lambda: runner.send(custom(runner, 2)), lambda answer: answer.status_code == 204, seconds=15
        )
        assert (await taken(connection, 1))[0]["seq"] == 3


async def test_an_event_without_a_hint_comes_with_the_next_poll(
    api: Api, rest: Rest, run: str, runner: Runner, database: str
) -> None:
    async with run_socket(api, rest, run) as connection:
        await runner.sent(custom(runner, 1))
        await taken(connection, 2)
        silent = await asyncpg.connect(database)
        await silent.execute(
            "INSERT INTO run_event (run_uid, day, seq, attempt, type, at, data)"
            " SELECT uid, (created_at AT TIME ZONE 'UTC')::date, 3, 1, 'custom', now(), '{}'"
            " FROM run WHERE last_seq = 2"
        )
        await silent.close()
        assert (await taken(connection, 1))[0]["seq"] == 3


async def test_a_socket_is_refused_like_any_other_request(
    api: Api, rest: Rest, run: str, project: Project
) -> None:
    async with rest_of(api, project, "viewer") as viewer:  # may get, but not watch
        refusals = [
            (run_socket(api, rest, run, token=""), 401),
            (run_socket(api, viewer, run), 403),
            (run_socket(api, rest, "nosuch"), 404),
        ]
        for attempt, status in refusals:
            with pytest.raises(InvalidStatus) as refused:
                await attempt
            assert refused.value.response.status_code == status
            assert json.loads(refused.value.response.body)["status"] == status


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={2**62 + 1}", "after=7", "types=%00"])
async def test_a_socket_that_asks_for_nonsense_is_refused_by_the_name_of_the_field(
    api: Api, rest: Rest, run: str, query: str
) -> None:
    url = socket_url(api, rest, f"/{run}/stream?{query}")
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"Authorization": f"Bearer {rest.token}"}, proxy=None)
    problem = json.loads(refused.value.response.body)
    assert problem["type"] == "/problems/invalid-request"
    assert [item["field"] for item in problem["errors"]] == [query.partition("=")[0]]


async def test_a_client_that_does_not_read_is_closed_and_not_buffered_for(
    api: Api, rest: Rest, run: str, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "QUEUE_EVENTS", 50)
    with net.socket() as plug:
        # or the kernel would hold 32 MB for it
        plug.setsockopt(net.SOL_SOCKET, net.SO_RCVBUF, 65536)
        plug.connect(("127.0.0.1", int(api.url.rpartition(":")[2])))
        async with run_socket(api, rest, run, sock=plug) as connection:
            await runner.sent(custom(runner, 0))
            await taken(connection, 2)
            connection.transport.pause_reading()
            for _ in range(10):
                await runner.sent(
                    *(runner.event("custom", data={"payload": "x" * 30_000}) for _ in range(40))
                )
            connection.transport.resume_reading()
            received = await all_of(connection)

    assert connection.close_code == 1013
    assert len(received) < 400
    assert [event["seq"] for event in received] == list(range(3, len(received) + 3))


@pytest.mark.usefixtures("rights_are_checked_often")
async def test_who_loses_the_right_loses_the_stream(
    api: Api, rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    async with run_socket(api, rest, run) as connection:
        await runner.sent(custom(runner, 0))
        await taken(connection, 2)
        base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}/rolebindings/editor"
        await project.kube.call("DELETE", base)
        assert await all_of(connection) == []

    assert connection.close_code == 1008


async def test_a_stopping_server_says_goodbye(other: Api, rest: Rest, run: str, runner: Runner) -> None:
    async with run_socket(other, rest, run) as connection:
        await runner.sent(custom(runner, 0))
        await taken(connection, 2)
        other.program.stop()
        assert await all_of(connection) == []

    assert connection.close_code == 1001


async def test_replay_goes_both_ways_and_is_filtered(rest: Rest, run: str, runner: Runner) -> None:
    await runner.sent(
        runner.visit("node_started", "plan", "t1"),
        runner.visit("node_completed", "plan", "t1"),
        runner.visit("node_started", "work", "t2"),
    )

    async def seqs(**params: Any) -> tuple[list[int], Any]:
        page = await rest.ok("GET", f"/runs/{run}/events", params=params)
        return [event["seq"] for event in page["items"]], page["next_cursor"]

    assert await seqs() == ([1, 2, 3, 4], None)
    assert await seqs(limit=3) == ([1, 2, 3], 3)
    assert await seqs(after=3) == ([4], None)
    assert await seqs(before=4, limit=2) == ([3, 2], 2)
    assert await seqs(node="plan") == ([2, 3], None)
    assert await seqs(types="node_started,node_completed", after=2) == ([3, 4], None)
