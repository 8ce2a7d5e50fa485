"""Threads with every kind of stored object, made by a real graph."""

import operator
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph

from graphrun_checkpoints import ObjectStoreSaver


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    """The reducer of a DeltaChannel of lines."""
    return [*state, *(line for write in writes for line in write)]


class Story(TypedDict):
    """A list that grows, a dict of files, a large text set once, and lines kept as writes."""

    chapters: Annotated[list[str], operator.add]
    files: dict[str, str]
    large: str
    lines: Annotated[list[str], DeltaChannel(extend)]
    rounds: int


def story_graph(rounds: int) -> StateGraph[Any]:
    """A graph that adds to each channel, `rounds` times."""

    async def write(state: Story) -> dict[str, object]:
        number = state["rounds"]
        return {
            "chapters": [f"chapter {number} " + chr(97 + number % 26) * 9000],
            "files": {**state.get("files", {}), f"file{number % 5}": f"{number} " + "f" * 3000},
            "large": "L" * 2_000_000 if number == 0 else state["large"],
            "lines": [f"line {number} " + "l" * 4000],
            "rounds": number + 1,
        }

    builder: StateGraph[Any] = StateGraph(Story)
    builder.add_node("write", write)
    builder.add_edge(START, "write")
    builder.add_conditional_edges("write", lambda state: "write" if state["rounds"] < rounds else END)
    return builder


def address(thread: str, **metadata: Any) -> RunnableConfig:
    """The config that names a thread, with room for many steps."""
    return {"configurable": {"thread_id": thread}, "recursion_limit": 1000, "metadata": metadata}


async def tell(saver: ObjectStoreSaver, thread: str, rounds: int, **metadata: Any) -> dict[str, Any]:
    """Run the graph from its beginning; answers the state that it ended with."""
    graph = story_graph(rounds).compile(checkpointer=saver)
    given = {"chapters": [], "lines": [], "rounds": 0}
    result: dict[str, Any] = await graph.ainvoke(given, address(thread, **metadata))
    return result


async def state_of(saver: ObjectStoreSaver, thread: str) -> dict[str, Any]:
    """The newest state of a thread, by the graph."""
    values: dict[str, Any] = (
        await story_graph(1).compile(checkpointer=saver).aget_state(address(thread))
    ).values
    return values
