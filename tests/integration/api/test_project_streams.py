"""Many streams on one socket: who may, what frames say, and what makes no sense."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from graphrun_api.events import multiplex, project_feed, socket
from support.api_world import Api, Kube, Project, Rest, Runner, now, rest_of, runner_of
from support.streams import custom, many_of, places


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def test_runs_and_the_project_are_followed_on_one_socket(
    api: Api, rest: Rest, project: Project, runs: list[str], runners: list[Runner]
) -> None:
    first, second = runs
    async with many_of(api, rest) as many:
        told = await many.subscribed("a", run=first)
        assert (told["run"], told["last_seq"]) == (first, 2)
        assert places(await many.events(2)) == [(first, 1), (first, 2)]
        told = await many.subscribed("all", project=True)
        assert told["project"] == project.name

        await runners[1].sent(custom(runners[1], 1))
        [frame] = await many.events(1)
        assert frame["id"] == "all"
        assert places([frame]) == [(second, 3)]
        assert frame["cursor"]

        await runners[0].sent(custom(runners[0], 1))
        both = await many.events(2)
        assert {frame["id"] for frame in both} == {"a", "all"}
        assert places(both) == [(first, 3), (first, 3)]

        await many.say("unsubscribe", "all")
        await many.subscribed("b", run=second, after=3)
        await project.status(second, phase="Succeeded", completionTime=now())
        [frame] = await many.events(1)
        assert frame["id"] == "b"
        assert frame["event"]["type"] == "run_completed"
        assert await many.next() == {"type": "ended", "id": "b"}
        # and the word is free again
        await many.subscribed("b", run=first, after=3)


async def test_types_are_chosen_by_subscription(
    api: Api, rest: Rest, runs: list[str], runners: list[Runner]
) -> None:
    async with many_of(api, rest) as many:
        await many.subscribed("nodes", run=runs[0], types=["node_started"])
        await many.subscribed("all nodes", project=True, types=["node_started"])
        await runners[0].sent(custom(runners[0], 1), runners[0].visit("node_started", "plan", "t1"))
        both = await many.events(2)

    assert places(both) == [(runs[0], 4)] * 2


async def test_frames_that_make_no_sense_are_explained_and_end_nothing(
    api: Api, rest: Rest, runs: list[str], runners: list[Runner]
) -> None:
    async with many_of(api, rest) as many:
        await many.subscribed("good", run=runs[0], after=2)
        for text in ("{", "[]", '{"type": "dance", "id": "x"}', '{"type": "subscribe"}', "x" * 20_000):
            await many.connection.send(text)
            assert (await many.refused())["status"] == 422
        await many.connection.send(b"\x00\xff")
        assert (await many.refused())["status"] == 422
        for fields, word in (
            ({}, "name a run"),
            ({"run": runs[0], "project": True}, "name a run"),
            ({"run": runs[0], "after": -1}, "after"),
            ({"run": runs[0], "after": "3"}, "after"),
            ({"run": runs[0], "after": True}, "after"),
            ({"run": runs[0], "after": 3}, "after"),  # of which nothing is known yet
            ({"run": runs[0], "after": 10**30}, "after"),
            ({"project": True, "after": 3}, "after"),
            ({"run": "../x"}, "run"),
            ({"run": runs[0], "limit": 3}, "limit"),
        ):
            problem = await many.problem("bad", **fields)
            assert problem["status"] == 422, problem
            assert word in problem["detail"], problem
        assert (await many.problem("bad", run="nosuch"))["type"].endswith("run-not-found")
        assert (await many.problem("bad", project=True, after="x"))["type"].endswith("invalid-cursor")
        twice = await many.problem("good", run=runs[0])
        assert (twice["id"], twice["status"]) == ("", 422)
        await many.say("unsubscribe", "never there")
        await runners[0].sent(custom(runners[0], 1))
        [frame] = await many.events(1)

    assert frame["id"] == "good"


async def test_one_socket_carries_so_many_subscriptions_and_no_more(
    api: Api, rest: Rest, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiplex, "_SUBSCRIPTIONS", 2)
    async with many_of(api, rest) as many:
        await many.subscribed("a", run=runs[0], after=2)
        await many.subscribed("b", run=runs[1], after=2)
        assert "2 subscriptions at most" in (await many.problem("c", project=True))["detail"]
        await many.say("unsubscribe", "a")
        await many.subscribed("c", project=True)


async def test_a_socket_of_many_is_refused_like_any_other_request(
    api: Api, rest: Rest, project: Project
) -> None:
    async with rest_of(api, project, "viewer") as viewer, rest_of(api, project, "stranger") as stranger:
        for who, headers, status in (
            (rest, {}, 401),
            (viewer, None, 403),
            (stranger, None, 404),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with many_of(api, who, headers=headers):
                    pass
            assert refused.value.response.status_code == status


async def test_nothing_of_another_project_comes_and_its_cursors_are_refused(
    api: Api, rest: Rest, kube: Kube, runs: list[str], runners: list[Runner]
) -> None:
    elsewhere = await Project.make(kube)
    await elsewhere.workflow()
    async with rest_of(api, elsewhere) as foreign, many_of(api, foreign) as theirs:
        cursor = (await theirs.subscribed("all", project=True))["cursor"]
        assert (await theirs.problem("run", run=runs[0]))["status"] == 404
        await runners[0].sent(custom(runners[0], 1))
        run = await foreign.create(params={"execute": "true"})
        async with runner_of(api, elsewhere, await elsewhere.pod_for(run)) as runner:
            await runner.claimed()
            await runner.sent(custom(runner, 0))
        assert places(await theirs.events(2)) == [(run, 1), (run, 2)]
    async with many_of(api, rest) as many:
        problem = await many.problem("all", project=True, after=cursor)
    assert problem["type"].endswith("invalid-cursor")


async def test_who_loses_the_right_loses_the_socket_of_many(
    api: Api, rest: Rest, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "RIGHT_CHECK_SECONDS", 0.2)
    async with many_of(api, rest) as many:
        await many.subscribed("all", project=True)
        base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}/rolebindings/editor"
        await project.kube.call("DELETE", base)
        await asyncio.wait_for(many.connection.wait_closed(), 30)
    assert many.connection.close_code == 1008


async def test_a_stopping_server_says_goodbye_to_sockets_of_many(other: Api, rest: Rest) -> None:
    async with many_of(other, rest) as many:
        await many.subscribed("all", project=True)
        other.program.stop()
        await asyncio.wait_for(many.connection.wait_closed(), 30)
    assert many.connection.close_code == 1001


async def test_a_project_that_cannot_be_kept_up_with_closes_the_socket(
    api: Api, rest: Rest, runners: list[Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_feed, "QUEUE_EVENTS", 50)
    async with many_of(api, rest) as many:
        await many.subscribed("all", project=True)
        await runners[0].sent(custom(runners[0], 0))
        await many.events(1)
        # one batch that is larger than the queue
        await runners[0].sent(*(custom(runners[0], number) for number in range(60)))
        await asyncio.wait_for(many.connection.wait_closed(), 30)
    assert many.connection.close_code == 1013
