"""examples/01-stdlib-audit in plain LangGraph: no graphrun, no cluster."""

import ast
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

SMALL = {"modules": 6, "wave": 2, "budget": 60, "pace_seconds": 0}


def thread(name: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}, "recursion_limit": 1000}


@pytest.fixture
def audit(example: Any) -> Any:
    return example("01-stdlib-audit", "stdlib_audit.graph").graph.compile(checkpointer=InMemorySaver())


async def test_the_audit_reports_on_the_library_it_runs_on(audit: Any) -> None:
    answer = await audit.ainvoke(SMALL, thread("whole"))

    assert answer["totals"]["modules"] == 6
    assert answer["totals"]["lines"] > 6 * 1000
    assert answer["report"].splitlines()[0].startswith("Python 3.")
    assert "paths" in answer["report"].splitlines()[3]
    assert set(answer) == {"report", "totals"}


async def test_modules_are_measured_in_waves_of_the_size_asked_for(audit: Any) -> None:
    waves = [
        task
        async for kind, task in audit.astream(SMALL, thread("waves"), stream_mode=["updates"])
        if kind == "updates" and "plan_wave" in task
    ]

    assert [len(wave["plan_wave"]["current_wave"]) for wave in waves] == [2, 2, 2, 0]


async def test_reading_closely_goes_round_until_the_budget_is_spent(audit: Any) -> None:
    generous = await audit.ainvoke({**SMALL, "budget": 10**9}, thread("generous"))
    nothing = await audit.ainvoke({**SMALL, "budget": 0}, thread("nothing"))

    assert generous["totals"]["functions_read_closely"] == generous["totals"]["functions"]
    assert nothing["totals"]["functions_read_closely"] == 0


async def test_progress_rises_from_nothing_to_one(audit: Any) -> None:
    told = [event["progress"] async for event in audit.astream(SMALL, thread("told"), stream_mode="custom")]

    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


async def test_a_drained_audit_goes_on_where_it_was_and_measures_nothing_twice(audit: Any) -> None:
    control = RunControl()
    measured: list[str] = []

    async def watch(start: dict[str, Any] | None, **options: Any) -> None:
        async for update in audit.astream(start, thread("drained"), stream_mode="updates", **options):
            measured.extend(one["module"] for one in update.get("measure", {}).get("measured", []))
            if len(measured) == 2:
                control.request_drain("pause")

    with pytest.raises(GraphDrained):
        await watch(SMALL, control=control)
    paused_after = len(measured)
    await watch(None)

    assert paused_after == 2
    assert len(measured) == len(set(measured)) == 6
    assert (await audit.aget_state(thread("drained"))).values["totals"]["modules"] == 6


def test_largest_modules_are_stable_and_leave_tests_out(example: Any) -> None:
    measure = example("01-stdlib-audit", "stdlib_audit.measure")

    names = measure.largest_modules(40)

    assert names == measure.largest_modules(40)
    assert len(names) == 40
    assert not [name for name in names if name.startswith("test/") or "site-packages" in name]


def test_an_elif_lies_beside_its_if(example: Any) -> None:
    measure = example("01-stdlib-audit", "stdlib_audit.measure")
    flat = "if a:\n  x\nelif b:\n  y\nelif c:\n  z\nelse:\n  w\n"
    deep = "for a in b:\n  if c:\n    while d:\n      x\n"

    assert measure._depth(ast.parse(flat)) == 1
    assert measure._depth(ast.parse(deep)) == 3
