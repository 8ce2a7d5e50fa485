"""Logs: chunks taken from who holds the attempt, and shown from the pod or from what was stored."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.api_world import MERGE, Api, Project, Rest, Runner, rest_of, runner_of
from support.full_run import allow_logs
from support.kubelet import Kubelet, bind, kubelet_of
from support.waiting import eventually

Json = dict[str, Any]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()
    await allow_logs(project, "editor")


@pytest.fixture
async def run(rest: Rest) -> str:
    return await rest.create(params={"execute": "true"})


@pytest.fixture
async def runner(api: Api, project: Project, run: str) -> AsyncIterator[Runner]:
    """The runner of the first attempt, which it has claimed."""
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        yield runner


@pytest.fixture
async def kubelet(project: Project, tmp_path: Path) -> AsyncIterator[Kubelet]:
    async with kubelet_of(project.kube, tmp_path) as kubelet:
        yield kubelet


async def send(runner: Runner, text: str, offset: int = 0, **changes: Any) -> httpx.Response:
    body = {"attempt": 1, "offset": offset, "size": len(text.encode()), "text": text, **changes}
    return await runner.http.post("/runner/v1/logs", json=body)


async def sent(runner: Runner, text: str, offset: int = 0, **changes: Any) -> None:
    answer = await send(runner, text, offset, **changes)
    assert answer.status_code == 204, answer.text


async def log_of(rest: Rest, run: str, **params: Any) -> str:
    answer = await rest.send("GET", f"/runs/{run}/logs", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.text


async def remove_pod(project: Project, pod: Json) -> None:
    path = f"/api/v1/namespaces/{project.namespace}/pods/{pod['metadata']['name']}"
    await project.kube.call("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
    await project.kube.call("DELETE", path, {"gracePeriodSeconds": 0})


async def until_recorded(rest: Rest, run: str, attempt: int) -> None:
    """Wait until the history knows the attempt's pod."""
    await eventually(
        lambda: rest.ok("GET", f"/runs/{run}/attempts"),
        lambda seen: any(item["attempt"] == attempt and item["pod"] for item in seen["items"]),
        what="the attempt is recorded",
    )


async def next_attempt(project: Project, run: str, number: int) -> Json:
    """What the operator does when it starts another one; its pod."""
    await project.status(run, phase="Running", attempt=number)
    return await project.pod_for(run, number)


async def test_stored_chunks_are_shown_in_order_each_once(
    rest: Rest, run: str, runner: Runner, project: Project
) -> None:
    await remove_pod(project, runner.pod)
    await sent(runner, "two\n", 4)
    await sent(runner, "öne\n"[:3], 0, size=4)
    await sent(runner, "öne\n"[:3], 0, size=4)

    assert await log_of(rest, run) == "önetwo\n"


async def test_a_line_tells_how_many_bytes_are_missing(rest: Rest, run: str, runner: Runner) -> None:
    await sent(runner, "be", 10)
    await sent(runner, "after\n", 100)

    assert await log_of(rest, run) == (
        "graphrun: 10 bytes of the log are missing here\nbe\n"
        "graphrun: 88 bytes of the log are missing here\nafter\n"
    )


@pytest.mark.parametrize(
    ("tail", "shown"),
    [(1, "e"), (2, "d\ne"), (3, "c\nd\ne"), (5, "a\nb\nc\nd\ne"), (100, "a\nb\nc\nd\ne")],
)
async def test_a_tail_is_the_last_lines_across_chunks(
    rest: Rest, run: str, runner: Runner, tail: int, shown: str
) -> None:
    await sent(runner, "a\nb\nc", 0)
    await sent(runner, "\nd\n", 5)
    await sent(runner, "e", 8)

    assert await log_of(rest, run, tail=tail) == shown


