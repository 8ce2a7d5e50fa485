"""A process dies at every one of its PUTs; a new one goes on; the end must be as if nothing had happened."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Durability

from graphrun_checkpoints import ObjectStoreSaver, SaverOptions, Store
from graphrun_checkpoints.errors import CheckpointError
from graphrun_checkpoints.testing import MemoryStore
from support.graphs import Research, research_graph
from support.stores import MortalStore
from support.waiting import eventually

CONFIG: RunnableConfig = {"configurable": {"thread_id": "run/1"}}
INPUT = {"topic": "owls", "notes": []}
EXPECTED = {
    "topic": "owls",
    "notes": ["plan owls", "note 0", "note 1", "note 2"],
    "draft": "<PLAN OWLS + NOTE 0 + NOTE 1 + NOTE 2>",
}
NODES = {"plan", "note 0", "note 1", "note 2", "outline", "polish", "publish"}


async def _run_until_death(store: MortalStore, durability: Durability, options: SaverOptions) -> bool:
    saver = ObjectStoreSaver(store, options=options)
    finished = True
    try:
        await saver.aopen("run/1", fence=1, owner="run")
        await research_graph().compile(checkpointer=saver).ainvoke(INPUT, CONFIG, durability=durability)
        await saver.aflush()
    except CheckpointError:
        finished = False
    store.dead = True  # nothing of it survives in buffers either
    try:
        await saver.aclose()
    except CheckpointError:
        finished = False
    return finished


async def _resume(backing: MemoryStore) -> tuple[dict[str, Any], list[str]]:
    ran: list[str] = []
    async with ObjectStoreSaver(backing) as saver:
        inherited = await saver.aopen("run/1", fence=2, owner="run")
        graph = research_graph(on_node=ran.append).compile(checkpointer=saver)
        start = None if inherited.holds_checkpoint(owner="run") else INPUT
        await graph.ainvoke(start, CONFIG, durability="sync")
        state = await graph.aget_state(CONFIG)
        assert not state.tasks
        return state.values, ran


@pytest.mark.parametrize("stored", [False, True], ids=["before-put", "after-put"])
@pytest.mark.parametrize("flush_seconds", [0.0, 0.01], ids=["eager-batches", "folded"])
@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_every_crash_point_resumes_to_the_same_end(
    *, durability: Durability, flush_seconds: float, stored: bool
) -> None:
    options = SaverOptions(flush_seconds=flush_seconds)
    points = 0
    for dies_at in range(1, 60):
        backing = MemoryStore()
        store = MortalStore(backing, dies_at_put=dies_at, stored=stored)
        if await _run_until_death(store, durability, options):
            break
        points += 1
        values, ran = await _resume(backing)
        assert values == EXPECTED, f"died at PUT {dies_at}: {store.puts}"
        assert len(ran) == len(set(ran)), f"died at PUT {dies_at}: a node ran twice in one attempt"
        assert set(ran) <= NODES
    assert points >= 7


class _RootWaits(MortalStore):
    """PUTs of the root namespace take longer than the process lives."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner, dies_at_put=1000, stored=True)
        self._end = asyncio.Event()

    def die(self) -> None:
        self.dead = True
        self._end.set()

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        if "/c/_/" in key and "/!" not in key:
            await self._end.wait()
        await super().put(key, data, if_none_match=if_none_match)


async def test_a_subgraph_that_overtook_its_root_in_storage_is_not_taken_for_the_run() -> None:
    backing = MemoryStore()
    store = _RootWaits(backing)
    saver = ObjectStoreSaver(store)
    await saver.aopen("run/1", fence=1, owner="run")
    graph = research_graph().compile(checkpointer=saver)
    run = asyncio.create_task(graph.ainvoke(INPUT, CONFIG, durability="async"))
    await eventually(_keys_of(backing), lambda keys: any(".+0.loop." in key for key in keys))
    store.die()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    with contextlib.suppress(CheckpointError):
        await saver.aclose()
    values, ran = await _resume(backing)
    assert values == EXPECTED
    assert set(ran) == NODES


def _keys_of(backing: MemoryStore) -> Callable[[], Awaitable[list[str]]]:
    async def look() -> list[str]:
        return list(backing.objects)

    return look


async def test_a_finished_task_does_not_run_again_once_its_writes_were_flushed() -> None:
    gate = asyncio.Event()
    ran: list[str] = []

    async def quick(state: Research) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        ran.append("quick")
        return {"notes": ["quick"]}

    async def slow(state: Research) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        ran.append("slow")
        await gate.wait()
        return {"notes": ["slow"]}

    builder: StateGraph[Any] = StateGraph(Research)
    for node in (quick, slow):
        builder.add_node(node.__name__, node)
        builder.add_edge(START, node.__name__)
        builder.add_edge(node.__name__, END)

    backing = MemoryStore()
    store = MortalStore(backing, dies_at_put=1000, stored=True)
    saver = ObjectStoreSaver(store)
    run = asyncio.create_task(builder.compile(checkpointer=saver).ainvoke(INPUT, CONFIG))
    await eventually(_keys_of(backing), lambda keys: any("/a." in key for key in keys))
    store.dead = True
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    with contextlib.suppress(CheckpointError):
        await saver.aclose()

    gate.set()
    async with ObjectStoreSaver(backing) as saver:
        values = await builder.compile(checkpointer=saver).ainvoke(None, CONFIG)
    assert values["notes"] == ["quick", "slow"]
    assert ran == ["quick", "slow", "slow"]
