"""A thread that begins as a copy of another, under a fence: one opener's copy counts, however many were cut short."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from graphrun_checkpoints import Entry, FenceLost, InvalidCheckpoint, ObjectStoreSaver
from graphrun_checkpoints.testing import MemoryStore
from support.fork_graph import chain, three
from support.stores import MortalStore, PassingStore, ProcessDied


class FrozenStore(PassingStore):
    """A process that stops at its n-th copy until it is thawed."""

    def __init__(self, inner: MemoryStore, at_copy: int) -> None:
        super().__init__(inner)
        self._left = at_copy
        self.frozen, self.thawed = asyncio.Event(), asyncio.Event()

    async def copy(self, source: str, target: str) -> None:
        self._left -= 1
        if self._left <= 0:
            self.frozen.set()
            while not self.thawed.is_set():  # noqa: ASYNC110 - set from another thread's loop
                await asyncio.sleep(0.005)
        await super().copy(source, target)


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


async def _run_source(store: MemoryStore, fence: int = 1) -> None:
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("source", fence=fence, owner="source")
        graph = three.compile(checkpointer=saver)
        await graph.ainvoke({"topic": "owls", "seen": []}, _config("source"), durability="sync")


async def _seen(saver: ObjectStoreSaver, thread: str = "fork") -> list[str]:
    found = await saver.aget_tuple(_config(thread))
    return found.checkpoint["channel_values"]["seen"] if found is not None else []


async def _fork(store: MemoryStore | PassingStore, fence: int) -> ObjectStoreSaver:
    saver = ObjectStoreSaver(store)
    try:
        await saver.afork("source", "fork", fence=fence, owner="fork")
    except BaseException:
        await saver.aclose()
        raise
    return saver


async def test_a_fork_shows_nothing_before_it_is_whole_and_then_everything() -> None:
    store = MemoryStore()
    await _run_source(store)
    died, whole = 0, False
    for dies_at in range(1, 40):
        dying = MortalStore(store, dies_at_put=dies_at, stored=True)
        try:
            await (await _fork(dying, fence=dies_at)).aclose()
            break
        except ProcessDied:
            died += 1
        # One claim begins the copy; the other ends it.
        whole = whole or len({key for key in dying.puts if key.endswith("/!")}) > 1
        async with ObjectStoreSaver(store) as reader:
            assert await _seen(reader) == (["a owls", "b owls", "c owls"] if whole else [])
    assert died >= 4


async def test_a_process_that_froze_while_it_copied_spoils_nothing_when_it_thaws() -> None:
    store = MemoryStore()
    await _run_source(store)
    frozen = FrozenStore(store, at_copy=3)
    first = asyncio.create_task(_fork(frozen, fence=1))
    await asyncio.wait_for(frozen.frozen.wait(), 5)
    await _run_source(store, fence=2)  # the source goes on meanwhile, by another attempt

    second = await _fork(store, fence=2)
    graph = chain(d=lambda _: {"seen": ["d"]}).compile(checkpointer=second)
    begun = await _seen(second)
    await graph.ainvoke({"seen": ["input"]}, _config("fork"), durability="sync")

    frozen.thawed.set()
    with pytest.raises(FenceLost):
        await first
    assert await _seen(second) == [*begun, "input", "d"]
    await graph.ainvoke({"seen": ["again"]}, _config("fork"), durability="sync")
    await second.aclose()
    async with ObjectStoreSaver(store) as reader:
        assert await _seen(reader) == [*begun, "input", "d", "again", "d"]


async def test_a_fork_takes_no_epoch_of_the_source_for_its_own() -> None:
    store = MemoryStore()
    await _run_source(store)
    async with ObjectStoreSaver(store) as saver:
        inherited = await saver.afork("source", "fork", fence=7, owner="fork")
        assert not inherited.holds_checkpoint(owner="fork")
        assert not inherited.holds_checkpoint(owner="source")
        again = await saver.afork("source", "fork", fence=8, owner="fork")
        assert not again.holds_checkpoint(owner="fork")
        assert again.fences_that_left_something(owner="fork") == ()
        with pytest.raises(FenceLost):
            await saver.afork("source", "fork", fence=7, owner="fork")


async def test_a_fork_needs_a_source_with_something_in_it() -> None:
    async with ObjectStoreSaver(MemoryStore()) as saver:
        with pytest.raises(InvalidCheckpoint, match="holds nothing"):
            await saver.afork("nobody", "fork", fence=1, owner="fork")
        with pytest.raises(InvalidCheckpoint, match="fork of itself"):
            await saver.afork("fork", "fork", fence=1, owner="fork")


async def test_a_fork_of_a_fork_goes_on_from_it() -> None:
    store = MemoryStore()
    await _run_source(store)
    async with ObjectStoreSaver(store) as saver:
        await saver.afork("source", "fork", fence=1, owner="fork")
        graph = three.compile(checkpointer=saver)
        await graph.aupdate_state(_config("fork"), {"seen": ["edit"]}, as_node="c")
        await saver.afork("fork", "second", fence=1, owner="second")
        assert await _seen(saver, "second") == ["a owls", "b owls", "c owls", "edit"]


class BusyStore(PassingStore):
    """Of a thread that is written to: it grows just after its blobs were listed for the first time."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.grows: list[Callable[[], Coroutine[Any, Any, None]]] = []

    async def list(self, prefix: str, *, max_keys: int = 1000, start_after: str = "") -> Sequence[Entry]:
        found = await super().list(prefix, max_keys=max_keys, start_after=start_after)
        if prefix.endswith("/source/d/") and self.grows:
            await self.grows.pop()()
        return found


@pytest.mark.parametrize("how", ["fork", "copy"])
async def test_a_thread_that_grows_while_it_is_copied_is_copied_with_all_that_it_needs(how: str) -> None:
    inner = MemoryStore()
    store = BusyStore(inner)
    large = "x" * 3_000_000  # has a blob of its own
    writer = ObjectStoreSaver(inner)
    await writer.aopen("source", fence=1, owner="source")
    source = three.compile(checkpointer=writer)
    await source.ainvoke({"topic": "owls", "seen": []}, _config("source"))

    async def grow() -> None:
        work = source.aupdate_state(_config("source"), {"topic": large}, as_node="c")
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    loop = asyncio.get_running_loop()
    store.grows.append(grow)
    async with ObjectStoreSaver(store) as saver:
        if how == "fork":
            await saver.afork("source", "fork", fence=1, owner="fork")
        else:
            await saver.acopy_thread("source", "fork")
        assert not store.grows
    await writer.adelete_thread("source")
    await writer.aclose()
    async with ObjectStoreSaver(inner) as reader:
        found = await reader.aget_tuple(_config("fork"))
    assert found is not None
    assert found.checkpoint["channel_values"]["topic"] == large


async def test_a_fork_that_was_copied_needs_its_source_no_more() -> None:
    store = MemoryStore()
    await _run_source(store)
    async with ObjectStoreSaver(store) as saver:
        await saver.afork("source", "fork", fence=1, owner="fork")
        await saver.adelete_thread("source")
        await saver.afork("source", "fork", fence=2, owner="fork")
        assert await _seen(saver) == ["a owls", "b owls", "c owls"]
