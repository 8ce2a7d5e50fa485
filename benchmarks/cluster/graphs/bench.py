"""Graphs of the benchmarks; laid into Workflows by benchmarks/cluster/site.py."""

import asyncio
import threading
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

FOREVER = 3600


class State(TypedDict, total=False):
    """State of all of them."""

    rounds: int
    seconds: float  # a visit of `step` lasts this long
    round: int
    answer: Any


def _single(name: str, node: Any) -> StateGraph[State]:  # noqa: ANN401 - LangGraph keeps its type private
    graph = StateGraph(State)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    graph.add_edge(name, END)
    return graph


def block(_: State) -> dict[str, Any]:
    """Hold up a thread until killed."""
    threading.Event().wait(FOREVER)
    return {}


async def sleep(_: State) -> dict[str, Any]:
    """Wait on the event loop until killed."""
    await asyncio.sleep(FOREVER)
    return {}


def ask(_: State) -> dict[str, Any]:
    """Wait for a person."""
    return {"answer": interrupt({"question": "go on?"})}


def step(state: State) -> dict[str, Any]:
    """Take a while."""
    threading.Event().wait(state.get("seconds", 0.05))
    return {"round": state.get("round", 0) + 1}


def again(state: State) -> str:
    """Tell what comes after a step."""
    return "step" if state["round"] < state.get("rounds", 1) else END


blocking = _single("block", block)
sleeping = _single("sleep", sleep)
asking = _single("ask", ask)
steps = StateGraph(State)
steps.add_node("step", step)
steps.add_edge(START, "step")
steps.add_conditional_edges("step", again, ["step", END])
