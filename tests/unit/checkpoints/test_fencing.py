"""Who may write to a thread, and whose writes count, when processes overlap."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Protocol

import pytest
from langgraph.checkpoint.base import id as id_module
from langgraph.checkpoint.serde.types import INTERRUPT

from graphrun_checkpoints import (
    CheckpointReader,
    FenceLost,
    Inherited,
    MisconfiguredStore,
    ObjectStoreSaver,
    SaverOptions,
    Store,
)
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, latest, pending, put
from support.stores import PassingStore


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Make(Protocol):
    """Makes the saver of one process, with a clock of its own unless one is given."""

    def __call__(self, clock: Clock | None = None, over: Store | None = None) -> ObjectStoreSaver: ...


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def make(store: MemoryStore) -> AsyncIterator[Make]:
    """Savers as processes: each may be left behind as a zombie."""
    made: list[ObjectStoreSaver] = []

    def saver(clock: Clock | None = None, over: Store | None = None) -> ObjectStoreSaver:
        made.append(ObjectStoreSaver(over or store, options=SaverOptions(clock=clock or Clock())))
        return made[-1]

    yield saver
    for each in made:
        try:
            await each.aclose()
        except FenceLost:
            continue


async def test_a_lower_fence_is_refused(make: Make) -> None:
    await make().aopen("t", fence=7, owner="run")
    with pytest.raises(FenceLost, match="fence 7"):
        await make().aopen("t", fence=6, owner="run")


async def test_an_equal_fence_of_another_owner_is_refused(make: Make) -> None:
    await make().aopen("t", fence=7, owner="run")
    with pytest.raises(FenceLost, match="fence 7"):
        await make().aopen("t", fence=7, owner="other")


async def test_an_equal_fence_of_the_same_owner_claims_the_next_epoch(make: Make) -> None:
    first = await make().aopen("t", fence=7, owner="run")
    second = await make().aopen("t", fence=7, owner="run")
    assert second.epoch == first.epoch + 1


async def test_an_unfenced_opener_wins_and_does_not_lower_the_fence(make: Make) -> None:
    await make().aopen("t", fence=7, owner="run")
    await make().aopen("t")
    with pytest.raises(FenceLost):
        await make().aopen("t", fence=6, owner="run")
    with pytest.raises(FenceLost):
        await make().aopen("t", fence=7, owner="other")
    assert (await make().aopen("t", fence=8, owner="other")).epoch == 3


async def test_a_pod_that_froze_before_its_claim_finds_the_higher_fence(
    make: Make, store: MemoryStore
) -> None:
    """It lists, freezes, and claims only after its successor did: it competes for the very same epoch."""

    class Freezing(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
            if key.endswith("/!") and not self.puts:
                self.puts.append(key)
                await make().aopen("t", fence=2, owner="run")
            await self.inner.put(key, data, if_none_match=if_none_match)

    with pytest.raises(FenceLost, match="fence 2"):
        await make(over=Freezing(store)).aopen("t", fence=1, owner="run")


async def test_claims_in_a_race_are_all_different(make: Make) -> None:
    opened = await asyncio.gather(*(make().aopen("t", fence=1, owner="run") for _ in range(32)))
    assert sorted(each.epoch for each in opened) == list(range(1, 33))


async def test_a_store_without_conditional_puts_is_refused(make: Make, store: MemoryStore) -> None:
    class Careless(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:  # noqa: ARG002 - ignored, that is the fault
            await self.inner.put(key, data)

    with pytest.raises(MisconfiguredStore, match="If-None-Match"):
        await make(over=Careless(store)).aopen("t", fence=1, owner="run")


async def test_a_zombie_is_never_latest_even_with_the_faster_clock(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = make(), make()
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(), x="base")
    await new.aopen("t", fence=2, owner="run")
    late = await put(old, base, x="zombie, before the new owner wrote")
    assert await latest(new) == {"x": "base"}
    assert await latest(make()) == {"x": "base"}

    monkeypatch.setattr(id_module, "_last_v6_timestamp", None)
    monkeypatch.setattr(time, "time_ns", lambda: 1_600_000_000_000_000_000)  # years behind
    assert await latest(new) == {"x": "base"}  # reading makes ids grow from here
    mine = await put(new, base, x="new")
    assert mine["configurable"]["checkpoint_id"] > base["configurable"]["checkpoint_id"]
    monkeypatch.undo()

    await put(old, late, x="zombie, later")
    for reader in (new, make()):
        assert await latest(reader) == {"x": "new"}
        ids = [each.checkpoint["channel_values"]["x"] async for each in reader.alist(config())]
        assert ids == ["new", "base"]


async def test_a_zombie_in_a_subgraph_is_never_latest(make: Make) -> None:
    old, new = make(), make()
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(ns="node:1"), x="base")
    await new.aopen("t", fence=2, owner="run")
    await put(old, base, x="zombie")
    assert await latest(make(), ns="node:1") == {"x": "base"}


async def test_pending_writes_of_a_zombie_after_the_takeover_do_not_count(make: Make) -> None:
    old, new = make(), make()
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(), x="base")
    await old.aput_writes(base, [("x", "in time")], "task-1", "a")
    await old.aflush()
    await new.aopen("t", fence=2, owner="run")
    await old.aput_writes(base, [("x", "late"), (INTERRUPT, "late")], "task-2", "b")
    await old.aflush()
    assert await pending(new, base) == ["in time"]
    await new.aput_writes(base, [("x", "of the new owner")], "task-2", "b")
    assert await pending(new, base) == ["in time", "of the new owner"]
    assert await pending(make(), base) == ["in time", "of the new owner"]


async def test_a_process_that_was_taken_over_stops_within_the_fence_time(make: Make) -> None:
    clock = Clock()
    old = make(clock)
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(), x=1)
    await make().aopen("t", fence=2, owner="run")
    clock.now += 14
    await put(old, base, x=2)
    clock.now += 2
    with pytest.raises(FenceLost, match="taken over"):
        await put(old, base, x=3)
    with pytest.raises(FenceLost):
        await old.aput_writes(base, [(INTERRUPT, "x")], "task")


async def test_the_claim_is_verified_at_most_once_in_the_fence_time(make: Make, store: MemoryStore) -> None:
    clock, counted = Clock(), PassingStore(store)
    saver = make(clock, over=counted)
    await saver.aopen("t", fence=1, owner="run")
    before, base = counted.lists, config()
    for _ in range(30):
        base = await put(saver, base, x=1)
        clock.now += 1
    assert counted.lists - before == 1


async def test_a_background_flush_that_lost_the_fence_fails_the_next_write(make: Make) -> None:
    clock = Clock()
    old = make(clock)
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(), x=1)
    await make().aopen("t", fence=2, owner="run")
    clock.now += 60
    await old.aput_writes(base, [("x", 1)], "task")
    with pytest.raises(FenceLost):
        await old.aflush()
    with pytest.raises(FenceLost):
        await old.aput_writes(base, [("x", 2)], "task")


async def test_deleting_a_thread_fences_its_writer_out(make: Make, store: MemoryStore) -> None:
    clock = Clock()
    old = make(clock)
    await old.aopen("t", fence=1, owner="run")
    base = await put(old, config(), x=1)
    await make().adelete_thread("t")
    assert store.objects == {}
    clock.now += 60
    with pytest.raises(FenceLost, match="deleted"):
        await put(old, base, x=2)
    assert store.objects == {}


async def test_a_thread_made_anew_does_not_remember_old_claims(make: Make) -> None:
    saver = make()
    for _ in range(2):  # the second reads the claim of the first
        await saver.aopen("t", fence=5, owner="run")
    await put(saver, config(), x=1)
    await saver.adelete_thread("t")
    assert (await saver.aopen("t", fence=1, owner="another")).epoch == 1
    assert (await saver.aopen("t", fence=2, owner="another")).epoch == 2


async def test_what_earlier_attempts_left_is_known_at_the_claim(make: Make, store: MemoryStore) -> None:
    async def attempt(
        fence: int, *, checkpoints: bool = False, writes: bool = False, owner: str = "run"
    ) -> tuple[Inherited, str]:
        saver = make()
        inherited = await saver.aopen("t", fence=fence, owner=owner)
        base = await put(saver, config(), x=fence) if checkpoints else config(id_=known)
        if writes:
            await saver.aput_writes(base, [("x", 1)], f"task {fence}")
            await saver.aflush()
        return inherited, base["configurable"]["checkpoint_id"]

    known: str | None = None
    first, known = await attempt(1, checkpoints=True, owner="earlier run on the thread")
    assert not first.holds_checkpoint(owner="run")
    second, _ = await attempt(2)
    assert not second.holds_checkpoint(owner="run")
    third, _ = await attempt(3, writes=True)
    assert not third.holds_checkpoint(owner="run")
    assert not third.left_anything(fence=2)
    fourth, _ = await attempt(4, checkpoints=True)
    assert not fourth.holds_checkpoint(owner="run")
    assert fourth.left_anything(fence=3)
    fifth, _ = await attempt(5)
    assert fifth.holds_checkpoint(owner="run")
    assert fifth.holds_checkpoint(owner="earlier run on the thread")
    assert fifth.fences_that_left_something(owner="run") == (3, 4)
    seen = await CheckpointReader(store).lineage("t")
    assert seen.fences_that_left_something(owner="run") == (3, 4)
    assert seen.epoch == 5


async def test_what_only_a_subgraph_stored_is_nothing_to_go_on_from(make: Make) -> None:
    first = make()
    await first.aopen("t", fence=1, owner="run")
    inner = await put(first, config(ns="inner:task"), x=1)
    await first.aput_writes(inner, [("x", 1)], "task")
    await first.aflush()
    inherited = await make().aopen("t", fence=2, owner="run")
    assert not inherited.holds_checkpoint(owner="run")
    assert not inherited.left_anything(fence=1)


async def test_writes_on_a_checkpoint_that_never_came_are_nothing_to_go_on_from(make: Make) -> None:
    first = make()
    await first.aopen("t", fence=1, owner="run")
    await first.aput_writes(config(id_="1f0f0000-0000-6000-8000-000000000000"), [("x", 1)], "task")
    await first.aflush()
    assert not (await make().aopen("t", fence=2, owner="run")).left_anything(fence=1)


async def test_what_a_zombie_stored_after_the_takeover_is_not_held_for_its_own(make: Make) -> None:
    old = make()
    await old.aopen("t", fence=1, owner="run")
    await make().aopen("t", fence=2, owner="run")
    await put(old, config(), x="late")
    assert not (await make().aopen("t", fence=3, owner="run")).left_anything(fence=1)
