"""Every byte of every stored object altered, every object cut short or gone: a right state or a named error.

The bucket holds a thread with every kind of object: claims of three holders, checkpoints, pending writes of
questions not yet answered, and blobs.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langgraph.checkpoint.base import CheckpointTuple

from graphrun_checkpoints import CorruptObject, FenceLost, ObjectStoreSaver, SaverOptions, UnsupportedFormat
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import put
from support.damage import (
    KINDS,
    Read,
    Readings,
    filled_bucket,
    history,
    idle_holders_bucket,
    keys_of,
    newest,
    state,
    store_of,
)
from support.resumption import CONFIG, OWNER, THREAD

Damage = Callable[[bytes], Iterator[bytes]]

_PLACES = 48  # in an object, where everything that reads it is asked and not only the quickest
TOLD = "told"


@pytest.fixture(scope="module")
def bucket() -> dict[str, bytes]:
    return asyncio.run(filled_bucket())


@pytest.fixture(scope="module")
def readings(bucket: dict[str, bytes]) -> Readings:
    return asyncio.run(Readings.learned_from(bucket))


async def _reading(store: MemoryStore, key: str, read: Read) -> Any:
    """What is read, or that the damage was told with its key; any other error fails the test."""
    saver = ObjectStoreSaver(store)
    try:
        return await read(saver)
    except (CorruptObject, UnsupportedFormat) as error:
        return TOLD if key in str(error) else f"the error does not name {key}: {error}"
    finally:
        await saver.aclose()


def altered(data: bytes) -> Iterator[bytes]:
    return (
        data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        for place in range(len(data))
    )


def cut_short(data: bytes) -> Iterator[bytes]:
    return (data[:length] for length in range(len(data)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", [altered, cut_short])
async def test_damage_at_any_byte_is_told_or_does_no_harm(
    bucket: dict[str, bytes], readings: Readings, kind: str, damage: Damage
) -> None:
    store = await store_of(bucket)
    told = asked = 0
    for key in keys_of(kind, bucket):
        reads = readings.touching(key)
        every = max(1, len(bucket[key]) // _PLACES)
        for place, data in enumerate(damage(bucket[key])):
            store.objects[key] = data
            for read in reads if place % every == 0 else reads[:1]:
                seen = await _reading(store, key, read)
                assert seen in (TOLD, readings.right[read]), f"{key} at {place}: another state than before"
                told += seen == TOLD
                asked += 1
        store.objects[key] = bucket[key]
    assert asked > 100, f"nothing reads a {kind}"
    assert told > asked * 0.9, "damage of what is read goes unnoticed"


def _never_more(seen: CheckpointTuple | None, right: CheckpointTuple | None) -> bool:
    """Whether a checkpoint is as it was; writes pending on it may be missing, none is changed or added."""
    if seen is None or right is None:
        return seen is right
    left = iter(right.pending_writes or [])
    kept = all(write in left for write in seen.pending_writes or [])  # in order, each once
    return kept and seen._replace(pending_writes=None) == right._replace(pending_writes=None)


async def test_without_a_blob_what_needs_it_says_so_and_the_rest_is_right(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    for key in keys_of("blob", bucket):
        store = await store_of(bucket)
        await store.delete_many([key])
        for read, right in readings.right.items():
            seen = await _reading(store, key, read)
            assert seen == (TOLD if key in readings.needs[read] else right), key


async def test_without_pending_writes_it_is_as_if_they_had_never_been_stored(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    """Nothing can tell: that is why a batch is stored whole, and its tasks run again."""
    for key in keys_of("pending writes", bucket):
        store = await store_of(bucket)
        await store.delete_many([key])
        for read in (newest, *readings.by_id.values()):
            seen = await _reading(store, key, read)
            assert seen == TOLD or _never_more(seen, readings.right[read]), key


async def test_without_a_checkpoint_the_others_are_right_or_say_so(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    """A later one may need what it held. The newest state is then that, or the one before; never a mixture."""
    for key in keys_of("checkpoint", bucket):
        store = await store_of(bucket)
        await store.delete_many([key])
        gone = [id_ for id_, read in readings.by_id.items() if await _reading(store, key, read) is None]
        assert len(gone) <= 1, key
        for id_, read in readings.by_id.items():
            seen = await _reading(store, key, read)
            assert id_ in gone or seen == TOLD or _never_more(seen, readings.right[read]), key
        seen = await _reading(store, key, newest)
        assert seen == TOLD or any(
            _never_more(seen, readings.right[read]) for read in readings.by_id.values()
        ), key


async def test_without_an_older_checkpoint_a_graph_sees_its_right_state_or_none(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    """A DeltaChannel is made of what older checkpoints brought: a gap must not shorten it silently."""
    checkpoints = keys_of("checkpoint", bucket)
    for key in checkpoints[1:]:  # the first is the newest
        store = await store_of(bucket)
        await store.delete_many([key])
        assert await _reading(store, key, state) in (TOLD, readings.right[state]), key


async def test_without_the_newest_claim_the_thread_is_as_its_holder_found_it_and_the_holder_stops(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    """What no claim stands for does not count: it may be a zombie's, in a thread that was deleted."""
    newest_claim, *older_claims = keys_of("claim", bucket)
    store = await store_of(bucket)
    holder = ObjectStoreSaver(store, options=SaverOptions(fence_seconds=0.0))
    await holder.aopen(THREAD, fence=4, owner=OWNER)
    await store.delete_many([newest_claim, *(key for key in store.objects if key not in bucket)])
    with pytest.raises(FenceLost):
        await put(holder, CONFIG, x=1)
    await holder.aclose()

    left = [each.checkpoint["id"] for each in await _reading(store, newest_claim, history)]
    whole = list(readings.by_id)
    assert 0 < len(left) < len(whole)
    assert left == whole[-len(left) :]
    for id_, read in readings.by_id.items():
        seen = await _reading(store, newest_claim, read)
        assert _never_more(seen, readings.right[read]) if id_ in left else seen is None
    latest = await _reading(store, newest_claim, newest)
    assert _never_more(latest, readings.right[readings.by_id[left[0]]])

    await store.delete_many(older_claims)
    assert await _reading(store, newest_claim, newest) is None


async def test_without_an_older_claim_the_newest_state_is_right_and_the_rest_too_or_says_so(
    bucket: dict[str, bytes], readings: Readings
) -> None:
    """Later claims name it: that it is missing can be told from a thread that never had it."""
    for key in keys_of("claim", bucket)[1:]:
        store = await store_of(bucket)
        await store.delete_many([key])
        for read, right in readings.right.items():
            seen = await _reading(store, key, read)
            assert seen == right or (seen == TOLD and read is not newest), key


async def test_without_the_claim_of_a_holder_that_stored_nothing_the_thread_does_not_look_empty() -> None:
    bucket = await idle_holders_bucket()
    for key in keys_of("claim", bucket):
        store = await store_of(bucket)
        await store.delete_many([key])
        seen = await _reading(store, key, newest)
        assert seen is not None, f"{key}: a run would begin again"


async def test_damage_in_the_middle_of_a_history_stops_it_there(bucket: dict[str, bytes]) -> None:
    """The damaged one is not passed over."""
    checkpoints = keys_of("checkpoint", bucket)
    key = checkpoints[len(checkpoints) // 2]
    store = await store_of({**bucket, key: bucket[key][:-1]})
    assert await _reading(store, key, history) == TOLD
