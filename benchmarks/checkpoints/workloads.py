"""The graphs that all savers run: the same code, the same values."""

import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send

from benchmarks.checkpoints.texts import Writer, noise

Kind = Literal["conversation", "fan-out", "large value", "delta", "counter", "rewritten value"]
Builder = StateGraph[Any, Any, Any, Any]

_SEED = 20261124


@dataclass(frozen=True)
class Workload:
    """One graph and how large it gets.

    Attributes:
        kind: Which graph.
        steps: Super-steps until its end, without the input's.
        size: Bytes of each message, each task's result or the value, whichever the graph has.
        width: Tasks of every other super-step of a fan-out.
    """

    kind: Kind
    steps: int
    size: int = 0
    width: int = 1


@dataclass
class Prepared:
    """A graph, its input, and when each of its super-steps began (seconds, only differences mean something)."""

    builder: Builder
    start: dict[str, Any]
    began: list[float]


def prepare(workload: Workload) -> Prepared:
    """Make the graph, with all its text and bytes made before it runs."""
    began: list[float] = []
    builder, start = _GRAPHS[workload.kind](workload, lambda: began.append(time.perf_counter()))
    return Prepared(builder, start, began)


# ---------------------------------------------------------------- (a) and (d): a conversation


class Conversation(TypedDict):
    """Messages under the reducer that chat graphs have."""

    messages: Annotated[list[AnyMessage], add_messages]


def _appended(messages: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    return [*messages, *(message for write in writes for message in write)]


class DeltaConversation(TypedDict):
    """Messages that are stored as what each step added, and whole at every 100th update."""

    messages: Annotated[list[Any], DeltaChannel(_appended, snapshot_frequency=100)]


def _conversation(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    return _talk(Conversation, workload, tick)


def _delta(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    return _talk(DeltaConversation, workload, tick)


def _talk(schema: type[Any], workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    writer = Writer(_SEED)
    messages = [
        AIMessage(writer.text(workload.size), id=f"message-{number}") for number in range(workload.steps)
    ]

    async def speak(state: Conversation) -> dict[str, Any]:
        tick()
        return {"messages": [messages[len(state["messages"])]]}

    def after(state: dict[str, Any]) -> str:
        return END if len(state["messages"]) >= workload.steps else "speak"

    builder: Builder = StateGraph(schema)
    # Named, for the annotation would bring in the channels of one of the two schemas.
    builder.add_node("speak", speak, input_schema=schema)
    builder.add_edge(START, "speak")
    builder.add_conditional_edges("speak", after, ["speak", END])
    return builder, {"messages": []}


# ---------------------------------------------------------------- (b): fan-out


class FanOut(TypedDict):
    """Rounds of parallel tasks whose results are all kept."""

    results: Annotated[list[str], operator.add]
    rounds: Annotated[int, operator.add]


class Task(TypedDict):
    """What a parallel task is told."""

    number: int


def _fan_out(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    writer = Writer(_SEED)
    rounds = workload.steps // 2
    results = [writer.text(workload.size) for _ in range(rounds * workload.width)]

    async def plan(state: FanOut) -> dict[str, Any]:  # noqa: ARG001 - a node takes its state
        tick()
        return {"rounds": 1}

    def spread(state: FanOut) -> list[Send]:
        first = (state["rounds"] - 1) * workload.width
        return [Send("work", Task(number=first + each)) for each in range(workload.width)]

    async def work(state: Task) -> dict[str, Any]:
        return {"results": [results[state["number"]]]}

    def after(state: FanOut) -> str:
        return END if state["rounds"] >= rounds else "plan"

    builder: Builder = StateGraph(FanOut)
    builder.add_node("plan", plan)
    builder.add_node("work", work, input_schema=Task)
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", spread, ["work"])
    builder.add_conditional_edges("work", after, ["plan", END])
    return builder, {"results": [], "rounds": 0}


# ---------------------------------------------------------------- (c) and others: a value beside a counter


class Counted(TypedDict):
    """A counter and a value that may be large."""

    value: bytes
    count: Annotated[int, operator.add]
    goal: int


def _counting(values: Sequence[bytes], tick: Callable[[], None]) -> Builder:
    """Counts up to the goal; each step writes the next of `values` while there are any."""

    async def step(state: Counted) -> dict[str, Any]:
        tick()
        return {"count": 1, **({"value": values[state["count"]]} if state["count"] < len(values) else {})}

    def after(state: Counted) -> str:
        return END if state["count"] >= state["goal"] else "step"

    builder: Builder = StateGraph(Counted)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", after, ["step", END])
    return builder


def _large_value(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    start = {"value": b"", "count": 0, "goal": workload.steps}
    return _counting((noise(workload.size, _SEED),), tick), start


def _counter(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    """`count` is left out of the input: a further run on the thread goes on where the last one ended."""
    return _counting((), tick), {"value": b"", "goal": workload.steps}


def _rewritten_value(workload: Workload, tick: Callable[[], None]) -> tuple[Builder, dict[str, Any]]:
    values = [noise(workload.size, _SEED + number) for number in range(workload.steps)]
    return _counting(values, tick), {"value": b"", "count": 0, "goal": workload.steps}


_GRAPHS: dict[Kind, Callable[[Workload, Callable[[], None]], tuple[Builder, dict[str, Any]]]] = {
    "conversation": _conversation,
    "fan-out": _fan_out,
    "large value": _large_value,
    "delta": _delta,
    "counter": _counter,
    "rewritten value": _rewritten_value,
}
