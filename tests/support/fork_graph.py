"""Graphs for runs that fork: each node adds its name, so that whatever is applied twice shows in the state."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class Trail(TypedDict, total=False):
    topic: str
    seen: Annotated[list[str], operator.add]


def _step(name: str) -> Any:
    return lambda state: {"seen": [f"{name} {state.get('topic', '')}".strip()]}


def _asking(state: Trail) -> dict[str, Any]:
    return {"seen": [f"answer {interrupt(state.get('topic', ''))}"]}


def chain(**nodes: Any) -> StateGraph[Any]:
    """One after the other."""
    graph = StateGraph(Trail)
    names = list(nodes)
    for name, node in nodes.items():
        graph.add_node(name, node)
    for source, target in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(source, target)
    return graph


def _breaking(_state: Trail) -> None:
    raise ValueError("not yet")


breaking = chain(a=_step("a"), b=_step("b"), c=_breaking)
three = chain(a=_step("a"), b=_step("b"), c=_step("c"))
inner = chain(x=_step("x"), ask=_asking, y=_step("y")).compile()
asking = chain(a=_step("a"), inner=inner, z=_step("z"))