async def test_a_chunk_after_the_report_and_one_after_the_next_claim_are_still_taken(
    api: Api, rest: Rest, project: Project, run: str, runner: Runner
) -> None:
    await runner.report(stopped=True, outcome={"result": "Interrupted", "exitCode": 81})
    await sent(runner, "after the report\n", 0)
    await until_recorded(rest, run, 1)
    async with runner_of(api, project, await next_attempt(project, run, 2)) as second:
        await second.claimed()
        await sent(second, "the second\n", attempt=2)
        await sent(runner, "late\n", 17)

        assert await log_of(rest, run) == "the second\n"
        assert await log_of(rest, run, attempt=2) == "the second\n"
        assert await log_of(rest, run, attempt=1) == "after the report\nlate\n"


async def test_logs_outlive_the_runs_resource(rest: Rest, project: Project, run: str, runner: Runner) -> None:
    await sent(runner, "kept\n")
    await until_recorded(rest, run, 1)
    await remove_pod(project, runner.pod)
    await project.kube.call("DELETE", project.path("workflowruns", run))
    await eventually(
        lambda: rest.ok("GET", f"/runs/{run}"), lambda seen: seen["archived"], what="the run is archived"
    )

    assert await log_of(rest, run) == "kept\n"
    assert await log_of(rest, run, attempt=1, follow="true") == "kept\n"


async def test_a_pod_that_never_held_the_attempt_may_not_write_its_log(
    api: Api, project: Project, run: str, runner: Runner, rest: Rest
) -> None:
    meta = {key: runner.pod["metadata"][key] for key in ("labels", "ownerReferences", "finalizers")}
    twin = await project.kube.call(
        "POST",
        f"/api/v1/namespaces/{project.namespace}/pods",
        {"metadata": {**meta, "name": f"{run}-twin"}, "spec": runner.pod["spec"]},
    )
    async with runner_of(api, project, twin) as intruder:
        answer = await send(intruder, "not mine\n")

    assert answer.status_code == 409
    assert answer.json()["type"].endswith("superseded")
    await rest.refused(404, "GET", f"/runs/{run}/logs")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"attempt": 2}, (422, "attempt")),
        ({"attempt": None}, (422, "attempt")),
        ({"offset": -1}, (422, "offset")),
        ({"offset": True}, (422, "offset")),
        ({"offset": 10**16}, (422, "offset")),
        ({"size": 256 * 1024 + 1}, (422, "size")),
        ({"size": 1.5}, (422, "size")),
        ({"text": 1}, (422, "text")),
        ({"text": "\ud800"}, (422, "text")),
        ({"text": "x" * (256 * 1024 + 1)}, (413, "text")),
    ],
)
async def test_a_chunk_that_breaks_a_rule_is_refused_by_the_fields_name_and_leaves_nothing(
    rest: Rest, run: str, runner: Runner, changes: Json, refusal: tuple[int, str]
) -> None:
    status, field = refusal

    body = {"attempt": 1, "offset": 0, "size": 4, "text": "text", **changes}
    answer = await runner.http.post("/runner/v1/logs", content=json.dumps(body))

    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].startswith(f"{field}: ")
    await rest.refused(404, "GET", f"/runs/{run}/logs")


@pytest.mark.usefixtures("runner")
async def test_what_has_no_log_is_a_404_that_says_why(rest: Rest, run: str) -> None:
    waiting = await rest.create()

    for path, words in (
        (f"/runs/{waiting}/logs", "no attempt yet"),
        (f"/runs/{run}/logs", "attempt 1"),
        (f"/runs/{run}/logs?attempt=7", "attempt 7"),
        (f"/runs/{run}/logs?attempt=1&follow=true", "attempt 1"),
    ):
        problem = await rest.refused(404, "GET", path)
        assert problem["type"] == "/problems/log-not-found"
        assert words in problem["detail"]
    problem = await rest.refused(404, "GET", "/runs/nobody/logs")
    assert problem["type"] == "/problems/run-not-found"


