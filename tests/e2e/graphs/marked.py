"""Graphs that leave a mark at the counter for each thing they do, with the name of the pod that did it.

A visit marks `ROUND-INDEX` when it begins (its side effect) and `end/ROUND-INDEX` when it ends.
"""

import asyncio
import datetime as calendar
import operator
import os
import threading
import time
import urllib.request
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

COUNTER = "http://hits:8000/hit/"
POD = os.environ.get("HOSTNAME", "")
FOREVER = 3600
# A counter that is slow is no error of the graph, and a second try would count twice.
PATIENCE = 300


def mark(state: "State", text: str) -> None:
    # When it is sent, not when a busy counter comes to it; by a clock that `skewed` leaves alone.
    now = time.clock_gettime(time.CLOCK_REALTIME)
    address = f"{COUNTER}{state['key']}/{text}?pod={POD}&at={now}"
    urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=PATIENCE).read()  # noqa: S310


class State(TypedDict, total=False):
    key: str  # the run's prefix at the counter
    rounds: int
    wide: int  # side-by-side visits a round
    seconds: float  # a visit lasts this long
    round: int
    index: int
    done: Annotated[list[str], operator.add]
    answer: str


# ---- rounds: a loop with a fan-out
def plan(state: State) -> dict[str, Any]:
    return {"round": state.get("round", 0) + 1}


def fan_out(state: State) -> list[Send] | str:
    if state["round"] > state["rounds"]:
        return END
    return [Send("work", {**state, "index": index}) for index in range(state.get("wide", 1))]


def work(state: State) -> dict[str, Any]:
    text = f"{state['round']}-{state['index']}"
    mark(state, text)
    threading.Event().wait(state.get("seconds", 0.2))
    mark(state, f"end/{text}")
    return {"done": [text]}


def _loop() -> StateGraph[State]:
    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("work", work)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", fan_out, ["work", END])
    graph.add_edge("work", "plan")
    return graph


rounds = _loop()


# ---- skewed: the same, by a clock that is hours off, each attempt's by other hours
def skewed() -> StateGraph[State]:
    """A factory, so that the clock is wrong only where this graph is the one that runs."""
    attempt = int(POD.rsplit("-", 2)[-2])
    _set_clock(hours=(0, -5, 7)[attempt % 3])
    return _loop()


def _set_clock(hours: int) -> None:
    seconds, nanoseconds, moment = time.time, time.time_ns, calendar.datetime
    shift = calendar.timedelta(hours=hours)
    time.time = lambda: seconds() + shift.total_seconds()
    time.time_ns = lambda: nanoseconds() + int(shift.total_seconds()) * 1_000_000_000

    class Skewed(moment):  # type: ignore[valid-type,misc]
        @classmethod
        def now(cls, tz: calendar.tzinfo | None = None) -> calendar.datetime:
            return moment.now(tz) + shift

    calendar.datetime = Skewed  # type: ignore[misc]


# ---- sleeper: works until it is stopped; its pulse shows whether it lives
async def sleep(state: State) -> dict[str, Any]:
    def beat() -> None:
        while True:
            mark(state, "pulse")
            threading.Event().wait(0.2)

    threading.Thread(target=beat, daemon=True).start()
    await asyncio.sleep(FOREVER)
    return {}


sleeper = StateGraph(State)
sleeper.add_node("sleep", sleep)
sleeper.add_edge(START, "sleep")


# ---- asking: one visit, a question, one visit
def first(state: State) -> dict[str, Any]:
    return work({**state, "round": 1, "index": 0})


def ask(state: State) -> dict[str, Any]:
    return {"answer": str(interrupt(f"go on after {len(state['done'])}?"))}


def second(state: State) -> dict[str, Any]:
    return work({**state, "round": 2, "index": 0})


asking = StateGraph(State)
asking.add_node("first", first)
asking.add_node("ask", ask)
asking.add_node("second", second)
asking.add_edge(START, "first")
asking.add_edge("first", "ask")
asking.add_edge("ask", "second")
