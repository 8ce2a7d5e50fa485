"""Whether a thread is whole: threads of real graphs, healthy and damaged in every way."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from graphrun_checkpoints import (
    CorruptObject,
    Encryption,
    Entry,
    ObjectStoreSaver,
)
from graphrun_checkpoints.format.bodies import blob_body
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.inspection.inspector import FoundThread, Inspector, ThreadReport
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, put
from support.damage import KINDS, keys_of, store_of
from support.lived_in import KEYS, LONG, lived_in
from support.resumption import THREAD
from support.stores import PassingStore

ALL_KINDS = {**KINDS, "blob": r"/d/[^k]", "kept": r"/d/k/", "chunk": r"/d/.*\.[^/]*$", "marker": r"/r1/"}


async def report_of(store: MemoryStore, thread: str, keys: Encryption | None = None) -> ThreadReport:
    inspector = Inspector(store, encryption=keys)
    found = await inspector.find(thread)
    assert found is not None, f"nothing stored of {thread!r}"
    return await inspector.verify(found)


async def reports(store: MemoryStore, keys: Encryption | None = None) -> list[ThreadReport]:
    inspector = Inspector(store, encryption=keys)
    return [
        *[await inspector.verify(found) async for found in inspector.threads()],
        await inspector.verify_markers(),
    ]


def problems(all_reports: list[ThreadReport]) -> list[str]:
    for each in (finding for report in all_reports for finding in report.findings):
        assert each.key in each.text
    return [finding.key for report in all_reports for finding in report.problems]


@pytest.fixture(scope="module")
def bucket() -> dict[str, bytes]:
    return asyncio.run(lived_in()).objects


def of_the_story(bucket: dict[str, bytes]) -> dict[str, bytes]:
    """The objects of the thread that three holders had."""
    return {key: data for key, data in bucket.items() if f"/{THREAD.replace('/', '=2F')}/" in key}


@pytest.mark.parametrize("keys", [None, KEYS], ids=["in clear", "encrypted"])
async def test_healthy_threads_have_nothing_to_tell(keys: Encryption | None) -> None:
    store = await lived_in(keys)
    found = await reports(store, keys)
    assert [each.findings for each in found] == [()] * len(found)
    assert sum(each.objects for each in found) == len(store.objects)
    assert sum(each.bytes for each in found) == sum(len(data) for data in store.objects.values())
    assert sum(each.unopened for each in found) == 0
    assert LONG in [each.thread for each in found]


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_flipped_byte_is_found_in_an_object_of_each_kind(bucket: dict[str, bytes], kind: str) -> None:
    found = sorted(key for key in bucket if re.search(ALL_KINDS[kind], key))
    assert found, f"no {kind} in the bucket"
    for key in {found[0], found[len(found) // 2], found[-1]}:
        damaged = bytearray(bucket[key])
        damaged[len(damaged) * 2 // 3] ^= 0x10
        store = await store_of({**bucket, key: bytes(damaged)})
        assert key in problems(await reports(store)), key


async def test_a_flipped_byte_is_found_without_the_keys_too() -> None:
    store = await lived_in(KEYS)
    whole = await reports(store)
    assert problems(whole) == []
    assert sum(each.unopened for each in whole) > len(store.objects) / 2
    key = next(key for key in store.objects if re.search(ALL_KINDS["checkpoint"], key))
    store.objects[key] = store.objects[key][:-1] + bytes([store.objects[key][-1] ^ 1])
    assert problems(await reports(store)) == [key]


async def test_another_key_is_a_problem_with_encrypted_objects() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store, encryption=KEYS) as saver:
        await put(saver, config(), x=1)
    other = Encryption({"k1": bytes(32)}, "k1")
    assert len(problems([await report_of(store, "t", other)])) == 2


@pytest.mark.parametrize("kind", ["blob", "kept", "chunk"])
async def test_a_missing_object_that_others_need_is_found(bucket: dict[str, bytes], kind: str) -> None:
    needed = [key for key in bucket if re.search(ALL_KINDS[kind], key)]
    told = 0
    for key in needed:
        store = await store_of({name: data for name, data in bucket.items() if name != key})
        # Of a kept object the name that it had is told; of an orphan nothing need be.
        told += bool(problems(await reports(store)))
    assert told == len(needed)


async def test_a_missing_checkpoint_is_found_where_others_need_its_parts(bucket: dict[str, bytes]) -> None:
    story = of_the_story(bucket)
    told = []
    for key in keys_of("checkpoint", story):
        store = await store_of({name: data for name, data in story.items() if name != key})
        found = problems([await report_of(store, THREAD)])
        assert set(found) <= {key}
        told.append(bool(found))
    assert any(told)


async def test_missing_pending_writes_are_found_where_a_claim_sealed_them(bucket: dict[str, bytes]) -> None:
    """Those on the newest checkpoint of the holder before; of the present holder's nothing speaks yet.

    On a slow machine there are some on older checkpoints, too, stored before a child could take them along.
    """
    story = of_the_story(bucket)
    held = [key for key in keys_of("checkpoint", story) if "/c/_/fffffffe/" in key]
    newest = min(key.rpartition("/")[0] for key in held)  # the newest is listed first
    sealed = [key for key in keys_of("pending writes", story) if key.startswith(f"{newest}/")]
    assert sealed
    for key in sealed:
        store = await store_of({name: data for name, data in bucket.items() if name != key})
        assert problems([await report_of(store, THREAD)]) == [key]


async def test_a_missing_claim_is_found_where_another_follows_it(bucket: dict[str, bytes]) -> None:
    newest, *_, oldest = [key for key in keys_of("claim", bucket) if "/run=2F1/" in key]
    store = await store_of({name: data for name, data in bucket.items() if name != oldest})
    assert problems([await report_of(store, THREAD)]) == [oldest]
    store = await store_of({name: data for name, data in bucket.items() if name != newest})
    report = await report_of(store, THREAD)
    assert [each.severity for each in report.findings] == ["warning"]
    assert "its claim is lost" in report.findings[0].text


async def test_a_holder_with_fewer_parts_than_needed_is_found(bucket: dict[str, bytes]) -> None:
    key = next(key for key in bucket if "/story/d/" in key and "/d/k/" not in key)
    name = key.removeprefix("checkpoints/v1/story/")
    short = Codec().pack(name, blob_body([]))
    store = await store_of({**bucket, key: short})
    assert problems([await report_of(store, "story")]) == [key]
    with pytest.raises(CorruptObject, match=key):
        await Inspector(store).stats(FoundThread("story", "story"))


async def test_what_is_in_the_wrong_place_is_a_problem_and_what_is_unknown_a_warning() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config(), x=1)
    claim, checkpoint = sorted(store.objects, key=lambda key: "!" not in key)
    wrong = {
        claim: Codec().pack(claim.removeprefix("checkpoints/v1/t/"), {"kind": "claim"}),
        checkpoint: Codec().pack(checkpoint.removeprefix("checkpoints/v1/t/"), {"kind": "nothing"}),
    }
    store = await store_of({**wrong, "checkpoints/v1/t/z": b"", "checkpoints/v1/t/d/1.0/ab.0": b"x"})
    report = await report_of(store, "t")
    assert problems([report]) == [claim, checkpoint, "checkpoints/v1/t/d/1.0/ab.0"]
    assert [each.key for each in report.findings if each.severity == "warning"] == ["checkpoints/v1/t/z"]


async def test_a_missing_ancestor_is_found_where_a_delta_channel_needs_it() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), x=1)
        await put(saver, base, x=2)
    child, parent = keys_of("checkpoint", store.objects)
    name = child.removeprefix("checkpoints/v1/t/")
    body = Codec().unpack(child, name, store.objects[child])
    store.objects[child] = Codec().pack(name, {**body, "unlogged": ["lines"], "held": [], "values": {}})
    assert (await report_of(store, "t")).findings == ()
    await store.delete_many([parent])
    assert problems([await report_of(store, "t")]) == [child]


class Changing(PassingStore):
    """A bucket that somebody else changes meanwhile: pages hide a key, and some keys are read only once."""

    hidden = ""
    once = ""

    async def get(self, key: str) -> bytes | None:
        data = await super().get(key)
        if self.once and self.once in key:
            await self.delete_many([key])
        return data

    async def list(self, prefix: str, *, max_keys: int = 1000, start_after: str = "") -> Sequence[Entry]:
        page = await super().list(prefix, max_keys=max_keys, start_after=start_after)
        return [entry for entry in page if entry.key != self.hidden or entry.key == prefix]


@pytest.mark.parametrize("stored_since", [True, False], ids=["stored since", "not needed any more"])
async def test_what_changes_while_it_is_verified_is_no_problem(*, stored_since: bool) -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config(), x="large " * 300_000)
    changing = Changing(store)
    (blob,) = keys_of("blob", store.objects)
    if stored_since:
        changing.hidden = blob
    else:
        await store.delete_many([blob])
        assert problems([await report_of(store, "t")]) == [blob]
        changing.once = "/c."
    inspector = Inspector(changing)
    assert (await inspector.verify(FoundThread("t", "t"))).findings == ()


async def test_a_deletion_cut_short_is_a_warning() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config(), x=1)
    tombstone = "c/_/fffffff0/x"
    await store.put(f"checkpoints/v1/t/{tombstone}", Codec().pack(tombstone, {"kind": "tombstone"}))
    report = await report_of(store, "t")
    assert [(each.severity, each.key) for each in report.findings] == [
        ("warning", f"checkpoints/v1/t/{tombstone}")
    ]


async def test_a_thread_whose_name_no_claim_tells_is_verified_all_the_same() -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config(LONG), x=1)
    (claim,) = [key for key in store.objects if key.endswith("/!")]
    inspector = Inspector(store)
    assert [each.name async for each in inspector.threads()] == [LONG]
    store.objects[claim] = store.objects[claim][:-1]
    (found,) = [each async for each in inspector.threads()]
    assert (found.name, found.shown) == (None, found.segment)
    assert problems([await inspector.verify(found)]) == [claim]
