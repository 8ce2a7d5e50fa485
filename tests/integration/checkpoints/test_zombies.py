"""A real process is frozen in the middle of a run, another takes over, the first thaws: nothing it does may count.

A, frozen at a node, knows nothing of B. B goes on to the middle of the next round and waits there; A thaws, writes
what it can until it notices; then B goes on to the end.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from graphrun_checkpoints import FenceLost, MinioStore, ObjectStoreSaver, SaverOptions, StorageConfig
from support.checkpoints import config, latest, put
from support.dossier import INPUT, SMALL, Shape, as_json, dossier_graph
from support.pod_process import FENCE_LOST, lines_in
from support.pods import PodProcess
from support.resumption import CONFIG, THREAD
from support.s3server import S3Server

StartPod = Callable[..., PodProcess]
ROUNDS = 3
PATIENCE = 60
"""Nodes that a pod runs until it asks again whether it still holds the thread."""


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def pod(s3_server: S3Server, prefix: str) -> Iterator[StartPod]:
    started: list[PodProcess] = []

    def start(author: str, fence: int, **changes: Any) -> PodProcess:
        started.append(PodProcess.start(s3_server, prefix, author, fence, **changes))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
async def store(s3_server: S3Server) -> AsyncIterator[MinioStore]:
    store = MinioStore(s3_server.storage())
    yield store
    await store.aclose()


async def _keys(store: MinioStore, prefix: str) -> set[str]:
    page = await store.list(f"{prefix}/")
    seen = {entry.key for entry in page}
    while len(page) == 1000:
        page = await store.list(f"{prefix}/", start_after=page[-1].key)
        seen |= {entry.key for entry in page}
    return seen


async def _expected() -> Any:
    shape = Shape(**{**vars(SMALL), "rounds": ROUNDS})
    return as_json(await dossier_graph(shape).compile(checkpointer=InMemorySaver()).ainvoke(INPUT, CONFIG))


def _unsigned(state: str) -> str:
    return re.sub(" by [A-Z]", "", state)


def _of(author: str, lines: set[str]) -> set[str]:
    return {line for line in lines if line.endswith(f" by {author}")}


@pytest.mark.parametrize("behind", [0, 3600], ids=["same-clock", "new-owner-an-hour-behind"])
@pytest.mark.parametrize("frozen_at", ["work 2.1", "polish 2"], ids=["in-a-fan-out", "two-graphs-deep"])
@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_nothing_that_a_zombie_writes_is_latest_or_pending(
    pod: StartPod, store: MinioStore, prefix: str, *, durability: str, frozen_at: str, behind: int
) -> None:
    a = pod("A", 1, rounds=100_000, hold_at=frozen_at, fence_seconds=PATIENCE, durability=durability)
    b = pod("B", 2, rounds=ROUNDS, hold_at="work 3.0", clock_behind_seconds=behind, durability=durability)
    for each in (a, b):
        each.until("ready")
    a.go()
    a.until("node", name=frozen_at)
    a.freeze()

    b.go()
    inherited = _of("A", set(b.until("claimed")["inherited"]))
    b.until("node", name="work 3.0")
    before = await _keys(store, prefix)
    a.thaw()
    a.go()
    lost = a.until("fence lost")
    assert a.process.wait(60) == FENCE_LOST
    assert len(await _keys(store, prefix) - before) >= 3, "the zombie wrote nothing: the test shows nothing"
    assert lost["nodes"] <= PATIENCE + 20
    b.go()
    ended = b.until("ended")
    assert b.process.wait(60) == 0

    assert ended["tasks"] == 0
    assert _unsigned(ended["state"]) == await _expected()
    async with ObjectStoreSaver(store, prefix=prefix) as saver:
        assert _of("A", await lines_in(saver)) <= inherited
        async for stored in saver.alist({"configurable": {"thread_id": THREAD}}):
            parent = (stored.parent_config or {}).get("configurable", {}).get("checkpoint_id", "")
            assert parent < stored.checkpoint["id"], "a child that looks older than its parent"
        shape = Shape(**{**vars(SMALL), "rounds": ROUNDS})
        state = await dossier_graph(shape, author="C").compile(checkpointer=saver).aget_state(CONFIG)
        assert as_json(state.values) == ended["state"]
        assert not state.tasks


async def test_a_thawed_process_stops_within_its_fence_time(pod: StartPod) -> None:
    a = pod("A", 1, rounds=100_000, hold_at="outline 1", clock="seconds", fence_seconds=0.2)
    b = pod("B", 2)
    for each in (a, b):
        each.until("ready")
    a.go()
    a.until("node", name="outline 1")
    a.freeze()
    b.go()
    b.until("ended")
    a.thaw()
    a.go()
    assert "taken over" in a.until("fence lost")["error"]
    assert a.process.wait(60) == FENCE_LOST


async def test_a_process_that_claims_after_its_successor_is_refused(pod: StartPod) -> None:
    a, b = pod("A", 1), pod("B", 2)
    for each in (a, b):
        each.until("ready")
    b.go()
    b.until("ended")
    a.go()
    assert "fence 2" in a.until("fence lost")["error"]
    assert a.process.wait(60) == FENCE_LOST


async def test_of_32_fences_in_a_race_only_the_highest_goes_on_writing(
    storage: StorageConfig,
) -> None:
    options = SaverOptions(fence_seconds=0.0)
    savers = {fence: ObjectStoreSaver.from_config(storage, options=options) for fence in range(1, 33)}

    async def open_(fence: int) -> int | None:
        try:
            return (await savers[fence].aopen("t", fence=fence, owner=f"run {fence}")).epoch
        except FenceLost:
            return None

    async def write(fence: int) -> int | None:
        try:
            await put(savers[fence], config(), author=fence)
        except FenceLost:
            return None
        return fence

    order = sorted(savers, key=lambda fence: fence * 7 % 32)
    epochs = dict(zip(order, await asyncio.gather(*map(open_, order)), strict=True))
    won = {fence: epoch for fence, epoch in epochs.items() if epoch is not None}
    assert won[32] == max(won.values())
    assert sorted(won, key=won.__getitem__) == sorted(won), "epochs grow with fences"
    assert sorted(won.values()) == list(range(1, len(won) + 1)), "each epoch has one winner"

    wrote = await asyncio.gather(*map(write, won))
    assert [fence for fence in wrote if fence] == [32]
    assert await latest(savers[32]) == {"author": 32}
    for each in savers.values():
        try:
            await each.aclose()
        except FenceLost:
            continue
