"""A run's whole life, over REST and the runner port, with the operator's writes by hand."""

import asyncio

import pytest

from support.api_world import GRAPH, Api, Project, Rest, now, runner_of
from support.event_schemas import check_documented
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def test_a_run_is_created_executed_claimed_run_and_completed(
    rest: Rest, api: Api, project: Project
) -> None:
    created = await rest.ok("POST", "/runs", {"workflow": "flow", "input_data": {"question": "why"}})
    run = created["run_id"]
    assert created["status"] == "PENDING"
    assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "PENDING"

    executed = await rest.ok("POST", f"/runs/{run}/execute")
    assert executed["status"] == "RUNNING"
    assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "RUNNING"

    async with runner_of(api, project, await project.pod_for(run)) as runner:
        grant = await runner.claimed()
        await project.status(run, phase="Running", attempt=1, startTime=now(), revision=grant["revision"])
        await runner.sent(
            runner.event("run_started", data={"graph": GRAPH, "checkpoint_id": ""}),
            runner.visit("node_started", "plan", "t1"),
        )
        half = await rest.ok("GET", f"/runs/{run}/status")
        await runner.sent(runner.visit("node_completed", "plan", "t1"))
        outcome = {"result": "Succeeded", "exitCode": 0, "output": {"answer": 42}}
        reported = await runner.report(stopped=True, outcome=outcome)
    await project.status(run, phase="Succeeded", completionTime=now())
    final = await rest.until_status(run, "COMPLETED")

    assert grant["input"] == {"question": "why"}
    assert grant["graph"]["entrypoint"] == "flow:graph"
    assert grant["thread"] == (await project.run(run))["metadata"]["uid"]
    assert half["current_node"] == "plan"
    assert {node["node_id"]: node["status"] for node in half["node_states"]} == {
        "plan": "RUNNING",
        "work": "PENDING",
    }
    assert reported.status_code == 204
    assert final["progress"] == 1.0
    assert (await rest.ok("GET", f"/runs/{run}/output")) == {"answer": 42}
    assert (await rest.ok("GET", f"/runs/{run}"))["output"] == {"answer": 42}

    seen = await eventually(
        lambda: rest.ok("GET", f"/runs/{run}/events"),
        lambda page: page["items"][-1]["type"] == "run_completed",
        seconds=10,
    )
    for event in seen["items"]:
        check_documented(event)
    assert [event["type"] for event in seen["items"]] == [
        "run_accepted",
        "run_started",
        "node_started",
        "node_completed",
        "run_completed",
    ]
    listed = (await rest.ok("GET", "/runs"))["items"]
    assert [(item["run_id"], item["status"]) for item in listed] == [(run, "COMPLETED")]


async def test_pause_and_cancel_reach_the_long_poll_within_moments(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await rest.create(params={"execute": "true"})
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await project.status(run, phase="Running", attempt=1)
        poll = asyncio.create_task(runner.command("Running", 20))
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
        paused = await rest.ok("POST", f"/runs/{run}/pause", {"deadline_seconds": 7}, params={"wait": 0})
        command = (await poll).json()
        took = asyncio.get_running_loop().time() - began

    assert paused["status"] == "PAUSING"
    assert command == {"state": "Paused", "deadlineSeconds": 7, "onDeadline": "Wait"}
    assert took < 1
