"""Small graphs around one trouble each: siblings of which one fails or hangs, questions at once, a handled error."""

import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from support.dossier import in_order

Hook = Callable[[str], Awaitable[None]]


class Numbered(TypedDict):
    number: int


class Lines(TypedDict):
    lines: Annotated[list[str], operator.add]
    log: Annotated[list[str], DeltaChannel(in_order)]


def siblings_graph(on_node: Hook) -> StateGraph[Any]:
    """a, b and c in parallel, then join. The hook may raise or hang in any of them."""

    def node(name: str) -> Any:
        async def run(state: Lines) -> dict[str, Any]:  # noqa: ARG001 - LangGraph calls its nodes with a state
            await on_node(name)
            return {"lines": [name], "log": [f"log {name}"]}

        return run

    graph: StateGraph[Any] = StateGraph(Lines)
    graph.add_node("join", node("join"))
    for name in "abc":
        graph.add_node(name, node(name))
        graph.add_edge(START, name)
        graph.add_edge(name, "join")
    graph.add_edge("join", END)
    return graph


def questions_graph(count: int = 3) -> StateGraph[Any]:
    """Asks `count` questions at once, and in each task a second one after the first is answered."""

    async def ask(state: Numbered) -> dict[str, Any]:
        first = interrupt(f"question {state['number']}")
        second = interrupt(f"why {first}?") if state["number"] == 0 else ""
        return {"lines": [f"{state['number']}: {first} {second}"], "log": [f"{first}"]}

    async def close(state: Lines) -> dict[str, Any]:
        return {"lines": [f"closed after {len(state['lines'])}"]}

    graph: StateGraph[Any] = StateGraph(Lines)
    graph.add_node("ask", ask)
    graph.add_node("close", close)
    graph.add_conditional_edges(
        START, lambda _: [Send("ask", {"number": number}) for number in range(count)], ["ask"]
    )
    graph.add_edge("ask", "close")
    graph.add_edge("close", END)
    return graph


def handled_graph(on_node: Hook) -> StateGraph[Any]:
    """risky fails, beside it a sibling does not; its handler says what it was told; then the end."""

    async def risky(state: Lines) -> dict[str, Any]:
        await on_node("risky")
        raise ValueError(f"no {len(state['lines'])}")

    async def handler(state: Lines, error: NodeError) -> Command[str]:  # noqa: ARG001 - LangGraph types handlers so
        await on_node("handler")
        return Command(update={"lines": [f"handled {error.node}"], "log": ["handled"]}, goto="last")

    async def sibling(state: Lines) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        await on_node("sibling")
        return {"lines": ["sibling"], "log": ["sibling"]}

    async def last(state: Lines) -> dict[str, Any]:
        await on_node("last")
        return {"lines": [f"last of {len(state['lines'])}"]}

    graph: StateGraph[Any] = StateGraph(Lines)
    graph.add_node("risky", risky, error_handler=handler)
    graph.add_node("sibling", sibling)
    graph.add_node("last", last)
    graph.add_edge(START, "risky")
    graph.add_edge(START, "sibling")
    graph.add_edge("sibling", "last")
    graph.add_edge("last", END)
    return graph


def sync_graph() -> StateGraph[Any]:
    """Plain functions for nodes: parallel lines, then a question."""

    def start(state: Lines) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        return {"lines": ["start"], "log": ["start"]}

    def line(state: Numbered) -> dict[str, Any]:
        return {"lines": [f"line {state['number']}"], "log": [f"line {state['number']:02}"]}

    def ask(state: Lines) -> dict[str, Any]:
        return {"lines": [interrupt(f"{len(state['lines'])} lines?")]}

    graph: StateGraph[Any] = StateGraph(Lines)
    graph.add_node("start", start)
    graph.add_node("line", line)
    graph.add_node("ask", ask)
    graph.add_edge(START, "start")
    graph.add_conditional_edges(
        "start", lambda _: [Send("line", {"number": number}) for number in range(12)], ["line"]
    )
    graph.add_edge("line", "ask")
    graph.add_edge("ask", END)
    return graph
