"""What runs of a workflow take and how they end, its graph, and when a run of it will be done."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from graphrun_core.times import from_rfc3339, to_rfc3339
from support.api_world import Api, Project, Rest, now, runner_of
from support.run_history import LINE, started
from support.waiting import eventually

Json = dict[str, Any]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


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

    assert unknown["type"].endswith("/graph-not-found")
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
async def counted(rest: Rest, runs: int) -> None:
    await eventually(
        lambda: rest.ok("GET", "/flow/stats"), lambda seen: seen["total"]["completed"] == runs, seconds=30
    )


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
            if number == 3:
                # What earlier runs took is asked for now and then.
                status = await eventually(
                    partial(rest.ok, "GET", f"/runs/{run}/status"),
                    lambda seen: seen["estimated_completion"],
                    seconds=30,
                    what="an estimate",
                )
                break
            status = await rest.ok("GET", f"/runs/{run}/status")
            assert status["estimated_completion"] is None, (number, status)
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
        await counted(rest, number + 1)
        assert (await rest.ok("GET", f"/runs/{run}/status"))["estimated_completion"] is None
        assert half["progress"] == 1.0

    left = (from_rfc3339(status["estimated_completion"]) - begun).total_seconds()
    assert left == pytest.approx(1800, abs=60)
    assert status["progress"] == 0.0
