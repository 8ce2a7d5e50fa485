"""What is wrong is answered clearly, and changes nothing."""

from typing import Any

import pytest

from graphrun_devcluster import stack
from graphrun_devcluster.demo.errors import RefusedError
from graphrun_devcluster.demo.stream import events
from support.client import Client, client_of


async def refused(call: Any) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        await call
    return error.value


async def names(client: Client) -> set[str]:
    return set((await client.kubectl("get", "wfr", "-o", "name")).split())


async def test_a_workflow_that_does_not_exist_is_named(client: Client) -> None:
    before = await names(client)

    by_rest = await refused(client.rest.create("nosuch", {}))
    by_kubectl = await client.until_phase(await client.apply_run("nosuch"), "Failed")

    assert by_rest.status in (404, 422)
    assert "nosuch" in by_rest.body["detail"]
    assert by_kubectl["reason"] == "WorkflowNotFound"
    assert "nosuch" in by_kubectl["message"]
    assert len(await names(client)) == len(before) + 1


async def test_input_that_breaks_the_schema_is_refused_naming_the_field(client: Client) -> None:
    before = await names(client)

    by_rest = await refused(client.rest.create("echo", {"text": 7}))
    by_kubectl = await client.until_phase(await client.apply_run("echo", {"text": 7}), "Failed")

    assert by_rest.status in (400, 422)
    assert "text" in str(by_rest.body)
    assert by_kubectl["reason"] == "InputInvalid"
    assert "text" in by_kubectl["message"]
    assert by_kubectl.get("jobName", "") == ""
    assert len(await names(client)) == len(before) + 1


async def test_input_over_64_kib_by_kubectl_is_refused(client: Client) -> None:
    before = await names(client)

    error = await refused(client.apply_run("echo", {"text": "x" * 70_000}))

    assert "64 KiB" in str(error)
    assert await names(client) == before


@pytest.mark.parametrize("name", ["nosuch", "default", "graphrun-system"])
async def test_a_namespace_that_is_no_project_is_not_served(client: Client, name: str) -> None:
    async with client_of(client.project, name=name) as stranger:
        assert (await refused(stranger.rest.call("GET", "/workflows/runs"))).status in (403, 404)


@pytest.mark.parametrize("token", ["", "not-a-token"])
async def test_without_a_valid_token_nothing_is_told(client: Client, token: str) -> None:
    async with client_of(client.project, token=token) as nobody:
        assert (await refused(nobody.rest.call("GET", "/workflows/runs"))).status == 401
        assert (await refused(nobody.rest.create("echo", {}))).status == 401


async def test_a_socket_without_a_token_is_refused(client: Client) -> None:
    base = f"{client.project.url}/api/projects/{client.project.name}"
    stream = events(base, "", (await client.rest.create("echo", {}))["run_id"])

    error = await refused(anext(stream))

    assert error.status in (401, 403)


async def test_a_token_of_another_project_has_no_right_here(
    client: Client, environment: stack.Environment
) -> None:
    async with client_of(client.project, name=environment.project) as stranger:
        assert (await refused(stranger.rest.call("GET", "/workflows/runs"))).status in (403, 404)


@pytest.mark.parametrize("verb", ["execute", "pause", "resume", "cancel"])
async def test_an_unknown_run_is_not_found(client: Client, verb: str) -> None:
    assert (await refused(client.rest.verb("nosuch", verb))).status == 404
    assert (await refused(client.rest.status("nosuch"))).status == 404


async def test_malformed_json_is_answered_with_the_place(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    sent = client.rest.call("POST", "/workflows/runs", content=b'{"workflow": "echo",, }', headers=headers)

    error = await refused(sent)

    assert error.status == 400
    assert any(place in str(error.body) for place in ("column 21", "char 20", "position 20", "line 1")), (
        error.body
    )


async def test_verbs_in_the_wrong_state_are_refused_and_change_nothing(client: Client) -> None:
    run = (await client.rest.create("echo", {}))["run_id"]

    refusals = {verb: (await refused(client.rest.verb(run, verb))).status for verb in ("pause", "resume")}

    assert refusals == {"pause": 400, "resume": 400}
    assert (await client.rest.status(run))["status"] == "PENDING"


async def test_a_running_run_is_neither_executed_again_nor_resumed(client: Client) -> None:
    run = await client.start("sleeper", {"key": "running"})

    at_once = (await refused(client.rest.verb(run, "execute"))).status
    await client.until_phase(run, "Running")
    later = {verb: (await refused(client.rest.verb(run, verb))).status for verb in ("execute", "resume")}
    await client.rest.verb(run, "cancel")

    assert at_once == 400
    assert later == {"execute": 400, "resume": 400}


async def test_a_completed_run_is_over(client: Client) -> None:
    run = await client.start("echo", {"text": "over"})
    await client.until_status(run, "COMPLETED")

    statuses = {
        verb: (await refused(client.rest.verb(run, verb))).status
        for verb in ("execute", "pause", "resume", "cancel")
    }

    assert statuses == {"execute": 409, "pause": 400, "resume": 400, "cancel": 400}
    assert (await client.resource_status(run))["phase"] == "Succeeded"


async def test_a_cancelled_run_stays_cancelled(client: Client) -> None:
    run = (await client.rest.create("echo", {}))["run_id"]
    await client.rest.verb(run, "cancel")
    await client.until_status(run, "CANCELLED", seconds=15)

    statuses = {verb: (await refused(client.rest.verb(run, verb))).status for verb in ("pause", "resume")}
    by_kubectl = await refused(client.kubectl.patch_run(run, {"state": "Running"}))

    assert statuses == {"pause": 400, "resume": 400}
    assert "Cancelled is final" in str(by_kubectl)


async def test_every_refusal_is_a_problem_document(client: Client) -> None:
    response = await client.rest.send("GET", "/workflows/runs/nosuch/status")

    assert response.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail"} <= response.json().keys()
