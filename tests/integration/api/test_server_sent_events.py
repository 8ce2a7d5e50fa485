"""Server-sent events: the same stream as the socket's, for who has none."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graphrun_api.events import feed, socket, sse
from graphrun_core import names
from support.api_world import Api, Project, Rest, Runner, now, rest_of, runner_of
from support.streams import custom, sse_of
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def runner(api: Api, rest: Rest, project: Project) -> AsyncIterator[Runner]:
    """Of a run that has two events."""
    pod = await project.pod_for(await rest.create(params={"execute": "true"}))
    async with runner_of(api, project, pod) as runner:
        await runner.claimed()
        await runner.sent(custom(runner, 0))
        yield runner


@pytest.fixture
def run(runner: Runner) -> str:
    name: str = runner.pod["metadata"]["labels"][names.LABEL_RUN]
    return name


@pytest.fixture
def rights_are_checked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "RIGHT_CHECK_SECONDS", 0.2)


async def end(rest: Rest, project: Project, run: str, seq: int) -> None:
    """End the run, its last event being the one of `seq`."""
    await project.status(run, phase="Succeeded", completionTime=now())

    async def last() -> int:
        found: int = (await rest.ok("GET", f"/runs/{run}/events"))["last_seq"]
        return found

    await eventually(last, lambda found: found == seq, seconds=20)


async def test_what_is_stored_comes_first_then_what_comes_then_the_end(
    rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    async with sse_of(rest, run) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        replayed = await stream.events(2)
        await runner.sent(custom(runner, 1))
        live = await stream.events(1)
        await end(rest, project, run, 4)
        last = await stream.rest()

    found = [*replayed, *live, *last]
    assert [event["seq"] for event in found] == [1, 2, 3, 4]
    assert [event["type"] for event in found] == ["run_accepted", "custom", "custom", "run_completed"]
    assert {event["run_id"] for event in found} == {run}


async def test_who_comes_again_goes_on_after_the_last_event_until_told_to_stay_away(
    rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    await runner.sent(custom(runner, 1))
    await end(rest, project, run, 4)
    async with sse_of(rest, run, **{"Last-Event-ID": "2"}) as stream:
        assert [event["seq"] for event in await stream.rest()] == [3, 4]
    async with sse_of(rest, run, "?after=1", **{"Last-Event-ID": "3"}) as stream:
        assert [event["seq"] for event in await stream.rest()] == [4]
    for query, headers in (("", {"Last-Event-ID": "4"}), ("?after=4", {})):
        async with sse_of(rest, run, query, **headers) as stream:
            assert stream.answer.status_code == 204


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?after=-1", {}),
        ("?after=3", {}),
        ("", {"Last-Event-ID": "x"}),
        ("", {"Last-Event-ID": "3"}),
        ("", {"Last-Event-ID": "9" * 32}),
    ],
)
async def test_a_place_that_the_run_has_not_reached_is_refused(
    rest: Rest, run: str, query: str, headers: dict[str, str]
) -> None:
    async with sse_of(rest, run, query, **headers) as stream:
        assert stream.answer.status_code == 422
        await stream.answer.aread()
        assert stream.answer.headers["content-type"] == "application/problem+json"


async def test_types_are_chosen_and_the_end_still_ends_it(
    rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    async with sse_of(rest, run, "?types=node_started,token") as stream:
        await runner.sent(custom(runner, 1), runner.visit("node_started", "plan", "t1"))
        await end(rest, project, run, 5)
        assert [event["type"] for event in await stream.rest()] == ["node_started"]


async def test_a_silent_stream_is_kept_awake(
    rest: Rest, run: str, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "_PING_SECONDS", 0.1)
    async with sse_of(rest, run, "?after=2") as stream:
        for _ in range(3):
            assert (await stream.next()).data is None
        await runner.sent(custom(runner, 1))
        assert [event["seq"] for event in await stream.events(1)] == [3]


async def test_a_stopping_server_ends_it(other: Api, project: Project, run: str) -> None:
    async with rest_of(other, project) as elsewhere, sse_of(elsewhere, run) as stream:
        await stream.events(2)
        other.program.stop()
        assert await stream.rest() == []


@pytest.mark.usefixtures("rights_are_checked_often")
async def test_who_loses_the_right_loses_it(rest: Rest, project: Project, run: str) -> None:
    async with sse_of(rest, run) as stream:
        await stream.events(2)
        base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}/rolebindings/editor"
        await project.kube.call("DELETE", base)
        assert await stream.rest() == []


async def test_who_cannot_keep_up_is_let_go_and_goes_on_from_there(
    rest: Rest, run: str, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "QUEUE_EVENTS", 50)
    async with sse_of(rest, run) as stream:
        await stream.events(2)
        await runner.sent(custom(runner, 1))
        await stream.events(1)
        # one batch that is larger than the queue
        await runner.sent(*(custom(runner, number) for number in range(60)))
        assert await stream.rest() == []
    async with sse_of(rest, run, **{"Last-Event-ID": "3"}) as stream:
        assert [event["seq"] for event in await stream.events(60)] == list(range(4, 64))


async def test_it_is_refused_like_any_other_request(api: Api, rest: Rest, project: Project, run: str) -> None:
    async with rest_of(api, project, "viewer") as viewer:  # may get, but not watch
        for who, name, headers, status in (
            (rest, run, {"Authorization": ""}, 401),
            (viewer, run, {}, 403),
            (rest, "nosuch", {}, 404),
        ):
            async with sse_of(who, name, **headers) as stream:
                assert stream.answer.status_code == status


async def test_nothing_is_left_of_a_client_that_went(rest: Rest, run: str) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with sse_of(rest, run) as stream:
            await stream.next()

    async def left() -> int:
        return len(asyncio.all_tasks())

    # one may be that of a connection kept for the next request
    await eventually(left, lambda count: count <= before + 1, seconds=20)
