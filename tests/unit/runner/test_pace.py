"""In durability `async` the graph never runs ahead of storage by more than the checkpoint under way."""

import asyncio
from pathlib import Path

import pytest

from graphrun_checkpoints import Store
from graphrun_checkpoints.errors import StorageUnavailable
from graphrun_checkpoints.testing import MemoryStore
from support import pacing_graph
from support.child_attempts import attempt, grant
from support.stores import PassingStore
from support.waiting import eventually

FIRST = 3


class AbsentStore(PassingStore):
    """Takes some checkpoints, then answers nothing until it is back, or for good."""

    def __init__(self, inner: Store, takes: int) -> None:
        super().__init__(inner)
        self._left = takes
        self.back = asyncio.Event()
        self.lost = False

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        if len(pacing_graph.begun) >= self._left:
            await self.back.wait()
            if self.lost:
                raise StorageUnavailable("away for too long")
        await super().put(key, data, if_none_match=if_none_match)


@pytest.fixture(params=["flat", "nested"])
def given(request: pytest.FixtureRequest) -> dict[str, object]:
    pacing_graph.begun.clear()
    graph = {"entrypoint": f"support.pacing_graph:{request.param}", "files": {}}
    return grant(graph=graph, durability="async", input={"number": 0})


async def _stands_still() -> list[int]:
    """What has begun, once nothing more begins for a good while."""
    seen: list[list[int]] = []

    async def look() -> bool:
        seen.append(list(pacing_graph.begun))
        return len(seen) > 20 and seen[-1] == seen[-20] and len(seen[-1]) >= FIRST

    await eventually(look, seconds=30, what="the graph stands still")
    return seen[-1]


async def test_with_storage_away_at_most_two_more_supersteps_begin(
    given: dict[str, object], tmp_path: Path
) -> None:
    store = AbsentStore(MemoryStore(), takes=FIRST)
    running = asyncio.create_task(attempt(store, given, tmp_path))

    begun = await _stands_still()
    store.back.set()
    end = await running

    assert FIRST <= len(begun) <= FIRST + 2
    assert isinstance(end, dict)
    assert end["result"] == "Succeeded"
    assert pacing_graph.begun == list(range(pacing_graph.STEPS))


async def test_storage_lost_for_good_ends_the_attempt_as_unreachable_storage(
    given: dict[str, object], tmp_path: Path
) -> None:
    store = AbsentStore(MemoryStore(), takes=FIRST)
    running = asyncio.create_task(attempt(store, given, tmp_path))

    begun = await _stands_still()
    store.lost = True
    store.back.set()
    end = await running

    assert isinstance(end, dict)
    assert end["exitCode"] == 86
    assert pacing_graph.begun == begun
    assert len(begun) < pacing_graph.STEPS