@pytest.mark.parametrize("query", ["attempt=0", "attempt=x", "tail=0", "tail=10001", "follow=perhaps"])
async def test_a_query_that_makes_no_sense_is_refused_by_name(rest: Rest, run: str, query: str) -> None:
    problem = await rest.refused(422, "GET", f"/runs/{run}/logs?{query}")
    assert [error["field"] for error in problem["errors"]] == [query.partition("=")[0]]


async def test_logs_need_a_right_of_their_own(api: Api, project: Project, run: str, runner: Runner) -> None:
    await sent(runner, "secret\n")
    async with rest_of(api, project, "viewer") as viewer, rest_of(api, project, "stranger") as stranger:
        assert (await viewer.send("GET", f"/runs/{run}")).status_code == 200
        problem = await viewer.refused(403, "GET", f"/runs/{run}/logs")
        assert f"get workflowruns.graphrun.dev/{run}, subresource log," in problem["detail"]
        problem = await stranger.refused(404, "GET", f"/runs/{run}/logs")
        assert problem["type"] == "/problems/project-not-found"


async def test_a_run_of_another_project_has_no_log_here(
    api: Api, project: Project, run: str, runner: Runner
) -> None:
    await sent(runner, "secret\n")
    foreign = await Project.make(project.kube)
    await allow_logs(foreign, "editor")
    async with rest_of(api, foreign) as other:
        problem = await eventually(
            lambda: other.send("GET", f"/runs/{run}/logs"),
            lambda answer: answer.json()["type"].endswith("run-not-found"),
            what="the project is known, the run is not",
        )
    assert problem.status_code == 404


async def test_the_log_of_a_living_pod_comes_from_its_node(
    rest: Rest, project: Project, run: str, runner: Runner, kubelet: Kubelet
) -> None:
    await sent(runner, "stored\n")
    await bind(project.kube, runner.pod, kubelet)
    kubelet.log = b"live \xff\n"

    answer = await rest.send("GET", f"/runs/{run}/logs", params={"tail": 5})

    assert answer.content == b"live \xff\n"
    [(path, query)] = kubelet.requests
    assert path == f"/containerLogs/{project.namespace}/{runner.pod['metadata']['name']}/runner"
    assert query["tailLines"] == ["5"]


async def test_a_followed_log_comes_as_it_is_written_and_ends_with_the_container(
    rest: Rest, project: Project, run: str, runner: Runner, kubelet: Kubelet
) -> None:
    await bind(project.kube, runner.pod, kubelet)
    kubelet.log = b"first\n"
    url = f"/api/projects/{project.name}/workflows/runs/{run}/logs"
    async with rest.http.stream("GET", url, params={"follow": "true"}) as answer:
        pieces = answer.aiter_text()
        seen = await anext(pieces)
        assert seen == "first\n"
        await kubelet.write(b"second\n")
        assert await anext(pieces) == "second\n"
        await kubelet.write(b"")
        assert [piece async for piece in pieces] == []


async def test_a_server_that_stops_lets_go_of_who_follows(
    api: Api, rest: Rest, run: str, runner: Runner, kubelet: Kubelet
) -> None:
    await bind(rest.project.kube, runner.pod, kubelet)
    kubelet.log = b"first\n"
    url = f"/api/projects/{rest.project.name}/workflows/runs/{run}/logs"
    async with rest.http.stream("GET", url, params={"follow": "true"}) as answer:
        pieces = answer.aiter_text()
        assert await anext(pieces) == "first\n"
        api.program.stop()
        assert [piece async for piece in pieces] == []
    await kubelet.write(b"")


async def test_where_the_node_is_lost_the_stored_log_is_shown(
    rest: Rest, project: Project, run: str, runner: Runner, tmp_path: Path
) -> None:
    async with kubelet_of(project.kube, tmp_path) as lost:
        await bind(project.kube, runner.pod, lost)
    await sent(runner, "stored\n")

    assert await log_of(rest, run) == "stored\n"
    assert lost.requests == []
