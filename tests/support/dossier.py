"""A graph whose state has every shape that a layout of stored checkpoints may treat on its own.

start → load → round → `width` parallel works by Send → a nested graph of outline and a nested polish → again, or end.

The same shape ends in the same state, whoever ran it and however often it was interrupted; with authors, the log
tells who ran each node.
"""

import json
import operator
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, RemoveMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send

OnNode = Callable[[str], Awaitable[None]]


def in_order(lines: list[str], writes: list[list[str]]) -> list[str]:
    """Appends: the order of parallel writes shows."""
    return [*lines, *(line for write in writes for line in write)]


def merged(files: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Files of the same name are replaced."""
    return {**files, **more}


class Dossier(TypedDict):
    topic: str
    corpus: str
    messages: Annotated[list[AnyMessage], add_messages]
    ledger: Annotated[list[str], operator.add]
    files: Annotated[dict[str, str], merged]
    log: Annotated[list[str], DeltaChannel(in_order, snapshot_frequency=7)]
    rounds: Annotated[int, operator.add]
    chapters: Annotated[list[str], operator.add]


class Work(TypedDict):
    round: int
    number: int


class Chapter(TypedDict):
    topic: str
    rounds: int
    draft: str
    notes: Annotated[list[str], DeltaChannel(in_order)]


@dataclass(frozen=True)
class Shape:
    """How large a dossier gets. Sizes in characters, each about a byte.

    Attributes:
        rounds: Times through the loop.
        width: Parallel works in a round.
        message: Size of each message.
        entry: Size of what each work adds to the ledger.
        corpus: Size of a value that is set once.
        dense: Whether text cannot be compressed to much less than half.
    """

    rounds: int = 3
    width: int = 3
    message: int = 4_000
    entry: int = 8_000
    corpus: int = 100_000
    dense: bool = True

    def text(self, what: str, size: int) -> str:
        """The same text for the same words."""
        if self.dense:
            return random.Random(what).randbytes((size + 1) // 2).hex()[:size]  # noqa: S311 - filler
        return (what + " ") * (size // (len(what) + 1))


SMALL = Shape(rounds=2, width=2, message=500, entry=500, corpus=500, dense=False)
INPUT: dict[str, Any] = {"topic": "owls", "rounds": 0}


async def without_pause(_: str) -> None:
    """The hook of a node that nobody watches."""


def dossier_graph(shape: Shape, *, author: str = "", on_node: OnNode = without_pause) -> StateGraph[Any]:
    """The graph; `on_node` is awaited when a node starts."""
    by = f" by {author}" if author else ""

    async def load(state: Dossier) -> dict[str, Any]:
        await on_node("load")
        return {"corpus": shape.text("corpus", shape.corpus), "log": [f"load {state['topic']}{by}"]}

    async def round_(state: Dossier) -> dict[str, Any]:
        number = state["rounds"] + 1
        await on_node(f"round {number}")
        edits: list[Any] = []
        if number > 1:  # one message is edited, one is removed
            edited = shape.text(f"edited in {number}", shape.message)
            edits = [AIMessage(edited, id=f"{number - 1}.0"), RemoveMessage(id=f"{number - 1}.1")]
        return {"rounds": 1, "messages": edits, "log": [f"round {number}{by}"]}

    async def work(state: Work) -> dict[str, Any]:
        place = f"{state['round']}.{state['number']}"
        await on_node(f"work {place}")
        return {
            "messages": [AIMessage(shape.text(f"message {place}", shape.message), id=place)],
            "ledger": [shape.text(f"entry {place}", shape.entry)],
            "files": {f"{place}.py": shape.text(f"file {place}", 200), f"shared.{state['number']}": place},
            "log": [f"work {place}{by}"],
        }

    def spread(state: Dossier) -> list[Send]:
        number = state["rounds"]
        return [Send("work", {"round": number, "number": each}) for each in range(shape.width)]

    def more(state: Dossier) -> str:
        return "round" if state["rounds"] < shape.rounds else END

    def keep(chapter: dict[str, Any]) -> dict[str, Any]:
        return {"chapters": [chapter["draft"]], "log": chapter["notes"]}

    graph: StateGraph[Any] = StateGraph(Dossier)
    graph.add_node("load", load)
    graph.add_node("round", round_)
    graph.add_node("work", work)
    graph.add_node("write", _chapter_graph(by, on_node).compile() | keep)
    graph.add_edge(START, "load")
    graph.add_edge("load", "round")
    graph.add_conditional_edges("round", spread, ["work"])
    graph.add_edge("work", "write")
    graph.add_conditional_edges("write", more, ["round", END])
    return graph


def _chapter_graph(by: str, on_node: OnNode) -> StateGraph[Any]:
    async def outline(state: Chapter) -> dict[str, Any]:
        await on_node(f"outline {state['rounds']}")
        return {"draft": f"{state['topic']} {state['rounds']}", "notes": [f"outline{by}"]}

    async def polish(state: Chapter) -> dict[str, Any]:
        await on_node(f"polish {state['rounds']}")
        return {"draft": state["draft"].upper(), "notes": [f"polish{by}"]}

    def keep(polished: dict[str, Any]) -> dict[str, Any]:
        return {"draft": polished["draft"], "notes": polished["notes"][-1:]}

    inner: StateGraph[Any] = StateGraph(Chapter)
    inner.add_node("polish", polish)
    inner.add_edge(START, "polish")
    inner.add_edge("polish", END)
    outer: StateGraph[Any] = StateGraph(Chapter)
    outer.add_node("outline", outline)
    outer.add_node("refine", inner.compile() | keep)
    outer.add_edge(START, "outline")
    outer.add_edge("outline", "refine")
    outer.add_edge("refine", END)
    return outer


def as_json(values: dict[str, Any]) -> str:
    """A state whole, to compare over processes."""
    return json.dumps(values, sort_keys=True, default=lambda message: message.model_dump())
