"""LangGraph graphs with the shapes that savers get wrong: fan-out, order, nesting, interrupts."""

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt


class Research(TypedDict):
    topic: str
    notes: Annotated[list[str], operator.add]
    draft: str


class Note(TypedDict):
    number: int


def research_graph(*, width: int = 3, on_node: Callable[[str], None] = lambda _: None) -> StateGraph[Any]:
    """plan → `width` parallel notes by Send → a nested graph of outline and polish → publish."""

    async def plan(state: Research) -> dict[str, Any]:
        on_node("plan")
        return {"notes": [f"plan {state['topic']}"]}

    def spread(_: Research) -> list[Send]:
        return [Send("note", {"number": number}) for number in range(width)]

    async def note(state: Note) -> dict[str, Any]:
        on_node(f"note {state['number']}")
        return {"notes": [f"note {state['number']}"]}

    async def outline(state: Research) -> dict[str, Any]:
        on_node("outline")
        return {"draft": " + ".join(state["notes"])}

    async def polish(state: Research) -> dict[str, Any]:
        on_node("polish")
        return {"draft": state["draft"].upper()}

    async def publish(state: Research) -> dict[str, Any]:
        on_node("publish")
        return {"draft": f"<{state['draft']}>"}

    inner = StateGraph(Research)
    inner.add_node("outline", outline)
    inner.add_node("polish", polish)
    inner.add_edge(START, "outline")
    inner.add_edge("outline", "polish")
    inner.add_edge("polish", END)

    def write_up(draft: dict[str, Any]) -> dict[str, Any]:
        return {"draft": draft["draft"]}

    graph = StateGraph(Research)
    graph.add_node("plan", plan)
    graph.add_node("note", note)
    graph.add_node("write", inner.compile() | write_up)
    graph.add_node("publish", publish)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", spread, ["note"])
    graph.add_edge("note", "write")
    graph.add_edge("write", "publish")
    graph.add_edge("publish", END)
    return graph


class Approval(TypedDict):
    question: str
    answers: Annotated[list[str], operator.add]


def approval_graph() -> StateGraph[Any]:
    """An interrupt two graphs deep, and what was answered to it."""

    async def ask(state: Approval) -> dict[str, Any]:
        return {"answers": [interrupt({"question": state["question"]})]}

    def nest(node: Any) -> StateGraph[Any]:
        graph = StateGraph(Approval)
        graph.add_node("step", node)
        graph.add_edge(START, "step")
        graph.add_edge("step", END)
        return graph

    return nest(nest(nest(ask).compile()).compile())
