"""DeltaChannels: the log in a checkpoint tells what LangGraph's own walk over the ancestors would."""

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointMetadata

from graphrun_checkpoints import CorruptObject, ObjectStoreSaver, SaverOptions
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import checkpoint, config
from support.stores import PassingStore
from support.threads import address, state_of, story_graph, tell


async def _put_delta(saver: ObjectStoreSaver, parent: RunnableConfig, steps: int) -> RunnableConfig:
    """A checkpoint of a thread with the DeltaChannel `log`, whose value is not in it."""
    made = checkpoint()
    made["channel_versions"] = {"log": steps}
    metadata: CheckpointMetadata = {
        "source": "loop",
        "step": steps,
        "counters_since_delta_snapshot": {"log": (steps, steps)},
    }
    return await saver.aput(parent, made, metadata, {"log": steps})


async def _log(saver: ObjectStoreSaver, at: RunnableConfig) -> list[Any]:
    history = await saver.aget_delta_channel_history(config=at, channels=["log"])
    return [value for _, _, value in history["log"]["writes"]]


async def test_every_history_is_what_the_walk_over_the_ancestors_finds() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await tell(saver, "t", 25)
        graph = story_graph(25).compile(checkpointer=saver)
        states = [state async for state in graph.aget_state_history(address("t"))]
        fork = await graph.aupdate_state(
            states[12].config, {"lines": ["edited"], "rounds": 20}, as_node="write"
        )
        await graph.ainvoke(None, fork)
    compared = 0
    async with ObjectStoreSaver(store) as reader:
        async for each in reader.alist(config()):
            ours = await reader.aget_delta_channel_history(config=each.config, channels=["lines"])
            walked = await BaseCheckpointSaver.aget_delta_channel_history(
                reader, config=each.config, channels=["lines"]
            )
            if "lines" not in each.checkpoint["channel_values"]:
                assert ours == walked
                compared += 1
    assert compared > 20


async def test_resuming_a_delta_channel_needs_few_requests_at_any_step() -> None:
    for rounds in (3, 30, 70):
        store = PassingStore(MemoryStore())
        async with ObjectStoreSaver(store) as saver:
            told = await tell(saver, "t", rounds)
        store.lists = store.gets = 0
        async with ObjectStoreSaver(store) as reader:
            assert await state_of(reader, "t") == told
        assert store.lists + store.gets <= 8 + 1  # the 2 MB value aside


async def test_writes_that_were_stored_before_their_checkpoint_are_in_the_log_of_its_child() -> None:
    async with ObjectStoreSaver(MemoryStore()) as saver:
        root = await _put_delta(saver, config(), 1)
        made = checkpoint()
        made["channel_versions"] = {"log": 2}
        early = config(id_=made["id"])
        await saver.aput_writes(early, [("log", "early")], "task")
        await saver.aflush()
        metadata: CheckpointMetadata = {
            "source": "loop",
            "step": 2,
            "counters_since_delta_snapshot": {"log": (1, 1)},
        }
        child = await saver.aput(root, made, metadata, {})
        grandchild = await _put_delta(saver, child, 3)
        assert await _log(saver, grandchild) == ["early"]


async def test_writes_stored_by_themselves_by_another_process_and_with_the_child_are_all_in_the_log() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as first:
        root = await _put_delta(first, config(), 1)
        await first.aput_writes(root, [("log", "of the first process")], "task 1", "a")
    async with ObjectStoreSaver(store) as saver:
        await saver.aget_tuple(config())
        await saver.aput_writes(root, [("log", "by itself")], "task 2", "b")
        await saver.aflush()
        await saver.aput_writes(root, [("log", "with the child")], "task 3", "c")
        child = await _put_delta(saver, root, 2)
        assert await _log(saver, child) == ["of the first process", "by itself", "with the child"]
        await saver.aprune(["t"])
        assert await _log(saver, child) == ["of the first process", "by itself", "with the child"]


async def test_a_read_while_writes_are_stored_does_not_hide_them_from_the_log() -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    class Slow(PassingStore):
        async def get(self, key: str) -> bytes | None:
            if "/c." in key and not reading.is_set():
                loop.call_soon_threadsafe(reading.set)
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
            return await super().get(key)

    loop = asyncio.get_running_loop()
    store = MemoryStore()
    async with ObjectStoreSaver(store) as first:
        root = await _put_delta(first, config(), 1)
    async with ObjectStoreSaver(Slow(store), options=SaverOptions(flush_seconds=0)) as saver:
        read = asyncio.create_task(saver.aget_tuple(config()))
        await reading.wait()
        await saver.aput_writes(root, [("log", "meanwhile")], "task")
        await saver.aflush()
        go_on.set()
        await read
        child = await _put_delta(saver, root, 2)
        assert await _log(saver, child) == ["meanwhile"]


async def test_a_history_whose_ancestors_are_missing_is_an_error_and_never_short() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as first:
        root = await _put_delta(first, config(), 1)
        await first.aput_writes(root, [("log", "x")], "task")
    async with ObjectStoreSaver(store) as blind:  # knows nothing of the parent, so that it makes no log
        child = await _put_delta(blind, root, 2)
        assert await _log(blind, child) == ["x"]
    key = next(key for key in store.objects if "/c.~." in key)
    await store.delete_many([key])
    async with ObjectStoreSaver(store) as reader:
        with pytest.raises(CorruptObject, match=root["configurable"]["checkpoint_id"]):
            await _log(reader, child)


async def test_a_graph_that_is_ahead_of_storage_still_stores_one_object_a_step() -> None:
    class Slow(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
            await asyncio.sleep(0.012)
            await super().put(key, data, if_none_match=if_none_match)

    store = Slow(MemoryStore())
    async with ObjectStoreSaver(
        store
    ) as saver:  # takes longer than the 2 s after which writes go by themselves
        base = config()
        chain = [checkpoint(x=number) for number in range(300)]
        handed_over = [config(id_=each["id"]) for each in chain]
        for at in handed_over:  # the graph has run to its end before the second checkpoint is stored
            await saver.aput_writes(at, [("x", 1)], "task")
        for number, each in enumerate(chain):
            base = await saver.aput(base, each, {"source": "loop", "step": number}, {"x": number})
    assert len([key for key in store.puts if "/a." in key]) == 1  # what waits on the last
