"""Values that do not fit one object, and memory that stays bounded."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_checkpoints import CorruptObject, Encryption, ObjectStoreSaver, SaverOptions
from graphrun_checkpoints.objects import LARGEST_OBJECT, Recent
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, latest, pending, put
from support.threads import state_of, tell

HUGE = os.urandom(LARGEST_OBJECT + 5_000_000)


async def test_a_value_above_the_largest_object_is_cut_into_chunks_and_read_back() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), x=1)
        await saver.aput_writes(base, [("doc", HUGE)], "task")
        await put(saver, base, doc=HUGE, docs=["small", HUGE])
    assert max(map(len, store.objects.values())) < LARGEST_OBJECT
    assert sum(map(len, store.objects.values())) < len(HUGE) * 1.01  # three times the same: stored once
    async with ObjectStoreSaver(store) as reader:
        assert await latest(reader) == {"doc": HUGE, "docs": ["small", HUGE]}
        assert await pending(reader, base) == [HUGE]
        await reader.aprune(["t"])
        assert await latest(reader) == {"doc": HUGE, "docs": ["small", HUGE]}
    await store.delete_many([next(key for key in store.objects if key.endswith(".1"))])
    async with ObjectStoreSaver(store) as reader:
        with pytest.raises(CorruptObject, match=r"\.1 is missing"):
            await latest(reader)


async def test_everything_works_encrypted_and_nothing_is_readable() -> None:
    store, keys = MemoryStore(), Encryption({"a": os.urandom(32)}, "a")
    async with ObjectStoreSaver(store, encryption=keys) as saver:
        told = await tell(saver, "t", 30)
        await saver.aprune(["t"])
        await saver.acopy_thread("t", "copy")
    rotated = Encryption({**keys.keys, "b": os.urandom(32)}, "b")
    async with ObjectStoreSaver(store, encryption=rotated) as saver:
        assert await state_of(saver, "t") == told
        assert await state_of(saver, "copy") == told
    assert not [key for key, data in store.objects.items() if b"chapter" in data or b"thread" in data]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12))), st.integers(0, 20))
def test_what_is_remembered_stays_within_its_bytes_and_newest_stay(
    kept: list[tuple[str, int]], limit: int
) -> None:
    recent: Recent[int] = Recent(limit)
    sizes: dict[str, int] = {}
    for key, size in kept:
        recent.keep(key, size, size)
        sizes[key] = size
        assert recent.get(key) == (size if size <= limit else None)
        assert sum(size for key, size in sizes.items() if recent.get(key) is not None) <= limit
        recent.get(key)


async def test_reads_go_right_with_no_memory_at_all() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store, options=SaverOptions(remembered_bytes=0)) as saver:
        told = await tell(saver, "t", 20)
        assert await state_of(saver, "t") == told
