"""One verb for many runs: each is judged and answered by itself, in the order of the request."""

from typing import Any

import pytest

from graphrun_core import names
from support.api_world import Api, Project, Rest, now, rest_of

Json = dict[str, Any]
BULK = "/runs/bulk"


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def bulk(rest: Rest, action: str, run_ids: list[str], **options: Any) -> list[tuple[str, int]]:
    """The results in short."""
    done = await rest.ok("POST", BULK, {"action": action, "run_ids": run_ids, "wait": 0}, **options)
    return [(item["run_id"], item["status_code"]) for item in done["results"]]


async def test_each_run_is_answered_as_the_single_call_would_in_the_order_of_the_request(
    rest: Rest, project: Project
) -> None:
    running, pending, failed = [await rest.create() for _ in range(3)]
    for run in (running, failed):
        await rest.ok("POST", f"/runs/{run}/execute")
    await project.status(running, phase="Running", attempt=1)
    await project.status(failed, phase="Failed", completionTime=now())
    await rest.until_status(failed, "FAILED")
    named = [pending, "nosuch", running, failed, running]

    body = {"action": "pause", "run_ids": named, "wait": 0}
    results = (await rest.ok("POST", BULK, body))["results"]

    assert [item["run_id"] for item in results] == named
    assert [item["status_code"] for item in results] == [400, 404, 202, 400, 202]
    assert results[2] == results[4]
    assert results[2]["body"]["status"] == "PAUSING"
    problem = results[0]["body"]
    assert problem["type"].endswith("/state-forbids")
    assert problem["status"] == 400
    assert problem["instance"].endswith(f"/workflows/runs/{pending}")
    assert results[1]["body"]["type"].endswith("/run-not-found")
    assert (await project.run(running))["spec"]["state"] == "Paused"
    assert (await project.run(pending))["spec"]["state"] == "Pending"


async def test_many_are_resumed_cancelled_and_deleted(rest: Rest, project: Project) -> None:
    runs = [await rest.create(params={"execute": "true"}) for _ in range(3)]
    for run in runs:
        await project.status(run, phase="AwaitingInput", attempt=1)
        await rest.until_status(run, "INTERRUPTED")

    assert await bulk(rest, "resume", runs) == [(run, 202) for run in runs]
    assert await bulk(rest, "cancel", runs) == [(run, 202) for run in runs]
    assert await bulk(rest, "delete", runs) == [(run, 409) for run in runs]
    for run in runs:
        await project.status(run, phase="Cancelled", completionTime=now())
        await rest.until_status(run, "CANCELLED")
    assert await bulk(rest, "delete", runs) == [(run, 204) for run in runs]
    assert await bulk(rest, "delete", runs) == [(run, 404) for run in runs]


async def test_under_a_key_each_run_is_changed_once(rest: Rest, project: Project) -> None:
    run, late = [await rest.create() for _ in range(2)]
    await rest.ok("POST", f"/runs/{run}/execute")
    await project.status(run, phase="AwaitingInput", attempt=1)
    await rest.until_status(run, "INTERRUPTED")
    key = {"Idempotency-Key": "k1"}

    first = await bulk(rest, "resume", [run], headers=key)
    resume = (await project.run(run))["spec"]["resume"]
    again = await bulk(rest, "resume", [run, late], headers=key)
    another = await bulk(rest, "cancel", [run], headers=key)

    assert first == [(run, 202)]
    assert again == [(run, 202), (late, 400)]
    assert another == [(run, 422)]
    assert (await project.run(run))["spec"]["resume"] == resume
    assert (await project.run(run))["spec"]["state"] == "Running"


async def test_rights_are_asked_for_each_run(rest: Rest, api: Api, project: Project) -> None:
    mine, theirs = [await rest.create() for _ in range(2)]
    await project.make_account("one", ["list"])
    await _may_patch(project, "one", mine)

    async with rest_of(api, project, "one") as one:
        found = await bulk(one, "cancel", [theirs, mine])
    async with rest_of(api, project, "viewer") as viewer:
        refused = await bulk(viewer, "cancel", [mine, theirs, "nosuch"])
    async with rest_of(api, project, "stranger") as stranger:
        await stranger.refused(404, "POST", BULK, json={"action": "cancel", "run_ids": [mine]})

    assert found == [(theirs, 403), (mine, 202)]
    assert refused == [(mine, 403), (theirs, 403), ("nosuch", 403)]
    assert (await project.run(theirs))["spec"]["state"] == "Pending"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "explode", "run_ids": ["a"]}, "action"),
        ({"action": "cancel", "run_ids": []}, "run_ids"),
        ({"action": "cancel", "run_ids": ["ok", "../other"]}, "run_ids.1"),
        ({"action": "cancel", "run_ids": [f"r{n}" for n in range(201)]}, "run_ids"),
        ({"action": "pause", "run_ids": ["a"], "wait": 61}, "wait"),
        ({"action": "cancel"}, "run_ids"),
        ({"action": "cancel", "run_ids": ["a"], "run": 1}, "run"),
    ],
)
async def test_a_bad_request_names_the_field_and_does_nothing(rest: Rest, body: Json, field: str) -> None:
    problem = await rest.refused(422, "POST", BULK, json=body)

    assert problem["errors"][0]["field"] == field


async def _may_patch(project: Project, account: str, run: str) -> None:
    meta = {"metadata": {"name": f"patch-{account}"}}
    rule = {
        "apiGroups": [names.GROUP],
        "resources": [names.WORKFLOW_RUNS],
        "resourceNames": [run],
        "verbs": ["patch"],
    }
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}"
    await project.kube.call("POST", f"{rbac}/roles", {**meta, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"patch-{account}"}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": project.namespace}
    await project.kube.call(
        "POST", f"{rbac}/rolebindings", {**meta, "roleRef": reference, "subjects": [subject]}
    )
