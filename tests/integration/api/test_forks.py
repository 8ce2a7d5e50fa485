"""Forks and retries: what the new run is made of, once for a key, and for whom."""

import asyncio
from typing import Any

import pytest

from support.api_world import Api, Project, Rest, now, rest_of
from support.waiting import eventually

Json = dict[str, Any]
KEY = {"Idempotency-Key": "k1"}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow(inputSchema={"type": "object", "properties": {"text": {"type": "string"}}})


async def ended(rest: Rest, project: Project, **body: Any) -> str:
    """A failed run; its id."""
    made = await rest.ok(
        "POST",
        "/runs",
        {"workflow": "flow", "input_data": {"text": "old"}, **body},
        params={"execute": "true"},
    )
    run: str = made["run_id"]
    await project.status(run, phase="Failed", attempt=1, completionTime=now())
    await rest.until_status(run, "FAILED")
    return run


async def test_a_fork_begins_from_the_checkpoint_with_the_options_of_its_source(
    rest: Rest, project: Project
) -> None:
    options = {"durability": "sync", "retries": {"limit": 3}, "labels": {"team": "a"}, "context": {"k": 1}}
    source = await ended(rest, project, options=options)

    answer = await rest.send("POST", f"/runs/{source}/fork", json={"checkpoint_id": "1ef0"})
    made = await project.run(answer.json()["run_id"])

    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/workflows/runs/{answer.json()['run_id']}")
    assert answer.json()["status"] == "RUNNING"
    assert made["spec"]["startFrom"] == {"run": source, "checkpointID": "1ef0"}
    assert made["spec"]["workflowRef"] == {"name": "flow"}
    assert made["spec"]["durability"] == "sync"
    assert made["spec"]["retries"]["limit"] == 3
    assert made["spec"]["context"] == {"k": 1}
    assert made["metadata"]["labels"] == {"team": "a"}
    assert "input" not in made["spec"]


async def test_a_fork_may_edit_the_state_and_replace_options_input_and_revision(
    rest: Rest, project: Project
) -> None:
    source = await ended(rest, project, options={"durability": "sync", "labels": {"team": "a"}})
    revision = await project.freeze("flow")
    body = {
        "update": {"values": {"draft": "Once more."}, "as_node": "plan"},
        "input_data": {"text": "new"},
        "revision": revision,
        "options": {"durability": "async", "labels": {}},
    }

    made = await rest.ok("POST", f"/runs/{source}/fork", body, params={"execute": "false"})
    manifest = await project.run(made["run_id"])
    spec = manifest["spec"]

    assert made["status"] == "PENDING"
    assert spec["startFrom"] == {
        "run": source,
        "update": {"values": {"draft": "Once more."}, "asNode": "plan"},
    }
    assert spec["input"] == {"text": "new"}
    assert spec["workflowRef"] == {"name": "flow", "revision": revision}
    assert spec["durability"] == "async"
    assert "team" not in manifest["metadata"].get("labels", {})


async def test_a_retry_goes_on_from_the_last_checkpoint_in_a_new_run(rest: Rest, project: Project) -> None:
    source = await ended(rest, project)

    made = await rest.ok("POST", f"/runs/{source}/retry")

    assert made["status"] == "RUNNING"
    assert (await project.run(made["run_id"]))["spec"]["startFrom"] == {"run": source}


async def test_a_bad_fork_names_the_field_and_makes_nothing(rest: Rest, project: Project) -> None:
    source = await ended(rest, project)
    path = f"/runs/{source}/fork"
    before = await project.kube.call("GET", project.path("workflowruns"))

    for body, field in (
        ({"input_data": {"text": 5}}, "input_data.text"),
        ({"update": {"values": {"a": "x" * 70_000}}}, "update.values"),
        ({"update": {"as_node": "plan"}}, "update.values"),
        ({"checkpoint": "1"}, "checkpoint"),
        ({"options": {"durability": "never"}}, "options.durability"),
        ({"options": {"retries": {"limit": -1}}}, "options.retries.limit"),
    ):
        problem = await rest.refused(422, "POST", path, json=body)
        assert problem["errors"][0]["field"] == field, problem
    await rest.refused(404, "POST", "/runs/nosuch/fork")

    after = await project.kube.call("GET", project.path("workflowruns"))
    assert len(after["items"]) == len(before["items"]) == 1


async def test_the_same_key_and_fork_make_one_run_on_two_replicas_at_once(
    rest: Rest, other: Api, project: Project
) -> None:
    source = await ended(rest, project)
    async with rest_of(other, project) as elsewhere:
        body = {"update": {"values": {"a": 1}}}
        answers = await asyncio.gather(
            *(
                each.send("POST", f"/runs/{source}/fork", json=body, headers=KEY)
                for each in (rest, elsewhere) * 2
            )
        )
        other_body = await elsewhere.refused(
            422, "POST", f"/runs/{source}/fork", json={"checkpoint_id": "c"}, headers=KEY
        )
        created = await rest.refused(
            422, "POST", "/runs", json={"workflow": "flow", "input_data": {}}, headers=KEY
        )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    for problem in (other_body, created):
        assert problem["type"].endswith("/idempotency-key-reused")
    runs = await project.kube.call("GET", project.path("workflowruns"))
    assert len(runs["items"]) == 2


async def test_a_repeated_request_is_answered_whatever_became_of_source_and_workflow_since(
    rest: Rest, project: Project
) -> None:
    source = await ended(rest, project)
    body = {"workflow": "flow", "input_data": {"text": "x"}}
    forked = await rest.ok("POST", f"/runs/{source}/fork", {"input_data": {"text": "y"}}, headers=KEY)
    created = await rest.ok("POST", "/runs", body, headers={"Idempotency-Key": "k2"})
    await rest.ok("DELETE", "/flow")
    await rest.refused(404, "POST", f"/runs/{source}/fork")
    await rest.ok("DELETE", f"/runs/{source}")

    async def again() -> Any:
        return (
            await rest.send("POST", f"/runs/{source}/fork", json={"input_data": {"text": "y"}}, headers=KEY)
        ).json()

    assert await again() == forked
    assert await rest.ok("POST", "/runs", body, headers={"Idempotency-Key": "k2"}) == created


async def test_of_a_source_that_is_gone_nothing_can_begin(rest: Rest, project: Project) -> None:
    source = await ended(rest, project)
    await eventually(lambda: rest.ok("GET", "/runs"), lambda page: page["items"], seconds=20)
    await rest.ok("DELETE", f"/runs/{source}")
    await eventually(lambda: rest.ok("GET", f"/runs/{source}"), lambda seen: seen["archived"], seconds=20)

    for verb in ("fork", "retry"):
        problem = await rest.refused(409, "POST", f"/runs/{source}/{verb}")
        assert problem["type"].endswith("/source-gone")


async def test_a_fork_takes_the_right_to_create_runs_and_to_read_its_source(
    rest: Rest, api: Api, project: Project
) -> None:
    await project.make_account("maker", ["create", "list"])
    source = await ended(rest, project)

    for account, right in (("maker", "get"), ("viewer", "create")):
        async with rest_of(api, project, account) as someone:
            for verb in ("fork", "retry"):
                problem = await someone.refused(403, "POST", f"/runs/{source}/{verb}")
                assert f"right to {right}" in problem["detail"]
    async with rest_of(api, project, "stranger") as stranger:
        await stranger.refused(404, "POST", f"/runs/{source}/fork")
