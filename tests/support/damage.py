"""A bucket with a thread that has every kind of object, all ways to read it, and what each needs."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from graphrun_checkpoints import ObjectStoreSaver
from graphrun_checkpoints.testing import MemoryStore
from support.dossier import Dossier, Shape
from support.resumption import CONFIG, OWNER, THREAD
from support.stores import PassingStore

Read = Callable[[ObjectStoreSaver], Awaitable[Any]]

KINDS = {"claim": r"/!$", "checkpoint": r"/c\.[^/]*$", "pending writes": r"/a\.[^/]*$", "blob": r"/d/"}
"""What keys of each kind end with, or contain."""

_SHAPE = Shape(dense=False, entry=12_000)


class Question(TypedDict):
    number: int


def asking_graph() -> StateGraph[Any]:
    """Fills a state with large and small values in three rounds, then asks two questions at once."""

    async def fill(state: Dossier) -> dict[str, Any]:
        number = state["rounds"] + 1
        return {
            "rounds": 1,
            "corpus": _SHAPE.text("corpus", _SHAPE.corpus),
            "ledger": [_SHAPE.text(f"entry {number}.{each}", _SHAPE.entry) for each in range(4)],
            "files": {f"{number}.py": "pass"},
            "log": [f"filled {number}"],
        }

    async def ask(state: Question) -> dict[str, Any]:
        return {"log": [interrupt(f"question {state['number']}")]}

    def more(state: Dossier) -> Any:
        return "fill" if state["rounds"] < 3 else [Send("ask", {"number": each}) for each in (1, 2)]

    graph: StateGraph[Any] = StateGraph(Dossier)
    graph.add_node("fill", fill)
    graph.add_node("ask", ask)
    graph.add_edge(START, "fill")
    graph.add_conditional_edges("fill", more, ["fill", "ask"])
    graph.add_edge("ask", END)
    return graph


async def filled_bucket() -> dict[str, bytes]:
    """What three holders, one after the other, have stored."""
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen(THREAD, fence=1, owner=OWNER)
        await asking_graph().compile(checkpointer=saver).ainvoke({"topic": "owls", "rounds": 0}, CONFIG)
    for fence in (2, 3):
        async with ObjectStoreSaver(store) as saver:
            await saver.aopen(THREAD, fence=fence, owner=OWNER)
            graph = asking_graph().compile(checkpointer=saver)
            state = await graph.aget_state(CONFIG)
            await graph.aupdate_state(state.config, {"log": [f"edited {fence}"]}, as_node="fill")
            await graph.ainvoke(None, CONFIG)
    return store.objects


async def idle_holders_bucket() -> dict[str, bytes]:
    """The same of three holders of whom the last two only claimed the thread."""
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen(THREAD, fence=1, owner=OWNER)
        await asking_graph().compile(checkpointer=saver).ainvoke({"topic": "owls", "rounds": 0}, CONFIG)
    for fence in (2, 3):
        async with ObjectStoreSaver(store) as saver:
            await saver.aopen(THREAD, fence=fence, owner=OWNER)
    return store.objects


def keys_of(kind: str, bucket: dict[str, bytes]) -> list[str]:
    """The keys of all objects of a kind, in order: of checkpoints the newest is first."""
    found = sorted(key for key in bucket if re.search(KINDS[kind], key))
    assert found, f"no {kind} in the bucket: its damage would not be tried"
    return found


async def store_of(objects: dict[str, bytes]) -> MemoryStore:
    """A store with these objects."""
    store = MemoryStore()
    for key, data in objects.items():
        await store.put(key, data)
    return store


async def newest(saver: ObjectStoreSaver) -> CheckpointTuple | None:
    """The newest checkpoint and what is pending on it."""
    return await saver.aget_tuple(CONFIG)


async def state(saver: ObjectStoreSaver) -> object:
    """The newest state as a graph sees it, its DeltaChannels replayed."""
    return await asking_graph().compile(checkpointer=saver).aget_state(CONFIG)


async def history(saver: ObjectStoreSaver) -> list[CheckpointTuple]:
    """All checkpoints."""
    return [each async for each in saver.alist(CONFIG)]


def named(id_: str) -> Read:
    """One checkpoint by its id."""
    config: RunnableConfig = {"configurable": {"thread_id": THREAD, "checkpoint_id": id_}}

    async def read(saver: ObjectStoreSaver) -> CheckpointTuple | None:
        return await saver.aget_tuple(config)

    return read


class _Gets(PassingStore):
    """Remembers what was read."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.keys: set[str] = set()

    async def get(self, key: str) -> bytes | None:
        self.keys.add(key)
        return await super().get(key)


@dataclass
class Readings:
    """All ways to read the thread, what each gives on the whole bucket, and which objects each needs."""

    right: dict[Read, Any] = field(default_factory=dict)
    needs: dict[Read, set[str]] = field(default_factory=dict)
    by_id: dict[str, Read] = field(default_factory=dict)

    @classmethod
    async def learned_from(cls, bucket: dict[str, bytes]) -> Self:
        """Read all there is, in all ways, while it is whole."""
        store, readings = await store_of(bucket), cls()
        async with ObjectStoreSaver(store) as saver:
            readings.by_id = {
                each.checkpoint["id"]: named(each.checkpoint["id"]) for each in await history(saver)
            }
        for read in (newest, *readings.by_id.values(), state, history):
            seen = _Gets(store)
            async with ObjectStoreSaver(seen) as saver:
                readings.right[read] = await read(saver)
            readings.needs[read] = seen.keys
        return readings

    def touching(self, key: str) -> list[Read]:
        """Those that read an object, the quickest first."""
        found = [read for read, needed in self.needs.items() if key in needed]
        return sorted(found, key=lambda read: len(self.needs[read]))
