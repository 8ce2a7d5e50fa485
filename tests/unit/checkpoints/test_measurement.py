"""What threads cost, by kind and by channel."""

import pytest

from graphrun_checkpoints import (
    MisconfiguredStore,
    ObjectStoreSaver,
    SaverOptions,
)
from graphrun_checkpoints.inspection.inspector import FoundThread, Inspector, together
from graphrun_checkpoints.inspection.measurement import OTHER
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, put
from support.lived_in import KEYS, lived_in
from support.threads import tell


async def test_figures_add_up_to_what_is_stored() -> None:
    store = await lived_in()
    inspector = Inspector(store)
    sizes = [await inspector.stats(found) async for found in inspector.threads()]
    for each in sizes:
        stored = sum(amount.bytes for amount in each.kinds.values())
        assert stored == sum(channel.stored_bytes for channel in each.channels)
        assert all(channel.stored_bytes >= 0 for channel in each.channels)
        assert each.stored_bytes <= stored
    whole = together(sizes, "all")
    threads = {key: len(data) for key, data in store.objects.items() if "/r1/" not in key}
    assert sum(amount.bytes for amount in whole.kinds.values()) == sum(threads.values())
    assert sum(amount.objects for amount in whole.kinds.values()) == len(threads)
    assert whole.kinds["kept"].objects > 0


async def test_sharing_and_compression_show_in_the_ratios() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        result = await tell(saver, "story", 12)
    found = await Inspector(store).stats(FoundThread("story", "story"))
    assert found.dedupe is not None
    assert found.dedupe > 5  # the large text is in each of the 13 checkpoints after the first, stored once
    assert found.compression is not None
    assert found.compression > 10
    channels = {each.channel: each for each in found.channels}
    assert channels["large"].raw_bytes == pytest.approx(2_000_000, rel=0.01)
    assert channels["chapters"].raw_bytes == pytest.approx(sum(map(len, result["chapters"])), rel=0.01)
    assert channels["lines"].raw_bytes == pytest.approx(sum(map(len, result["lines"])), rel=0.05)
    assert channels["large"].stored_bytes < found.stored_bytes
    assert channels[OTHER].raw_bytes == 0
    assert found.kinds["checkpoints"].objects == 14


async def test_a_value_in_chunks_counts_whole() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config("large"), x="chunk " * 6_000_000)
    found = await Inspector(store).stats(FoundThread("large", "large"))
    assert next(each.raw_bytes for each in found.channels if each.channel == "x") > 36_000_000
    assert found.raw_bytes > 36_000_000
    assert found.kinds["blobs"].objects == 4


async def test_what_two_channels_share_is_counted_once() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config(), x="shared " * 2_000, y="shared " * 2_000)
    found = await Inspector(store).stats(FoundThread("t", "t"))
    x, y = (next(each for each in found.channels if each.channel == name) for name in "xy")
    assert x.raw_bytes == y.raw_bytes > 14_000
    assert x.stored_bytes > 0 == y.stored_bytes


async def test_what_was_stored_after_a_takeover_is_stray() -> None:
    store = MemoryStore()
    never = SaverOptions(fence_seconds=3600)
    async with ObjectStoreSaver(store, options=never) as zombie, ObjectStoreSaver(store) as saver:
        base = await put(zombie, config(), x="one")
        await saver.aopen("t")
        await put(saver, base, x="two")
        await put(zombie, base, x="late")
    found = await Inspector(store).stats(FoundThread("t", "t"))
    assert (found.kinds["checkpoints"].objects, found.kinds["stray"].objects) == (2, 1)
    assert (await Inspector(store).verify(FoundThread("t", "t"))).findings == ()


async def test_figures_of_encrypted_threads_take_the_keys() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store, encryption=KEYS) as saver:
        await put(saver, config(), x="x" * 10_000)
    with pytest.raises(MisconfiguredStore, match="k1"):
        await Inspector(store).stats(FoundThread("t", "t"))
    found = await Inspector(store, encryption=KEYS).stats(FoundThread("t", "t"))
    assert found.raw_bytes > 10_000 > found.stored_bytes


async def test_an_empty_thread_has_no_ratios() -> None:
    found = await Inspector(MemoryStore()).stats(FoundThread("none", "none"))
    assert (found.dedupe, found.compression) == (None, None)
