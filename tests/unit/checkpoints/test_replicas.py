"""A service with several replicas, without fences: whoever reads a thread to go on may take it over again."""

import pytest

from graphrun_checkpoints import FenceLost, ObjectStoreSaver, SaverOptions
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, latest, put
from support.threads import address, state_of, story_graph, tell


async def test_a_thread_is_served_now_by_one_replica_now_by_the_other() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as one, ObjectStoreSaver(store) as other:
        await tell(one, "t", 2)
        for number in range(2, 8):
            replica = other if number % 2 == 0 else one
            graph = story_graph(number + 1).compile(checkpointer=replica)
            await graph.aupdate_state(address("t"), {"rounds": number}, as_node="write")
            await graph.ainvoke(None, address("t"))
        for replica in (one, other):
            assert len((await state_of(replica, "t"))["chapters"]) == 8


async def test_a_run_that_was_left_behind_stays_shut_out_though_its_process_reads_the_thread() -> None:
    store = MemoryStore()
    impatient = SaverOptions(fence_seconds=0)
    async with ObjectStoreSaver(store, options=impatient) as one, ObjectStoreSaver(store) as other:
        base = await put(one, config(), x="base")
        mine = await put(one, base, x="mine")
        await other.aget_tuple(config())
        await put(other, mine, x="of the other")
        assert await latest(one) == {"x": "of the other"}  # somebody looks at the thread in this process
        with pytest.raises(FenceLost):
            await put(one, mine, x="of the run left behind")
        assert await latest(other) == {"x": "of the other"}
        found = await one.aget_tuple(config())
        assert found is not None
        await put(one, found.config, x="gone on from there")
        assert await latest(other) == {"x": "gone on from there"}


async def test_a_claim_that_was_asked_for_is_never_taken_again_by_itself() -> None:
    store = MemoryStore()
    async with (
        ObjectStoreSaver(store, options=SaverOptions(fence_seconds=0)) as one,
        ObjectStoreSaver(store) as two,
    ):
        await one.aopen("t")
        base = await put(one, config(), x=1)
        await two.aopen("t")
        assert await latest(one) == {"x": 1}
        with pytest.raises(FenceLost):
            await put(one, base, x=2)


async def test_subgraphs_go_on_in_a_replica_that_took_the_thread_over() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as one, ObjectStoreSaver(store) as other:
        await put(one, config(), x="root")
        inner = await put(one, config(ns="node:1"), x="inner")
        await other.aget_tuple(config())
        await other.aget_tuple(config(ns="node:1"))
        await put(other, inner, x="inner of the other")
        await one.aget_tuple(config())
        found = await one.aget_tuple(config(ns="node:1"))
        assert found is not None
        await put(one, found.config, x="inner again")
        assert await latest(other, ns="node:1") == {"x": "inner again"}


async def test_of_very_many_threads_those_that_rest_are_let_go_and_claimed_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graphrun_checkpoints.leases._MOST_HELD", 3)
    now = 1000.0
    options = SaverOptions(clock=lambda: now, fence_seconds=3600)
    async with ObjectStoreSaver(MemoryStore(), options=options) as saver:
        asked = await saver.aopen("asked for", fence=1, owner="run")
        bases = {name: await put(saver, config(name), x=1) for name in "ab"}
        now += 3600
        for name in "cd":
            await put(saver, config(name), x=1)
        held = {name for name in ("asked for", *"abcd") if saver._core.leases.held(name)}
        assert held == {"asked for", "c", "d"}
        await put(saver, bases["a"], x=2)
        assert await latest(saver, "a") == {"x": 2}
        assert asked.epoch == 1
