"""Real graphs on a real S3 server: what a pod does, and the pod after it."""

import asyncio
import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, Durability, Send

from graphrun_checkpoints import (
    CheckpointReader,
    CorruptObject,
    DurableCheckpoint,
    FenceLost,
    MinioStore,
    ObjectStoreSaver,
    StorageConfig,
)
from support.graphs import approval_graph, research_graph

Pod = Callable[..., ObjectStoreSaver]

CONFIG: RunnableConfig = {"configurable": {"thread_id": "0b1c-run"}}
INPUT = {"topic": "owls", "notes": []}


@pytest.fixture
def pod(storage: StorageConfig) -> Pod:
    """A new saver each, as every pod has its own."""
    return lambda **options: ObjectStoreSaver.from_config(storage, **options)


@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_a_graph_ends_with_its_state_stored_and_readable(
    pod: Pod, s3_store: MinioStore, storage: StorageConfig, durability: Durability
) -> None:
    stored: list[DurableCheckpoint] = []
    async with pod(on_durable=stored.append) as saver:
        await saver.aopen("0b1c-run", fence=1, owner="run")
        values = (
            await research_graph(width=12)
            .compile(checkpointer=saver)
            .ainvoke(INPUT, CONFIG, durability=durability)
        )
    assert values["notes"] == ["plan owls", *(f"note {number}" for number in range(12))]

    async with pod() as saver:
        state = await research_graph(width=12).compile(checkpointer=saver).aget_state(CONFIG)
    assert state.values == values
    assert not state.tasks

    reader = CheckpointReader(s3_store, prefix=f"{storage.prefix}/checkpoints")
    history = await reader.list_checkpoints("0b1c-run")
    assert [each.step for each in history] == [4, 3, 2, 1, 0, -1]
    assert [each.source for each in history] == ["loop"] * 5 + ["input"]
    assert [each.parent_id for each in history] == [*(each.id for each in history[1:]), None]
    assert {each.id for each in history} == {each.id for each in stored if each.ns == ""}
    newest = await reader.read_state("0b1c-run")
    assert newest is not None
    assert newest["values"]["draft"] == values["draft"]
    namespaces = await reader.namespaces("0b1c-run")
    assert namespaces[0] == ""
    assert namespaces[1].startswith("write:")


async def test_an_interrupt_two_graphs_deep_is_answered_by_another_pod(pod: Pod) -> None:
    async with pod() as saver:
        await saver.aopen("0b1c-run", fence=1, owner="run")
        result = (
            await approval_graph()
            .compile(checkpointer=saver)
            .ainvoke({"question": "go?", "answers": []}, CONFIG)
        )
        assert result["__interrupt__"][0].value == {"question": "go?"}
    async with pod() as saver:
        inherited = await saver.aopen("0b1c-run", fence=2, owner="run")
        assert inherited.holds_checkpoint(owner="run")
        graph = approval_graph().compile(checkpointer=saver)
        assert (await graph.aget_state(CONFIG)).interrupts[0].value == {"question": "go?"}
        result = await graph.ainvoke(Command(resume="yes"), CONFIG)
        assert result["answers"] == ["yes"]


@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_a_drain_inside_a_subgraph_goes_on_at_its_next_node(pod: Pod, durability: Durability) -> None:
    control = RunControl()
    ran: list[str] = []

    def note(node: str) -> None:
        ran.append(node)
        if node == "outline" and not control.drain_requested:
            control.request_drain()

    async with pod() as saver:
        await saver.aopen("0b1c-run", fence=1, owner="run")
        graph = research_graph(on_node=note).compile(checkpointer=saver)
        with pytest.raises(GraphDrained):
            await graph.ainvoke(INPUT, CONFIG, durability=durability, control=control)
    assert ran[-1] == "outline"
    ran.clear()
    async with pod() as saver:
        await saver.aopen("0b1c-run", fence=2, owner="run")
        values = await research_graph(on_node=ran.append).compile(checkpointer=saver).ainvoke(None, CONFIG)
    assert ran == ["polish", "publish"]
    assert values["draft"] == "<PLAN OWLS + NOTE 0 + NOTE 1 + NOTE 2>"


