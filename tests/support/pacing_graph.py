"""A graph of many small supersteps, and the same as a subgraph, which tell of every step that they begin."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

STEPS = 12
begun: list[int] = []


class Count(TypedDict, total=False):
    number: int


async def step(state: Count) -> dict[str, Any]:
    begun.append(state["number"])
    return {"number": state["number"] + 1}


def _loop() -> StateGraph[Count]:
    graph = StateGraph(Count)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges(
        "step", lambda state: "step" if state["number"] < STEPS else END, ["step", END]
    )
    return graph


flat = _loop()
nested = StateGraph(Count)
nested.add_node("inner", _loop().compile())
nested.add_edge(START, "inner")
