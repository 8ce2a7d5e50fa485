"""Small graphs that show what the product does with them; laid into Workflows by tests/e2e/conftest.py."""

import asyncio
import operator
import signal
import subprocess
import sys
import threading
import urllib.request
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

COUNTER = "http://hits:8000/hit/"
FOREVER = 600

# What keeps a run's pulse beating at the counter, as a program of its own: no SIGTERM stops it.
PULSE = """
import signal, sys, threading, urllib.request
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="POST"), timeout=5).read()
    threading.Event().wait(0.05)
"""


def hit(key: str) -> None:
    urllib.request.urlopen(urllib.request.Request(COUNTER + key, method="POST"), timeout=10).read()  # noqa: S310


class State(TypedDict, total=False):
    key: str  # the run's prefix at the counter
    rounds: int
    wide: int  # side-by-side visits a round
    seconds: float  # a visit lasts this long
    round: int
    done: Annotated[list[str], operator.add]
    text: str
    length: int


# ---- rounds: a loop with a fan-out; each visit leaves its mark at the counter
def plan(state: State) -> dict[str, Any]:
    return {"round": state.get("round", 0) + 1}


def fan_out(state: State) -> list[Send] | str:
    if state["round"] > state["rounds"]:
        return END
    marks = [f"{state['round']}-{index}" for index in range(state.get("wide", 2))]
    return [Send("work", {**state, "text": mark}) for mark in marks]


def work(state: State) -> dict[str, Any]:
    hit(f"{state['key']}/{state['text']}")
    threading.Event().wait(state.get("seconds", 0.2))
    return {"done": [state["text"]]}


def speak(state: State) -> dict[str, Any]:
    """As `work`, but its mark is a line in the log."""
    print(f"spoken {state['text']}", flush=True)  # noqa: T201 - what is tested
    threading.Event().wait(state.get("seconds", 0.2))
    return {"done": [state["text"]]}


def _loop(node: Any) -> StateGraph[State]:
    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("work", node)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", fan_out, ["work", END])
    graph.add_edge("work", "plan")
    return graph


rounds = _loop(work)
speaker = _loop(speak)


def _single(node: Any, name: str) -> StateGraph[State]:
    graph = StateGraph(State)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    graph.add_edge(name, END)
    return graph


# ---- nodes that do not end by themselves; a pulse at the counter shows whether anything of them lives
def _pulse(state: State) -> None:
    def beat() -> None:
        while True:
            hit(f"{state['key']}/pulse")
            threading.Event().wait(0.05)

    threading.Thread(target=beat, daemon=True).start()


async def sleep(state: State) -> dict[str, Any]:
    _pulse(state)
    await asyncio.sleep(FOREVER)
    return {}


async def block(state: State) -> dict[str, Any]:
    _pulse(state)
    threading.Event().wait(FOREVER)  # on the event loop, on purpose
    return {}


def stubborn_graph() -> StateGraph[State]:
    """A factory, so that SIGTERM is ignored only where this graph is the one that runs."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def resist(state: State) -> dict[str, Any]:
        subprocess.Popen(
            [sys.executable, "-c", PULSE, f"{COUNTER}{state['key']}/pulse"], start_new_session=True
        )
        threading.Event().wait(FOREVER)
        return {}

    return _single(resist, "resist")


sleeper = _single(sleep, "sleep")
blocker = _single(block, "block")


# ---- small ones
def measure(state: State) -> dict[str, Any]:
    return {"length": len(state.get("text", ""))}


def fail(state: State) -> dict[str, Any]:
    raise ValueError(f"no luck with {state.get('text', 'nothing')}")


echo = _single(measure, "measure")
failing = _single(fail, "fail")
number = 42
