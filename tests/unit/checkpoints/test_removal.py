"""Taking things away: what is left reads as before, what nobody needs is gone, and no writer loses anything."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphrun_checkpoints import InvalidCheckpoint, ObjectStoreSaver, SaverOptions, Store
from graphrun_checkpoints.core import Core
from graphrun_checkpoints.errors import CheckpointError
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import checkpoint, config, latest, pending, put
from support.stores import PassingStore
from support.threads import address, state_of, story_graph, tell

HOUR = timedelta(hours=1)


@dataclass
class Aging:
    """A store whose objects have the age that the test says."""

    ago: timedelta = timedelta()
    store: MemoryStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(lambda: datetime.now(UTC) - self.ago)


def kinds(store: MemoryStore) -> dict[str, int]:
    keys = list(store.objects)
    return {
        "checkpoints": sum("/c." in key for key in keys),
        "blobs": sum("/d/0" in key for key in keys),
        "kept": sum("/d/k/" in key for key in keys),
    }


def stored_bytes(store: MemoryStore) -> int:
    return sum(map(len, store.objects.values()))


async def test_pruning_keeps_the_latest_state_whole_and_frees_the_rest() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        told = await tell(saver, "t", 60)
        before = stored_bytes(store)
        await saver.aprune(["t"])
        assert kinds(store)["checkpoints"] == 1
        assert kinds(store)["kept"] > 0
        assert stored_bytes(store) < before / 2
        assert await state_of(saver, "t") == told
    async with ObjectStoreSaver(store) as reader:
        assert await state_of(reader, "t") == told
        await reader.aprune(["t"])  # a second time, by somebody else
        assert await state_of(reader, "t") == told


async def test_a_pruned_thread_goes_on_in_the_same_process_and_in_another() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await tell(saver, "t", 30)
        await saver.aprune(["t"])
        graph = story_graph(45).compile(checkpointer=saver)
        await graph.aupdate_state(address("t"), {"rounds": 30}, as_node="write")
        same = await graph.ainvoke(None, address("t"))
        await saver.aprune(["t"])
    async with ObjectStoreSaver(store) as other:
        assert await state_of(other, "t") == same
        graph = story_graph(60).compile(checkpointer=other)
        await graph.aupdate_state(address("t"), {"rounds": 45}, as_node="write")
        await graph.ainvoke(None, address("t"))
    async with ObjectStoreSaver(MemoryStore()) as unpruned:
        expected = await tell(unpruned, "t", 60)
    async with ObjectStoreSaver(store) as last:
        assert await state_of(last, "t") == expected


async def test_a_graph_runs_while_its_thread_is_pruned_again_and_again() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        run = asyncio.create_task(tell(saver, "t", 80))
        while not run.done():
            await saver.aprune(["t"])
        told = await run
    async with ObjectStoreSaver(store) as reader:
        assert await state_of(reader, "t") == told


async def test_more_than_one_can_be_kept_and_branches_with_them() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), x=0)
        fork = await put(saver, base, x="fork", source="fork")
        ids = [base]
        for number in range(1, 6):
            ids.append(await put(saver, ids[-1], x=number))
        await saver.aprune(["t"], keep=2)
        left = [each.config async for each in saver.alist(config())]
        assert left == [ids[-1], ids[-2], fork]


async def test_prune_refuses_what_it_does_not_know() -> None:
    async with ObjectStoreSaver(MemoryStore()) as saver:
        for wrong in ({"strategy": "keep_some"}, {"keep": 0}):
            with pytest.raises(InvalidCheckpoint, match="keep"):
                await saver.aprune(["t"], **wrong)


async def test_a_child_of_a_removed_checkpoint_is_refused() -> None:
    async with ObjectStoreSaver(MemoryStore()) as saver:
        old = await put(saver, config(), x=1)
        new = await put(saver, old, x=2)
        await saver.aprune(["t"])
        with pytest.raises(InvalidCheckpoint, match="was removed"):
            await put(saver, old, x=3)
        await put(saver, new, x=4)
        assert await latest(saver) == {"x": 4}


async def test_ancestors_stay_where_a_delta_channel_cannot_do_without_them() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), x=1)
        await saver.aput_writes(base, [("log", "first")], "task")
        child = await put(saver, base, x=2)
        await saver.aflush()
    counters: Any = {"source": "loop", "step": 1, "counters_since_delta_snapshot": {"log": (1, 2)}}
    async with ObjectStoreSaver(store) as blind:  # never read the thread: it knows no ancestor's writes
        await blind.aput_writes(child, [("log", "second")], "task")
        made = checkpoint()
        made["channel_versions"] = {"log": 2}
        await blind.aput(child, made, counters, {})
        await blind.aprune(["t"])
        history = await blind.aget_delta_channel_history(config=config(), channels=["log"])
    assert [value for _, _, value in history["log"]["writes"]] == ["first", "second"]


async def collected(store: Store, thread: str, grace: timedelta, *, dry_run: bool = False) -> int:
    """Run the collection as another process; answers how many objects went."""
    core = Core(store, "checkpoints", SaverOptions(), None)
    try:
        removed = core.thread.submit(core.removal.collect(thread, grace, dry_run=dry_run))
        return (await asyncio.wrap_future(removed)).objects
    finally:
        await asyncio.to_thread(core.thread.stop)


async def test_collection_takes_old_orphans_and_leaves_what_is_needed_or_young() -> None:
    aging = Aging(ago=timedelta(hours=5))
    store = aging.store
    async with ObjectStoreSaver(store) as saver:
        told = await tell(saver, "t", 20)
    needed = set(store.objects)
    key = next(key for key in store.objects if "/d/0" in key)
    orphan, young = key[:-32] + "0" * 32, key[:-32] + "1" * 32
    await store.put(orphan, store.objects[key])
    aging.ago = timedelta(minutes=1)
    await store.put(young, store.objects[key])
    assert await collected(store, "t", HOUR) == 0  # the thread was written to a minute ago: it may be live
    store._modified[young] = datetime.now(UTC) - timedelta(minutes=59)
    assert await collected(store, "t", timedelta(minutes=58)) == 2
    assert set(store.objects) == needed
    await store.put(orphan, store.objects[key])
    store._modified[orphan] = datetime.now(UTC) - timedelta(hours=5)
    await store.put(young, store.objects[key])
    store._modified[young] = datetime.now(UTC) - timedelta(hours=2)
    assert await collected(store, "t", timedelta(hours=3), dry_run=True) == 0
    store._modified[young] = datetime.now(UTC) - timedelta(hours=4)
    assert await collected(store, "t", timedelta(hours=3), dry_run=True) == 2
    assert orphan in store.objects
    async with ObjectStoreSaver(store) as reader:
        assert await state_of(reader, "t") == told


async def test_a_grace_that_a_writer_may_outlive_is_refused() -> None:
    with pytest.raises(InvalidCheckpoint, match="grace"):
        await collected(MemoryStore(), "t", timedelta(minutes=29))


async def test_collection_takes_what_a_zombie_left() -> None:
    aging = Aging(ago=timedelta(hours=5))
    async with ObjectStoreSaver(aging.store) as old, ObjectStoreSaver(aging.store) as new:
        await old.aopen("t", fence=1, owner="run")
        base = await put(old, config(), x=1)
        await new.aopen("t", fence=2, owner="run")
        await put(old, base, x="late")
        await put(new, base, x=2)
        before = kinds(aging.store)["checkpoints"]
        assert await collected(aging.store, "t", HOUR) == 1
        assert kinds(aging.store)["checkpoints"] == before - 1
        assert await latest(new) == {"x": 2}


async def test_runs_are_deleted_by_metadata_and_by_the_epochs_that_they_opened() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await tell(saver, "t", 8, run_id="first")
        graph = story_graph(16).compile(checkpointer=saver)
        second = address("t", run_id="second")
        await graph.aupdate_state(second, {"rounds": 8}, as_node="write")
        told = await graph.ainvoke(None, second)
        await saver.adelete_for_runs(["first"])
        assert {each.metadata.get("run_id") async for each in saver.alist(config())} == {"second"}
        assert await state_of(saver, "t") == told
        await saver.adelete_for_runs(["first", "never there"])
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("t", fence=9, owner="third")
        base = await put(saver, (await _config_of_latest(saver)), x="of the third")
        await saver.aput_writes(base, [("x", "pending")], "task")
        await saver.aflush()
        await saver.adelete_for_runs(["third"])
        assert await state_of(saver, "t") == told
        await saver.adelete_for_runs(["second"])
        assert await saver.aget_tuple(config()) is None
    assert not [key for key in store.objects if "/r1/" in key]


async def _config_of_latest(saver: ObjectStoreSaver) -> Any:
    found = await saver.aget_tuple(config())
    assert found is not None
    return found.config


class DiesAtDelete(PassingStore):
    """A process that dies when it deletes for the n-th time, half of it done."""

    def __init__(self, inner: Store, left: int) -> None:
        super().__init__(inner)
        self.left = left

    async def delete_many(self, keys: Any) -> None:
        self.left -= 1
        if self.left <= 0:
            await self.inner.delete_many(keys[: len(keys) // 2])
            raise CheckpointError("died")
        await self.inner.delete_many(keys)


@pytest.mark.parametrize("dies_at", [1, 2])
async def test_a_deletion_cut_short_leaves_an_empty_thread_that_the_next_opener_finishes(
    dies_at: int,
) -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("t", fence=1, owner="run")
        await tell(saver, "t", 5)
    async with ObjectStoreSaver(DiesAtDelete(store, dies_at)) as dying:
        with pytest.raises(CheckpointError, match="died"):
            await dying.adelete_thread("t")
    async with ObjectStoreSaver(store) as reader:
        if dies_at > 1:  # else it died before the deletion began
            assert await reader.aget_tuple(config()) is None
            assert [each async for each in reader.alist(config())] == []
            inherited = await reader.aopen("t", fence=1, owner="another")
            assert inherited.epoch == 1
            assert inherited.lineage == ()
            await put(reader, config(), x="anew")
            assert await latest(reader) == {"x": "anew"}
            assert kinds(store) == {"checkpoints": 1, "blobs": 0, "kept": 0}


async def test_what_a_zombie_stores_after_a_deletion_is_never_read() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as zombie, ObjectStoreSaver(store) as other:
        for fence in range(1, 4):
            await zombie.aopen("t", fence=fence, owner="run")
        base = await put(zombie, config(), x=1)
        await other.adelete_thread("t")
        await put(zombie, base, x="after the deletion")
        assert await other.aget_tuple(config()) is None
        await other.aopen("t", fence=1, owner="anew")
        assert await other.aget_tuple(config()) is None
        mine = await put(other, config(), x="mine")
        await put(zombie, base, x="still")
        assert await latest(other) == {"x": "mine"}
        async with ObjectStoreSaver(store) as third:
            await third.aopen("t", fence=2, owner="anew")
            assert await latest(third) == {"x": "mine"}
            assert await pending(third, mine) == []


Make = Callable[[], ObjectStoreSaver]


async def test_copies_are_whole_independent_and_show_only_once_they_are() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        told = await tell(saver, "source", 30)
        seen: list[object] = []

        class Watched(PassingStore):
            async def copy(self, source: str, target: str) -> None:
                await self.inner.copy(source, target)
                async with ObjectStoreSaver(store) as reader:
                    seen.append(await reader.aget_tuple(config("copy")))

        async with ObjectStoreSaver(Watched(store)) as copier:
            await copier.acopy_thread("source", "copy")
        assert seen
        assert set(map(type, seen)) == {type(None)}
        await saver.adelete_thread("source")
        assert await state_of(saver, "copy") == told
        graph = story_graph(40).compile(checkpointer=saver)
        await graph.aupdate_state(address("copy"), {"rounds": 30}, as_node="write")
        await graph.ainvoke(None, address("copy"))
        await saver.aprune(["copy"])
        assert (await state_of(saver, "copy"))["rounds"] == 40


async def test_a_copy_leaves_out_zombies_and_takes_pending_writes_of_every_epoch() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as old, ObjectStoreSaver(store) as new:
        await old.aopen("t", fence=1, owner="run")
        base = await put(old, config(), x=1)
        await old.aput_writes(base, [("x", "in time")], "a")
        await old.aflush()
        await new.aopen("t", fence=2, owner="run")
        await put(old, base, x="late")
        await new.aput_writes(base, [("x", "of the new owner")], "b")
        await new.aflush()
        await new.acopy_thread("t", "copy")
        copied = config("copy", id_=base["configurable"]["checkpoint_id"])
        assert await latest(new, "copy") == {"x": 1}
        assert await pending(new, copied) == ["in time", "of the new owner"]
        assert len([each async for each in new.alist(config("copy"))]) == 1


async def test_a_copy_over_something_is_refused_and_a_copy_of_nothing_is_nothing() -> None:
    async with ObjectStoreSaver(MemoryStore()) as saver:
        await put(saver, config("a"), x=1)
        await put(saver, config("b"), x=2)
        for target in ("b", "a"):
            with pytest.raises(InvalidCheckpoint, match=target):
                await saver.acopy_thread("a", target)
        await saver.acopy_thread("nothing", "c")
        assert await saver.aget_tuple(config("c")) is None
