"""The audit as a graph: discover, measure in waves, read the worst closely until the budget is spent, report.

    discover ─▶ plan_wave ◀══Send══▶ measure (a wave of modules side by side)
                    │ all measured
                    ▼
                choose_worst ◀══Send══▶ read_closely (4 modules a round)
                    │ budget spent
                    ▼
                  report

A wave is one superstep: the shorter it is, the sooner a pause takes hold.
"""

from __future__ import annotations

import asyncio
import operator
import platform
import threading
from typing import Annotated, Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from stdlib_audit import measure as files
from stdlib_audit.measure import Finding, Measure

DEFAULT_MODULES, DEFAULT_WAVE, DEFAULT_BUDGET, DEFAULT_PACE_SECONDS = 96, 6, 1500, 0.15
WORST_PER_ROUND = 4
MEASURING_SHARE = 0.8  # of the whole run, for the progress bar; the rest is reading closely


class Question(TypedDict, total=False):
    """What a run is asked."""

    modules: int  # how many modules, the largest first
    wave: int  # how many of them are measured side by side
    budget: int  # functions in all that may be read closely
    pace_seconds: float  # waited in each node, so that there is time to watch and to pause


class Answer(TypedDict):
    """What a run answers."""

    report: str
    totals: dict[str, Any]


class State(Question, Answer, total=False):
    """Plain values only: every superstep's state is stored as a checkpoint."""

    pending: list[str]
    current_wave: list[str]
    measured: Annotated[list[Measure], operator.add]
    chosen: list[str]
    read: Annotated[list[str], operator.add]
    findings: Annotated[list[Finding], operator.add]
    functions_read: int


class OneModule(TypedDict):
    """What `Send` hands to a node that works on one module."""

    module: str
    pace_seconds: float


def _to_each(node: str, modules: list[str], state: State) -> list[Send]:
    pace = state.get("pace_seconds", DEFAULT_PACE_SECONDS)
    return [Send(node, OneModule(module=module, pace_seconds=pace)) for module in modules]


def _progress(fraction: float) -> None:
    get_stream_writer()({"progress": round(min(fraction, 1.0), 3)})


def discover(state: State) -> dict[str, Any]:
    return {"pending": files.largest_modules(state.get("modules", DEFAULT_MODULES)), "functions_read": 0}


def plan_wave(state: State) -> dict[str, Any]:
    done, pending = len(state.get("measured", [])), state["pending"]
    _progress(MEASURING_SHARE * done / max(done + len(pending), 1))
    wave = state.get("wave", DEFAULT_WAVE)
    return {"current_wave": pending[:wave], "pending": pending[wave:]}


def after_plan(state: State) -> list[Send] | str:
    return _to_each("measure", state["current_wave"], state) or "choose_worst"


async def measure(state: OneModule) -> dict[str, Any]:
    measured = await asyncio.to_thread(files.measure, state["module"])
    await asyncio.sleep(state["pace_seconds"])
    return {"measured": [measured]}


def choose_worst(state: State) -> dict[str, Any]:
    budget = state.get("budget", DEFAULT_BUDGET)
    by_name = {measured["module"]: measured for measured in state.get("measured", [])}
    spent = sum(by_name[module]["functions"] for module in state.get("read", []))
    left = [one for one in by_name.values() if one["module"] not in state.get("read", [])]
    worst = sorted(left, key=lambda one: (-one["score"], one["module"]))[:WORST_PER_ROUND]
    _progress(MEASURING_SHARE + (1 - MEASURING_SHARE) * spent / max(budget, 1))
    return {"functions_read": spent, "chosen": [one["module"] for one in worst] if spent < budget else []}


def after_choice(state: State) -> list[Send] | str:
    return _to_each("read_closely", state["chosen"], state) or "report"


def read_closely(state: OneModule) -> dict[str, Any]:
    findings = files.read_closely(state["module"])
    threading.Event().wait(state["pace_seconds"])
    return {"read": [state["module"]], "findings": findings}


def report(state: State) -> Answer:
    measured, findings = state.get("measured", []), state.get("findings", [])
    totals = {
        "python": platform.python_version(),
        "modules": len(measured),
        "lines": sum(one["lines"] for one in measured),
        "functions": sum(one["functions"] for one in measured),
        "branches": sum(one["branches"] for one in measured),
        "functions_read_closely": state["functions_read"],
    }
    documented = sum(one["documented"] for one in measured) / max(len(measured), 1)
    hardest = sorted(findings, key=lambda finding: (-finding["complexity"], finding["module"]))[:8]
    lines = [
        f"Python {totals['python']}: {totals['modules']} modules, {totals['lines']:,} lines, "
        f"{totals['functions']:,} functions, {totals['branches']:,} branches",
        f"public names with a docstring: {documented:.0%} (mean of the modules)",
        f"read closely: {len(state.get('read', []))} modules, {state['functions_read']:,} functions; hardest:",
    ]
    lines += [
        f"{finding['complexity']:>5} paths {finding['lines']:>5} lines  depth {finding['depth']}  "
        f"{finding['module']}:{finding['line']} {finding['function']}"
        for finding in hardest
    ]
    _progress(1.0)
    return {"report": "\n".join(lines), "totals": totals}


graph = StateGraph(State, input_schema=Question, output_schema=Answer)
graph.add_node("discover", discover)
graph.add_node("plan_wave", plan_wave)
graph.add_node("measure", measure, input_schema=OneModule)
graph.add_node("choose_worst", choose_worst)
graph.add_node("read_closely", read_closely, input_schema=OneModule)
graph.add_node("report", report)
graph.add_edge(START, "discover")
graph.add_edge("discover", "plan_wave")
graph.add_conditional_edges("plan_wave", after_plan, ["measure", "choose_worst"])
graph.add_edge("measure", "plan_wave")
graph.add_conditional_edges("choose_worst", after_choice, ["read_closely", "report"])
graph.add_edge("read_closely", "choose_worst")
graph.add_edge("report", END)
