"""Names to keys and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.base.id import uuid6

from graphrun_checkpoints import Entry
from graphrun_checkpoints.format import keys
from graphrun_checkpoints.format.keys import Address, BatchKey, CheckpointKey, ClaimKey, Layout, Tags

LAYOUT = Layout("graphrun/checkpoints")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
EPOCHS = st.integers(1, 0xFFFFFFFE)
IDS = st.uuids().map(str)


@given(TEXT)
def test_a_name_becomes_one_safe_segment_and_comes_back(name: str) -> None:
    segment = keys.encode_name(name)
    assert segment.isascii()
    assert "/" not in segment
    assert segment not in {"", ".", ".."}
    assert len(segment) <= 200
    assert keys.decode_name(segment) in {name, None}


@given(TEXT, TEXT)
def test_different_names_have_different_segments(one: str, other: str) -> None:
    assert (keys.encode_name(one) == keys.encode_name(other)) == (one == other)
    assert (keys.encode_namespace(one) == keys.encode_namespace(other)) == (one == other)


def test_long_names_differ_by_their_hash() -> None:
    assert keys.encode_name("x" * 1000) != keys.encode_name("x" * 1001)
    assert keys.decode_name(keys.encode_name("x" * 1000)) is None


def entry(name: str) -> Entry:
    return Entry(LAYOUT.key("t", name), 7, datetime(2026, 1, 1, tzinfo=UTC))


def parsed(name: str) -> tuple[str, keys.FoundKey] | None:
    return keys.parse(LAYOUT.thread("t"), entry(name))


@given(EPOCHS, IDS, st.one_of(st.none(), IDS), st.one_of(st.none(), st.integers(-9, 10**9)), TEXT)
def test_a_checkpoint_key_tells_what_it_was_made_of(
    epoch: int, id_: str, parent: str | None, step: int | None, source: str
) -> None:
    tags = Tags(parent, step, source[:9], source or None)
    name = keys.checkpoint_name(Address("~n", epoch, id_), 5, tags)
    parent_tag, run_tag = keys.parent_tag(parent), keys.run_tag(source or None)
    found = CheckpointKey(epoch, id_, parent_tag, step, source[:9], 5, run_tag, name, entry(name))
    assert parsed(name) == ("~n", found)


@given(EPOCHS, IDS, st.integers(0, 2**31))
def test_a_batch_key_tells_what_it_was_made_of(epoch: int, id_: str, seq: int) -> None:
    name = keys.batch_name(Address("_", epoch, id_), seq)
    assert parsed(name) == ("_", BatchKey(epoch, id_, seq, name, entry(name)))


@given(EPOCHS, EPOCHS, IDS, IDS)
def test_keys_sort_newest_epoch_first_then_newest_id(one: int, other: int, first: str, second: str) -> None:
    names = [keys.batch_name(Address("_", epoch, id_), 0) for epoch, id_ in ((one, first), (other, second))]
    assert (names[0] < names[1]) == ((one, first) > (other, second))


def test_a_claim_sorts_before_its_epoch_and_pending_writes_before_their_checkpoint() -> None:
    address = Address("_", 3, str(uuid6()))
    names = [
        keys.tombstone_name(4),
        keys.claim_name(3),
        keys.batch_name(address, 0),
        keys.checkpoint_name(address, 1, Tags(None, None, None, None)),
        keys.claim_name(2),
    ]
    assert names == sorted(names)
    assert parsed(names[0]) == ("_", ClaimKey(4, entry(names[0]), ended=True))
    assert parsed(names[1]) == ("_", ClaimKey(3, entry(names[1])))


@pytest.mark.parametrize(
    "name", ["c/_/x", "c/_/zz/!", "c/_/00/11/z.future", "c/_/00/11/c.1", "d/1.0/ff", "c"]
)
def test_unknown_keys_are_passed_over(name: str) -> None:
    assert parsed(name) is None


@given(EPOCHS, st.integers(0, 9999), st.binary(min_size=16, max_size=16))
def test_a_blob_tells_its_epoch_and_a_chunk_its_blob(epoch: int, generation: int, content: bytes) -> None:
    name = keys.blob_name(epoch, generation, content)
    assert keys.blob_epoch(name) == epoch
    assert keys.blob_of(name) == name
    assert keys.blob_of(keys.chunk_name(name, 11)) == name
    assert keys.blob_epoch(keys.kept_name(name)) is None
    assert keys.blob_of(keys.kept_name(name)) == keys.kept_name(name)


def test_the_longest_key_fits_s3() -> None:
    tags = Tags(str(uuid6()), 10**9, "s" * 300, "r" * 300)
    name = keys.checkpoint_name(Address(keys.encode_namespace("n" * 999), 1, str(uuid6())), 2**31, tags)
    assert len(LAYOUT.key("t" * 999, name)) < 1024


def test_time_is_known_of_uuid6_only() -> None:
    assert keys.time_of(str(uuid6())) is not None
    assert keys.time_of("00000000-0000-4000-8000-000000000000") is None
