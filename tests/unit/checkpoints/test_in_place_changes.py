"""Nodes that change the state's own objects, as Python lets them: with durability `sync`, what was stored stays so.

With `async` such a node also changes checkpoints that still wait to be stored, with any saver: not tested.
"""

from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from graphrun_checkpoints import ObjectStoreSaver
from graphrun_checkpoints.testing import MemoryStore

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}
LARGE = 30_000  # three entries make a value larger than what is stored in line


class Desk(TypedDict):
    pages: list[str]
    drawers: dict[str, list[str]]
    rounds: int


def _desk_graph(*, answers: bool) -> StateGraph[Any]:
    """Writes into the lists that it was given; and may hand them back as an update."""

    async def scribble(state: Desk) -> dict[str, Any]:
        number = state["rounds"] + 1
        state["pages"].append(f"{number} " * LARGE)
        state["pages"][0] = f"first page as of {number}"
        state["drawers"].setdefault("top", []).append(f"{number}")
        state["drawers"][f"{number}"] = ["x" * LARGE]
        kept = {"pages": state["pages"], "drawers": state["drawers"]} if answers else {}
        return {"rounds": number, **kept}

    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("scribble", scribble)
    graph.add_edge(START, "scribble")
    graph.add_conditional_edges("scribble", lambda state: "scribble" if state["rounds"] < 5 else END)
    return graph


async def _history(saver: BaseCheckpointSaver[Any], *, answers: bool) -> list[dict[str, Any]]:
    graph = _desk_graph(answers=answers).compile(checkpointer=saver)
    given = {"pages": ["first page"], "drawers": {}, "rounds": 0}
    await graph.ainvoke(given, CONFIG, durability="sync")
    return [state.values async for state in graph.aget_state_history(CONFIG)]


@pytest.mark.parametrize("fresh", [True, False], ids=["read-by-another-process", "read-by-the-same"])
@pytest.mark.parametrize("answers", [True, False], ids=["handed-back", "not-handed-back"])
async def test_each_checkpoint_has_the_state_as_it_was(*, answers: bool, fresh: bool) -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        seen = await _history(saver, answers=answers)
    if fresh:
        async with ObjectStoreSaver(store) as saver:
            graph = _desk_graph(answers=answers).compile(checkpointer=saver)
            seen = [state.values async for state in graph.aget_state_history(CONFIG)]
    if answers:  # every step has its own version of the list
        assert [len(each["pages"]) for each in seen if each] == [6, 5, 4, 3, 2, 1]
        assert [each["pages"][0] for each in seen if each][:2] == ["first page as of 5", "first page as of 4"]
        assert seen[0]["drawers"]["top"] == ["1", "2", "3", "4", "5"]
        assert seen == await _history(InMemorySaver(), answers=True)
    else:  # nobody told LangGraph of a change: what was stored first must not show it
        first = next(each for each in reversed(seen) if each)
        assert first == {"pages": ["first page"], "drawers": {}, "rounds": 0}
        assert [each["rounds"] for each in seen if each] == [5, 4, 3, 2, 1, 0]


async def test_a_value_that_was_read_and_then_changed_is_read_as_stored_the_next_time() -> None:
    """Whatever the saver remembers between reads is not what it gave away."""
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await _history(saver, answers=True)
    async with ObjectStoreSaver(store) as saver:
        for _ in range(3):
            found = await saver.aget_tuple(CONFIG)
            assert found is not None
            assert len(found.checkpoint["channel_values"]["pages"]) == 6
            assert found.checkpoint["channel_values"]["drawers"]["top"] == ["1", "2", "3", "4", "5"]
            found.checkpoint["channel_values"]["pages"].clear()
            found.checkpoint["channel_values"]["drawers"]["top"].append("changed")
            found.checkpoint["channel_versions"].clear()
