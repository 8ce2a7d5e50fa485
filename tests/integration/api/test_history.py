"""What a run has done, visit by visit and attempt by attempt; what waits for people."""

from typing import Any

import pytest

from support.api_world import Api, Project, Rest, now, rest_of, runner_of
from support.run_history import LINE, every_visit, saved, started
from support.waiting import eventually

Json = dict[str, Any]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def test_the_timeline_has_each_visit_of_loops_sends_and_subgraphs_between_its_checkpoints(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await started(rest, project)
    inner = {"ns": "work:7", "step": 1}
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.sent(
            runner.event("run_started", data={"graph": LINE}),
            saved(runner, "c0", 0),
            runner.visit("node_started", "plan", "t1", step=1),
            runner.visit("node_completed", "plan", "t1", step=1),
            # stored while the next superstep runs already
            runner.visit("node_started", "work", "t2", step=2),
            runner.visit("node_started", "work", "t3", step=2, visit=2),
            saved(runner, "c1", 1),
            saved(runner, "s0", 0, ns="work:7"),
            runner.visit("node_started", "inside", "t4", **inner),
            runner.visit("node_completed", "inside", "t4", **inner),
            saved(runner, "s1", 1, ns="work:7"),
            runner.visit("node_completed", "work", "t2", step=2),
            runner.visit("node_failed", "work", "t3", step=2, visit=2, data={"error": "no"}),
            saved(runner, "c2", 2),
            runner.visit("node_started", "plan", "t5", step=3, visit=2),
        )

    whole = await every_visit(rest, run, 200)
    paged = await every_visit(rest, run, 2)

    assert paged == whole
    short = [
        (v["node_id"], v["ns"], v["visit"], v["status"], v["checkpoint_before"], v["checkpoint_after"])
        for v in whole
    ]
    assert short == [
        ("plan", "", 1, "COMPLETED", "c0", "c1"),
        ("work", "", 1, "COMPLETED", "c1", "c2"),
        ("work", "", 2, "FAILED", "c1", "c2"),
        ("inside", "work:7", 1, "COMPLETED", "s0", "s1"),
        ("plan", "", 2, "RUNNING", "c2", None),
    ]
    assert whole[2]["error"] == "no"
    assert whole[0]["completed_at"]


async def crashed_then_asked(rest: Rest, api: Api, project: Project) -> str:
    """A run whose first attempt crashed amid a node, and whose second one asks for input."""
    run = await started(rest, project)
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.sent(
            runner.event("run_started", data={"graph": LINE}),
            saved(runner, "c0", 0),
            runner.visit("node_started", "plan", "t1", step=1),
        )
    crash = {"number": 1, "exitCode": 137, "reason": "OOMKilled", "nodeName": "worker-1"}
    waits = {"type": "Running", "status": "False", "reason": "RetryBackoff", "lastTransitionTime": now()}
    await project.status(run, attempt=2, lastAttempt=crash, conditions=[waits])
    await eventually(
        lambda: rest.ok("GET", f"/runs/{run}/attempts"),
        lambda seen: seen["items"] and seen["items"][0]["exit_code"] == 137,
        seconds=20,
    )
    async with runner_of(api, project, await project.pod_for(run, attempt=2)) as runner:
        await runner.claimed()
        await runner.sent(
            runner.event("run_resumed", data={"graph": LINE, "checkpoint_id": "c0"}),
            runner.visit("node_started", "plan", "t1", step=1),
            runner.visit("node_completed", "plan", "t1", step=1, data={"interrupted": True}),
            saved(runner, "c1", 1),
        )
        question = {"id": "i1", "node": "plan", "value": "may I?"}
        await runner.report(
            stopped=True, outcome={"result": "AwaitingInput", "exitCode": 81, "interrupts": [question]}
        )
    await project.status(run, phase="AwaitingInput", pausedTime=now())
    await rest.until_status(run, "INTERRUPTED")
    return run


async def test_each_attempt_is_told_and_what_a_crash_left_under_way_does_not_run_for_ever(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await crashed_then_asked(rest, api, project)

    attempts = await eventually(
        lambda: rest.ok("GET", f"/runs/{run}/attempts"),
        lambda seen: len(seen["items"]) == 2 and seen["items"][1]["outcome"],
        seconds=20,
    )
    visits = await every_visit(rest, run, 200)

    first, second = attempts["items"]
    assert (first["attempt"], first["exit_code"], first["reason"], first["node"], first["outcome"]) == (
        1,
        137,
        "OOMKilled",
        "worker-1",
        "",
    )
    assert first["pod"].startswith(f"{run}-1-")
    assert first["claimed_at"]
    assert first["stopped_at"]
    assert (second["attempt"], second["exit_code"], second["outcome"]) == (2, 81, "AwaitingInput")
    assert second["pod"].startswith(f"{run}-2-")
    short = [(v["attempt"], v["status"], v["checkpoint_before"], v["checkpoint_after"]) for v in visits]
    assert short == [(1, "CANCELLED", "c0", None), (2, "PENDING", "c0", "c1")]


async def test_a_run_that_has_not_begun_has_no_attempts_and_no_visits(rest: Rest) -> None:
    run = await rest.create()

    assert await rest.ok("GET", f"/runs/{run}/attempts") == {"items": []}
    assert await every_visit(rest, run, 10) == []
    for path in ("timeline", "attempts"):
        await rest.refused(404, "GET", f"/runs/nosuch/{path}")
    for cursor in ("x", "e30", "W10"):
        problem = await rest.refused(400, "GET", f"/runs/{run}/timeline", params={"cursor": cursor})
        assert problem["type"].endswith("/invalid-cursor")


async def test_questions_of_a_project_are_listed_page_by_page_to_who_may_list_runs(
    rest: Rest, api: Api, project: Project
) -> None:
    asking = await crashed_then_asked(rest, api, project)
    await started(rest, project)
    for name in ("second", "third"):
        await project.apply_run(name, state="Running")
        await project.status(name, phase="AwaitingInput", attempt=1, pausedTime=now())
    path = f"/api/projects/{project.name}/interrupts"

    async def questions(**params: Any) -> Json:
        answer = await rest.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    whole = (await eventually(questions, lambda page: len(page["items"]) == 3, seconds=20))["items"]
    first = await questions(limit=2)
    rest_of_them = await questions(limit=2, cursor=first["next_cursor"])
    async with rest_of(api, project, "viewer") as viewer, rest_of(api, project, "stranger") as stranger:
        assert (await viewer.http.get(path)).status_code == 200
        assert (await stranger.http.get(path)).status_code == 404

    assert first["items"] + rest_of_them["items"] == whole
    assert rest_of_them["next_cursor"] is None
    found = {item["run_id"]: item for item in whole}
    assert set(found) == {asking, "second", "third"}
    assert found[asking]["interrupts"] == [{"id": "i1", "node": "plan", "value": "may I?"}]
    assert found[asking]["since"]
    assert (await questions(workflow="another"))["items"] == []
    await rest.ok("POST", f"/runs/{asking}/resume", {"value": "yes"})
    await eventually(questions, lambda page: len(page["items"]) == 2, seconds=20)
