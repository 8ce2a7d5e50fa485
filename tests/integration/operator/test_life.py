"""A run's life over the real API server: created, claimed, ended."""

import json

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.nodeless import Json, Nodeless
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")


async def test_a_run_gets_a_job_is_claimed_and_succeeds(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(input={"a": 1})
    pod = await cluster.pod("run")
    assert pod["metadata"]["labels"]["team"] == "red"
    await cluster.claim("run", pod)
    status = await cluster.phase("run", "Running")
    assert (status["attempt"], status["jobName"]) == (1, "run-1")
    assert status["revision"] == pod["metadata"]["labels"]["graphrun.dev/revision"]
    assert status["startTime"] == status["runner"]["claimTime"]
    await cluster.report("run", "Succeeded", output={"x": 1})
    status = await cluster.phase("run", "Succeeded")
    assert status["reason"] == "GraphCompleted"
    assert {item["type"]: item["status"] for item in status["conditions"]} == {
        "Accepted": "True",
        "Running": "False",
        "Paused": "False",
        "Complete": "True",
    }


async def test_a_short_run_costs_six_writes_in_all(cluster: Nodeless, plane: ControlPlane) -> None:
    await cluster.create_workflow()
    await cluster.create_run("first")
    await cluster.started("first")  # the revision is there from here on
    await cluster.create_run("counted")
    pod = await cluster.pod("counted")
    await cluster.claim("counted", pod)
    await cluster.phase("counted", "Running")
    await cluster.report("counted", "Succeeded")
    await cluster.phase("counted", "Succeeded")
    # A later pass over the finished run writes nothing either.
    await cluster.ask("counted", ttlSecondsAfterFinished=3600)

    written = [
        f"{line['verb']} {line['objectRef']['resource']}"
        for line in map(json.loads, plane.audit_log.read_text().splitlines())
        if line["objectRef"].get("namespace") == cluster.namespace
        and line["objectRef"].get("name", "").startswith("counted")
        and not line["userAgent"].startswith("kube-controller-manager")
        and line["objectRef"].get("subresource") != "binding"
    ]
    assert written == [
        "create workflowruns",
        "create jobs",
        "patch workflowruns",  # the claim
        "patch workflowruns",  # Running
        "patch workflowruns",  # the outcome
        "patch workflowruns",  # Succeeded
        "patch workflowruns",  # the test's own
    ]


async def test_a_run_created_pending_starts_when_it_is_told_to(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(state="Pending")
    status = await cluster.phase("run", "Pending")
    assert status["reason"] == "WaitingToStart"
    assert await cluster.listed("jobs") == []
    await cluster.ask("run", state="Running")
    await cluster.started("run")


async def test_an_input_that_breaks_the_schema_is_refused_by_field(cluster: Nodeless) -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    await cluster.create_workflow(inputSchema=schema)
    await cluster.create_run(input={"amount": "much"})
    status = await cluster.phase("run", "Failed")
    assert status["reason"] == "InputInvalid"
    assert status["message"].startswith("spec.input.amount: 'much' is not of type 'number'")
    assert await cluster.listed("jobs") == []


async def test_a_workflow_may_come_a_moment_after_its_run(cluster: Nodeless) -> None:
    await cluster.create_run()
    status = await cluster.phase("run", "Pending")
    assert status["reason"] == "WorkflowNotFound"
    await cluster.create_workflow()
    await cluster.started("run")


async def test_a_changed_workflow_leaves_a_started_run_on_its_revision(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    changed = {"spec": {"graph": {"entrypoint": "flow.graph:other"}}}
    await cluster.call("PATCH", cluster.url("workflows", "flow"), changed, "merge-patch+json")
    await cluster.report("run", "Interrupted", 81)
    await cluster.exit(pod, 81)
    second = await cluster.pod("run", 2)
    revision = "graphrun.dev/revision"
    assert second["metadata"]["labels"][revision] == pod["metadata"]["labels"][revision]


async def test_a_pod_that_cannot_be_scheduled_is_explained(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.pod("run", on_node=False)
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes: no room",
    }
    await cluster.pod_status(pod, {"conditions": [condition]})
    status = await cluster.phase("run", "Starting")
    status = await eventually(
        lambda: cluster.phase("run", "Starting"), lambda now: now["reason"] == "Unschedulable", seconds=10
    )
    assert status["message"] == "0/1 nodes: no room"


async def test_a_quota_that_forbids_the_pod_is_explained(cluster: Nodeless) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    await cluster.call("POST", cluster.url("resourcequotas"), quota)

    async def enforced() -> bool:
        quotas = await cluster.listed("resourcequotas")
        return "hard" in quotas[0].get("status", {})

    await eventually(enforced, seconds=20, what="the quota")
    await cluster.create_workflow()
    await cluster.create_run()
    await cluster.phase("run", "Starting")
    status = await eventually(
        lambda: cluster.phase("run", "Starting"), lambda now: now["reason"] == "PodNotCreated", seconds=20
    )
    assert "exceeded quota: none" in status["message"]


async def test_a_job_that_the_cluster_refuses_is_explained_and_tried_again(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    resources = {"requests": {"memory": "128Mi"}, "limits": {"memory": "64Mi"}}
    await cluster.create_run(resources=resources, timeouts={"startSeconds": 5})
    status = await cluster.phase("run", "Starting")
    assert status["reason"] == "PodNotCreated"
    assert status["message"].startswith("Job run-1 was refused:")
    assert "must be less than or equal to memory limit" in status["message"]
    status = await cluster.phase("run", "Failed")
    assert status["reason"] == "StartTimeout"
    assert "must be less than or equal to memory limit" in status["message"]


async def test_a_run_that_never_starts_fails_after_its_start_time(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(timeouts={"startSeconds": 3})
    await cluster.pod("run", on_node=False)
    status = await cluster.phase("run", "Failed")
    assert status["reason"] == "StartTimeout"

    async def jobs() -> list[Json]:
        return [*await cluster.listed("jobs"), *await cluster.listed("pods")]

    await eventually(jobs, lambda left: not left, seconds=20, what="Job and pod gone")


async def test_a_finished_run_goes_when_its_time_to_live_is_over(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(ttlSecondsAfterFinished=1)
    pod = await cluster.started("run")
    await cluster.report("run", "Succeeded")
    await cluster.exit(pod, 0)

    async def left() -> list[Json]:
        return (
            await cluster.listed("workflowruns") + await cluster.listed("jobs") + await cluster.listed("pods")
        )

    await eventually(left, lambda found: not found, seconds=30, what="run, Job and pod gone")


async def test_a_deleted_run_leaves_nothing(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    await cluster.call("DELETE", cluster.url("workflowruns", "run"))
    deleted = await cluster.deletion_of(pod)
    if deleted:
        assert deleted["metadata"]["deletionGracePeriodSeconds"] == 2
        await cluster.exit(pod, 82)
        await cluster.gone(pod)

    async def left() -> list[Json]:
        return await cluster.listed("jobs") + await cluster.listed("pods")

    await eventually(left, lambda found: not found, seconds=30, what="Job and pod gone")
