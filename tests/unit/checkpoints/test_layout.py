"""Names to keys and back, and the form of one object."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.base.id import uuid6

from graphrun_checkpoints import CorruptObject, Credentials, MisconfiguredStore, StorageConfig, codec, keys
from graphrun_checkpoints.keys import Address, BatchKey, CheckpointKey, ClaimKey, Layout

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


@given(EPOCHS, IDS, st.one_of(st.none(), IDS), st.one_of(st.none(), st.integers(-9, 10**9)), TEXT)
def test_a_checkpoint_key_tells_what_it_was_made_of(
    epoch: int, id_: str, parent: str | None, step: int | None, source: str
) -> None:
    key = LAYOUT.checkpoint(Address("t", "n", epoch, id_), parent=parent, step=step, source=source[:9])
    found = keys.parse(LAYOUT.namespace("t", "n"), key, 7)
    assert found == CheckpointKey(epoch, id_, keys.parent_tag(parent), step, source[:9], key, 7)


@given(EPOCHS, IDS, EPOCHS, st.integers(0, 2**31))
def test_a_batch_key_tells_what_it_was_made_of(epoch: int, id_: str, writer: int, seq: int) -> None:
    key = LAYOUT.batch(Address("t", "", epoch, id_), writer, seq)
    assert keys.parse(LAYOUT.namespace("t", ""), key, 7) == BatchKey(epoch, id_, writer, seq, key, 7)


@given(EPOCHS, EPOCHS, IDS, IDS)
def test_keys_sort_newest_epoch_first_then_newest_id(one: int, other: int, first: str, second: str) -> None:
    place = [Address("t", "", epoch, id_) for epoch, id_ in ((one, first), (other, second))]
    folders = [LAYOUT.folder(each) for each in place]
    assert (folders[0] < folders[1]) == ((one, first) > (other, second))


def test_a_claim_sorts_before_its_epoch_and_unknown_keys_are_passed_over() -> None:
    root = LAYOUT.namespace("t", "")
    claim = LAYOUT.claim("t", 3)
    assert keys.parse(root, claim, 0) == ClaimKey(3)
    assert claim < LAYOUT.folder(Address("t", "", 3, str(uuid6())))
    assert keys.parse(root, f"{root}x", 0) is None
    assert keys.parse(root, f"{LAYOUT.folder(Address('t', '', 3, str(uuid6())))}z.future", 0) is None


def test_the_longest_key_fits_s3() -> None:
    address = Address("t" * 999, "n" * 999, 1, str(uuid6()))
    key = LAYOUT.checkpoint(address, parent=str(uuid6()), step=10**9, source="s" * 300)
    assert len(key) < 1024


def test_time_is_known_of_uuid6_only() -> None:
    assert keys.time_of(str(uuid6())) is not None
    assert keys.time_of("00000000-0000-4000-8000-000000000000") is None


def test_the_same_body_gives_the_same_bytes() -> None:
    body = {"kind": "x", "values": {"a": b"1" * 1000}}
    assert codec.pack(body) == codec.pack(body)
    assert codec.unpack("k", codec.pack(body)) == body
    assert len(codec.pack(body)) < 100


@pytest.mark.parametrize("data", [b"", b"GRCP", b"something else, long enough to hold a header"])
def test_what_is_no_object_of_ours_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptObject, match="not a checkpoint object"):
        codec.unpack("some/key", data)


@given(st.integers(min_value=0))
def test_any_altered_byte_is_noticed(position: int) -> None:
    data = bytearray(codec.pack({"a": "some text that is long enough"}))
    data[6 + position % (len(data) - 6)] ^= 0x10
    with pytest.raises(CorruptObject, match="digest"):
        codec.unpack("k", bytes(data))


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "localhost:9000"},
        {"endpoint": "http://h/path"},
        {"prefix": "/a"},
        {"prefix": "a/"},
        {"threads": 0},
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(MisconfiguredStore, match=next(iter(wrong))):
        StorageConfig(**{"endpoint": "http://127.0.0.1:9000", "bucket": "b", **wrong})


def test_secrets_are_not_shown() -> None:
    config = StorageConfig(
        "http://h:1", "b", credentials=Credentials("access", "hidden-secret", "hidden-token")
    )
    assert "hidden" not in repr(config)
