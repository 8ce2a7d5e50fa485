"""What a run has done, visit by visit and attempt by attempt; what waits for people; what runs of a workflow take."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphrun_core.times import from_rfc3339, to_rfc3339
from support.api_world import Api, Project, Rest, Runner, now, rest_of, runner_of
from support.waiting import eventually

Json = dict[str, Any]
LINE: Json = {
    "nodes": ["plan", "work"],
    "edges": [["__start__", "plan"], ["plan", "work"], ["work", "__end__"]],
    "cyclic": False,
    "mermaid": "graph TD;",
    "input_schema": {"type": "object", "title": "Input"},
}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def started(rest: Rest, project: Project) -> str:
    run = await rest.create(params={"execute": "true"})
    await project.status(run, phase="Running", attempt=1, startTime=now())
    return run


def saved(runner: Runner, checkpoint: str, step: int, ns: str = "") -> Json:
    return runner.event(
        "checkpoint_saved", data={"id": checkpoint, "ns": ns, "step": step, "source": "loop", "bytes": 9}
    )


async def every_visit(rest: Rest, run: str, limit: int) -> list[Json]:
    """The whole timeline, page by page."""
    found: list[Json] = []
    params: Json = {"limit": limit}
    while True:
        answer = await rest.send("GET", f"/runs/{run}/timeline", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


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
    crash = {
        "number": 1,
        "exitCode": 137,
        "reason": "OOMKilled",
        "message": "out of memory",
        "nodeName": "worker-1",
        "endTime": now(),
    }
    await project.status(run, attempt=2, lastAttempt=crash)
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


async def test_a_run_that_has_not_begun_has_no_attempts_and_no_visits(rest: Rest, project: Project) -> None:
    run = await rest.create()

    assert await rest.ok("GET", f"/runs/{run}/attempts") == {"items": []}
    assert await every_visit(rest, run, 10) == []
    for path in ("timeline", "attempts"):
        await rest.refused(404, "GET", f"/runs/nosuch/{path}")
    for cursor in ("x", "e30", "W10"):
        problem = await rest.refused(400, "GET", f"/runs/{run}/timeline", params={"cursor": cursor})
        assert problem["type"].endswith(":invalid-cursor")


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


# --- stats
async def over(project: Project, name: str, phase: str, seconds: float, end: datetime) -> None:
    """A run that took so long and ended then."""
    await project.apply_run(name, state="Running")
    times = {"startTime": to_rfc3339(end - timedelta(seconds=seconds)), "completionTime": to_rfc3339(end)}
    await project.status(name, phase=phase, attempt=1, activeSeconds=int(seconds) // 2, **times)


async def test_stats_count_each_run_once_by_the_hour_and_day_of_its_end(rest: Rest, project: Project) -> None:
    noon = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    for number, seconds in enumerate((2, 2, 100)):
        await over(project, f"c{number}", "Succeeded", seconds, noon)
    await over(project, "f", "Failed", 5, noon + timedelta(hours=2))
    await over(project, "x", "Cancelled", 5, noon + timedelta(days=1))
    span = {"since": "2026-03-10T00:00:00Z", "until": "2026-03-12T00:00:00Z"}

    async def stats(**params: Any) -> Json:
        return await rest.ok("GET", "/flow/stats", params={**span, **params})

    def ended(found: Json) -> int:
        total = found["total"]
        return int(total["completed"] + total["failed"] + total["cancelled"])

    days = await eventually(stats, lambda found: ended(found) == 5, seconds=30)
    await rest.ok("DELETE", "/runs/c0")
    hours = await stats(step="hour")
    later = await stats(since="2026-03-11T00:00:00Z")

    short = [(p["start"][:13], p["completed"], p["failed"], p["cancelled"]) for p in days["periods"]]
    assert short == [("2026-03-10T00", 3, 1, 0), ("2026-03-11T00", 0, 0, 1)]
    short = [(p["start"][:13], p["completed"], p["failed"], p["cancelled"]) for p in hours["periods"]]
    assert short == [("2026-03-10T12", 3, 0, 0), ("2026-03-10T14", 0, 1, 0), ("2026-03-11T12", 0, 0, 1)]
    durations = days["total"]["durations"]
    assert durations["mean"] == pytest.approx(104 / 3)
    assert durations["active_mean"] == pytest.approx(52 / 3)
    assert 2 / 1.42 < durations["p50"] < 2 * 1.42
    assert 100 / 1.42 < durations["p95"] < 100 * 1.42
    assert ended(hours) == 5
    assert later["total"]["durations"] is None
    assert (await rest.ok("GET", "/nosuch/stats"))["periods"] == []


@pytest.mark.parametrize(
    "params",
    [
        {"since": "2026-03-12T00:00:00Z", "until": "2026-03-10T00:00:00Z"},
        {"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00+14:00", "until": "0001-01-02T00:00:00Z"},
        {"since": "9999-12-31T00:00:00Z"},
        {"since": "2026-03-12T00:00:00"},
    ],
)
async def test_what_is_no_span_of_time_is_refused(rest: Rest, params: Json) -> None:
    problem = await rest.refused(422, "GET", "/flow/stats", params=params)

    assert "since" in problem["detail"]


# --- graph
async def loaded(rest: Rest, api: Api, project: Project, graph: Json) -> str:
    """A run that has loaded the graph; its revision."""
    run = await started(rest, project)
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        grant = await runner.claimed()
        await runner.sent(runner.event("run_started", data={"graph": graph}))
    revision: str = grant["revision"]
    return revision


async def test_the_graph_of_a_workflow_is_known_by_revision_once_a_run_has_loaded_it(
    rest: Rest, api: Api, project: Project
) -> None:
    unknown = await rest.refused(404, "GET", "/flow/graph")
    old = await loaded(rest, api, project, LINE)
    derived = await rest.ok("GET", "/flow/graph")
    schema = {"type": "object", "title": "Declared"}
    spec = (await rest.ok("GET", "/flow"))["spec"]
    await rest.ok("PUT", "/flow", {"spec": {**spec, "inputSchema": schema}})
    before = await rest.ok("GET", "/flow/graph")
    new = await loaded(rest, api, project, {**LINE, "nodes": ["plan", "work", "check"]})
    current = await rest.ok("GET", "/flow/graph")
    older = await rest.ok("GET", "/flow/graph", params={"revision": old})
    await rest.ok("DELETE", "/flow")
    gone = await rest.ok("GET", "/flow/graph", params={"revision": new})

    assert unknown["type"].endswith(":graph-not-found")
    assert derived["nodes"] == [{"id": "plan"}, {"id": "work"}]
    assert derived["edges"][0] == {"source": "__start__", "target": "plan"}
    assert (derived["revision"], derived["current"], derived["mermaid"]) == (old, True, "graph TD;")
    assert (derived["input_schema"], derived["input_schema_source"]) == (LINE["input_schema"], "derived")
    assert (before["revision"], before["current"]) == (old, False)
    assert (current["revision"], current["current"], len(current["nodes"])) == (new, True, 3)
    assert (current["input_schema"], current["input_schema_source"]) == (schema, "declared")
    assert (older["revision"], older["current"], older["input_schema_source"]) == (old, False, "derived")
    assert (gone["revision"], gone["current"]) == (new, False)
    await rest.refused(404, "GET", "/flow/graph")
    await rest.refused(404, "GET", "/flow/graph", params={"revision": "nosuch"})


# --- estimates
async def test_an_estimate_appears_once_three_runs_of_the_revision_are_known(
    rest: Rest, api: Api, project: Project
) -> None:
    for number in range(4):
        run = await started(rest, project)
        async with runner_of(api, project, await project.pod_for(run)) as runner:
            grant = await runner.claimed()
            await project.status(run, revision=grant["revision"])
            begun = datetime.now(UTC)
            await runner.sent(
                runner.event("run_started", data={"graph": LINE}), runner.visit("node_started", "plan", "t1")
            )
            status = await rest.ok("GET", f"/runs/{run}/status")
            assert (status["estimated_completion"] is not None) == (number == 3), (number, status)
            if number == 3:
                break
            later = to_rfc3339(begun + timedelta(seconds=600))
            last = to_rfc3339(begun + timedelta(seconds=1800))
            await runner.sent(
                {**runner.visit("node_completed", "plan", "t1"), "at": later},
                {**runner.visit("node_started", "work", "t2", step=2), "at": later},
                {**runner.visit("node_completed", "work", "t2", step=2), "at": last},
            )
            half = await rest.ok("GET", f"/runs/{run}/status")
            await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "output": 1})
        await project.status(run, phase="Succeeded", completionTime=now(), activeSeconds=1800)
        await eventually(
            lambda number=number: rest.ok("GET", "/flow/stats"),
            lambda seen, number=number: seen["total"]["completed"] == number + 1,
            seconds=30,
        )
        assert (await rest.ok("GET", f"/runs/{run}/status"))["estimated_completion"] is None
        assert half["progress"] == 1.0

    left = (from_rfc3339(status["estimated_completion"]) - begun).total_seconds()
    assert left == pytest.approx(1800, abs=60)
    assert status["progress"] == 0.0