async def test_32_pods_at_once_claim_32_epochs(pod: Pod) -> None:
    savers = [pod() for _ in range(32)]
    opened = await asyncio.gather(*(each.aopen("0b1c-run", fence=1, owner="run") for each in savers))
    assert sorted(each.epoch for each in opened) == list(range(1, 33))
    with pytest.raises(FenceLost):
        await savers[0].aopen("0b1c-run", fence=0, owner="run")
    for each in savers:
        await each.aclose()


async def test_altered_bytes_in_the_bucket_stop_a_resume_and_name_the_key(
    pod: Pod, s3_store: MinioStore, storage: StorageConfig
) -> None:
    async with pod() as saver:
        await research_graph().compile(checkpointer=saver).ainvoke(INPUT, CONFIG)
    root = f"{storage.prefix}/checkpoints/v1/0b1c-run/c/_/"
    key = next(entry.key for entry in await s3_store.list(root) if "/c." in entry.key)
    data = await s3_store.get(key)
    assert data is not None
    await s3_store.put(key, data[:-4] + b"oops")
    async with pod() as saver:
        with pytest.raises(CorruptObject, match="digest") as caught:
            await research_graph().compile(checkpointer=saver).ainvoke(None, CONFIG)
    assert key in str(caught.value)


async def _branch(saver: BaseCheckpointSaver[Any]) -> list[Any]:
    """Run, edit the past, go on from there, replay: everything that a user would see, ids aside."""
    graph = research_graph().compile(checkpointer=saver)
    seen: list[object] = [await graph.ainvoke(INPUT, CONFIG)]
    history = [state async for state in graph.aget_state_history(CONFIG)]
    after_notes = next(state for state in history if state.next == ("write",))
    forked = await graph.aupdate_state(after_notes.config, {"notes": ["added"]}, as_node="note")
    seen.append(await graph.ainvoke(None, forked))
    seen.append(await graph.ainvoke(None, after_notes.config))
    seen.append((await graph.aget_state(history[0].config)).values)
    async for state in graph.aget_state_history(CONFIG):
        seen.append((state.values, state.next, state.metadata, [task.result for task in state.tasks]))
    return [_without_ids(each) for each in seen]


def _without_ids(seen: object) -> object:
    return {**seen, "parents": None} if isinstance(seen, dict) else seen


async def test_editing_the_past_and_replaying_look_as_with_the_reference_saver(pod: Pod) -> None:
    async with pod() as saver:
        ours = await _branch(saver)
    assert ours == await _branch(InMemorySaver())
    assert "ADDED" in ours[1]["draft"]
    assert "ADDED" not in ours[2]["draft"]


class Log(TypedDict):
    lines: Annotated[
        list[str], DeltaChannel(lambda state, writes: [*state, *(line for write in writes for line in write)])
    ]
    rounds: Annotated[int, operator.add]


async def test_parallel_writes_to_a_delta_channel_keep_their_order(pod: Pod) -> None:
    """A DeltaChannel is rebuilt from stored pending writes alone."""

    async def line(state: Any) -> dict[str, object]:
        return {"lines": [f"line {state['number']}"]}

    async def round_(state: Log) -> dict[str, object]:  # noqa: ARG001 - LangGraph types its nodes by this name
        return {"rounds": 1}

    def spread(state: Log) -> object:
        return (
            [Send("line", {"number": f"{state['rounds']}.{number:02}"}) for number in range(12)]
            if state["rounds"] < 4
            else END
        )

    builder: StateGraph[Any] = StateGraph(Log)
    builder.add_node("round", round_)
    builder.add_node("line", line)
    builder.add_edge(START, "round")
    builder.add_conditional_edges("round", spread, ["line", END])
    builder.add_edge("line", "round")
    expected = [f"line {number}.{each:02}" for number in range(1, 4) for each in range(12)]
    async with pod() as saver:
        values = await builder.compile(checkpointer=saver).ainvoke({"rounds": 0}, CONFIG)
        assert values["lines"] == expected
    async with pod() as saver:
        state = await builder.compile(checkpointer=saver).aget_state(CONFIG)
    assert state.values["lines"] == expected
