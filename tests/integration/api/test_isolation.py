"""Every operation of the OpenAPI document and every stream, walked by people who have no business in the project.

Whoever may not look gets, to the letter, what they would get of a project that does not exist.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from graphrun_checkpoints import StorageConfig
from support.api_world import Api, Kube, Project, Rest, rest_of
from support.full_run import FullRun, allow_logs, full_run
from support.streams import many_of
from support.walk import answer_to, calls, sockets, told

Json = dict[str, Any]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()
    await allow_logs(project, "editor")


@pytest.fixture
async def full(api: Api, rest: Rest, storage: StorageConfig) -> FullRun:
    return await full_run(api, rest, storage)


@pytest.fixture
async def elsewhere(kube: Kube) -> Project:
    """Another project, with the same workflow."""
    project = await Project.make(kube)
    await project.workflow()
    await allow_logs(project, "editor")
    return project


@pytest.fixture
async def neighbour(api: Api, elsewhere: Project) -> AsyncIterator[Rest]:
    """Somebody who may do everything there, and nothing here."""
    async with rest_of(api, elsewhere) as neighbour:
        yield neighbour


def nowhere(project: Project) -> str:
    """The name of no project, as long as that of one."""
    return project.name[::-1]


async def state_of(rest: Rest, full: FullRun) -> list[Any]:
    """All that a call could have changed."""
    run = await rest.project.run(full.run)
    workflows = await rest.ok("GET", "")
    runs = await rest.ok("GET", "/runs")
    return [run["metadata"]["resourceVersion"], workflows, [item["run_id"] for item in runs["items"]]]


async def test_a_foreigner_cannot_tell_the_project_from_none_by_any_operation(
    rest: Rest, neighbour: Rest, api: Api, project: Project, full: FullRun
) -> None:
    before = await state_of(rest, full)
    async with rest_of(api, project, "stranger") as stranger:
        for foreigner in (stranger, neighbour):
            for call in calls(full):
                seen = told(await answer_to(foreigner.http, call, project.name), project.name)
                nothing = nowhere(project)
                of_none = told(await answer_to(foreigner.http, call, nothing), nothing)

                assert seen == of_none, call
                assert seen[0] == 404, call
                assert seen[2]["type"] == "/problems/project-not-found", call
    assert await state_of(rest, full) == before


async def test_the_walk_asks_for_what_is_really_there(rest: Rest, full: FullRun) -> None:
    answers = {
        str(call): (await answer_to(rest.http, call, rest.project.name)).status_code
        for call in calls(full)
        if call.method == "get"
    }

    assert {call: status for call, status in answers.items() if status not in {200, 204}} == {}
    assert len(answers) > 15


async def test_without_a_token_every_operation_is_refused_alike(
    api: Api, project: Project, full: FullRun
) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as nobody:
        for call in calls(full):
            seen = told(await answer_to(nobody, call, project.name), project.name)
            nothing = nowhere(project)
            of_none = told(await answer_to(nobody, call, nothing), nothing)

            assert seen == of_none, call
            assert seen[0] == 401, call


async def test_who_may_look_but_not_do_is_told_the_right_and_changes_nothing(
    rest: Rest, api: Api, project: Project, full: FullRun
) -> None:
    before = await state_of(rest, full)
    async with rest_of(api, project, "viewer") as viewer:
        for call in calls(full):
            answer = await answer_to(viewer.http, call, project.name)
            if call.method != "get" or "Accept" in call.headers or call.path.endswith("/logs"):
                results = answer.json().get("results", [{"status_code": answer.status_code}])
                assert [result["status_code"] for result in results] == [403], call
                assert f"in namespace {project.namespace}" in answer.text, call
            else:
                assert answer.status_code == 200, call
    assert await state_of(rest, full) == before


async def test_a_foreigner_cannot_tell_the_project_from_none_by_any_socket(
    neighbour: Rest, api: Api, project: Project, full: FullRun
) -> None:
    async with rest_of(api, project, "stranger") as stranger:
        for who, status in ((stranger.token, 404), (neighbour.token, 404), ("", 401)):
            for path in sockets(full):
                seen = await refusal(api, path, project.name, who)

                assert seen == await refusal(api, path, nowhere(project), who), path
                assert seen[0] == status, path


async def refusal(api: Api, path: str, project: str, token: str) -> tuple[int, Json, Json]:
    url = f"ws{api.url.removeprefix('http')}{path.replace('{project}', project)}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)
    response = refused.value.response
    return told(
        httpx.Response(response.status_code, headers=response.headers, content=bytes(response.body)), project
    )


async def test_a_foreigner_gets_no_ticket_and_learns_nothing_by_asking(
    neighbour: Rest, project: Project, full: FullRun
) -> None:
    for run in ({}, {"run_id": full.run}):
        seen, of_none = [
            told(await neighbour.http.post("/api/stream-tickets", json={"project": name, **run}), name)
            for name in (project.name, nowhere(project))
        ]
        assert seen == of_none
        assert seen[0] == 404


async def test_the_ids_of_another_project_are_those_of_nothing_in_ones_own(
    rest: Rest, neighbour: Rest, full: FullRun
) -> None:
    before = await state_of(rest, full)
    none = FullRun("flow-zzzzz", full.uid, full.revision, full.checkpoints)
    for known, unknown in zip(calls(full), calls(none), strict=True):
        if full.run not in known.path and "run_ids" not in (known.body or {}):
            continue
        own = neighbour.project.name
        seen, of_none = [
            (answer.status_code, answer.text.replace(answer.headers["x-request-id"], "").replace(run, "run"))
            for answer, run in (
                (await answer_to(neighbour.http, known, own), full.run),
                (await answer_to(neighbour.http, unknown, own), none.run),
            )
        ]
        assert seen == of_none, known
        assert "run-not-found" in seen[1], known
    assert await state_of(rest, full) == before


async def test_the_cursors_of_another_project_are_no_cursors(
    rest: Rest, neighbour: Rest, full: FullRun, storage: StorageConfig, api: Api
) -> None:
    own = await full_run(api, neighbour, storage)
    await rest.create()
    page = await rest.ok("GET", "/runs", params={"limit": 1})
    visits = await rest.ok("GET", f"/runs/{full.run}/timeline", params={"limit": 1})
    assert page["next_cursor"]
    assert visits["next_cursor"]

    foreign = {
        "/runs": page["next_cursor"],
        f"/runs/{own.run}/timeline": visits["next_cursor"],
        "/../interrupts": page["next_cursor"],
    }
    for path, cursor in foreign.items():
        problem = await neighbour.refused(400, "GET", path, params={"cursor": cursor})
        assert problem["type"] == "/problems/invalid-cursor"
        made_up = await neighbour.refused(400, "GET", path, params={"cursor": "made-up"})
        assert problem["detail"] == made_up["detail"]
    await rest.project.workflow("more")
    workflows = await rest.ok("GET", "", params={"limit": 1})
    # of the cluster's own making, a place in the alphabet: good, but for what is one's own alone
    shown = await neighbour.send("GET", "", params={"cursor": workflows["next_cursor"]})
    assert shown.status_code == 400 or {item["project"] for item in shown.json()["items"]} <= {
        neighbour.project.name
    }
    async with many_of(api, neighbour) as many:
        problem = await many.problem("all", project=True, after=page["stream_cursor"])
    assert problem["type"] == "/problems/invalid-cursor"


async def test_an_idempotency_key_of_another_project_is_a_fresh_one(
    rest: Rest, neighbour: Rest, full: FullRun
) -> None:
    key = {"Idempotency-Key": "the same"}
    ours = await rest.ok("POST", "/runs", {"workflow": "flow", "input_data": {"n": 1}}, headers=key)
    theirs = await neighbour.ok("POST", "/runs", {"workflow": "flow", "input_data": {"n": 2}}, headers=key)
    forked = await rest.ok("POST", f"/runs/{full.run}/fork", headers={"Idempotency-Key": "fork"})
    refused = await neighbour.refused(
        404, "POST", f"/runs/{full.run}/fork", headers={"Idempotency-Key": "fork"}
    )

    assert theirs["run_id"] != ours["run_id"]
    assert theirs["project"] == neighbour.project.name
    assert forked["run_id"] not in str(refused)


async def test_the_workflow_of_another_project_has_no_outcomes_graph_and_revisions_in_ones_own(
    neighbour: Rest, full: FullRun
) -> None:
    stats = await neighbour.ok("GET", "/flow/stats")
    revisions = await neighbour.ok("GET", "/flow/revisions")

    assert stats["periods"] == []
    assert revisions["items"] == []
    await neighbour.refused(404, "GET", "/flow/graph")
    await neighbour.refused(404, "GET", "/flow/graph", params={"revision": full.revision})
    projects = (await neighbour.http.get("/api/projects")).json()["items"]
    assert [item["project"] for item in projects] == [neighbour.project.name]
