"""What a clean-up of unneeded objects takes, and what it leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from graphrun_checkpoints import (
    InvalidCheckpoint,
    ObjectStoreSaver,
    SaverOptions,
)
from graphrun_checkpoints.core import Core
from graphrun_checkpoints.format.bodies import blob_body
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.parts import Part
from graphrun_checkpoints.inspection.inspector import FoundThread, Inspector
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, put


async def test_only_what_nobody_can_need_is_collected() -> None:
    """An orphan blob goes once it is older than the grace; not a young one, nor one that is referred to,
    nor one of the epoch of a holder that may be about to refer to it."""
    now = datetime.now(UTC)
    clock = [now - timedelta(days=1)]
    store = MemoryStore(clock=lambda: clock[0])
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("t", fence=1, owner="a")
        await put(saver, config(), x="first " * 300_000)
    old_ones = set(store.objects)

    def orphan(epoch: int, digest: str) -> tuple[str, bytes]:
        name = f"d/{epoch:08x}.0/{digest * 16}"
        return f"checkpoints/v1/t/{name}", Codec().pack(name, blob_body([Part("bytes", b"orphan")]))

    old, live = orphan(1, "aa"), orphan(2, "bb")
    await store.put(*old)
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("t", fence=2, owner="b")
        await store.put(*live)
        clock[0] = now
        young = orphan(1, "cc")
        await store.put(*young)
        await put(saver, config(), x=2)
    core = Core(store, "checkpoints", SaverOptions(), None)
    try:
        with pytest.raises(InvalidCheckpoint, match="too short"):
            core.thread.wait(core.removal.collect("t", timedelta(minutes=1)))
        planned = core.thread.wait(core.removal.collect("t", timedelta(hours=1), dry_run=True))
        assert old[0] in store.objects
        removed = core.thread.wait(core.removal.collect("t", timedelta(hours=1)))
    finally:
        core.thread.stop()
    assert planned == removed
    assert removed.objects == 1
    assert old[0] not in store.objects
    assert {live[0], young[0], *old_ones} <= store.objects.keys()
    assert (await Inspector(store).verify(FoundThread("t", "t"))).findings == ()
