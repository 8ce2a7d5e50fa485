"""The form of one object: damage is noticed, wherever it is; encryption hides content and names."""

import hashlib
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_checkpoints import CorruptObject, Encryption, MisconfiguredStore, UnsupportedFormat
from graphrun_checkpoints.format.codec import Codec, check
from graphrun_checkpoints.format.dictionary import SHARED_WORDS

KEYS = {"k1": bytes(range(32)), "k2": os.urandom(32)}
BODY: dict[Any, Any] = {"kind": "x", "values": {"a": b"1" * 1000}, 3: [None, 1.5, True]}
CODECS = [Codec(), Codec(Encryption(KEYS, "k1"))]
codecs = pytest.mark.parametrize("codec", CODECS, ids=["clear", "encrypted"])


@codecs
def test_a_body_comes_back(codec: Codec) -> None:
    data = codec.pack("c/x", BODY)
    assert codec.unpack("k", "c/x", data) == BODY
    assert len(data) < 150
    check("k", "c/x", data)


def test_the_same_body_gives_the_same_bytes_in_clear_and_others_encrypted() -> None:
    clear, encrypted = CODECS
    assert clear.pack("n", BODY) == clear.pack("n", BODY)
    assert encrypted.pack("n", BODY) != encrypted.pack("n", BODY)


@codecs
@pytest.mark.parametrize("data", [b"", b"GRCP", b"something else, long enough to hold a header"])
def test_what_is_no_object_of_ours_is_corrupt(codec: Codec, data: bytes) -> None:
    with pytest.raises(CorruptObject, match="some/key is not a checkpoint object"):
        codec.unpack("some/key", "n", data)


@codecs
@given(st.integers(min_value=0), st.integers(0, 7))
def test_any_flipped_bit_is_noticed_and_the_key_named(codec: Codec, position: int, bit: int) -> None:
    data = bytearray(codec.pack("n", {"a": "some text that is long enough"}))
    data[position % len(data)] ^= 1 << bit
    with pytest.raises((CorruptObject, UnsupportedFormat), match="the/key"):
        codec.unpack("the/key", "n", bytes(data))


@codecs
@given(st.integers(min_value=0))
def test_any_cut_is_noticed(codec: Codec, length: int) -> None:
    data = codec.pack("n", {"a": "some text that is long enough"})
    with pytest.raises(CorruptObject, match="the/key"):
        codec.unpack("the/key", "n", data[: length % len(data)])


@codecs
def test_an_object_under_another_name_is_refused(codec: Codec) -> None:
    with pytest.raises(CorruptObject, match="digest"):
        codec.unpack("the/key", "c/other", codec.pack("c/this", BODY))


@codecs
def test_a_newer_format_is_refused_with_its_version(codec: Codec) -> None:
    data = bytearray(codec.pack("n", BODY))
    data[4] = 9
    with pytest.raises(UnsupportedFormat, match="the/key has format version 9"):
        codec.unpack("the/key", "n", bytes(data))


def test_nothing_of_the_content_is_stored_in_clear() -> None:
    data = CODECS[1].pack("n", {"a": b"\x00secret words\xff" + os.urandom(64)})
    assert b"secret" not in data
    assert b"secret" in CODECS[0].pack("n", {"a": b"\x00secret words\xff" + os.urandom(64)})


def test_keys_are_rotated_and_old_objects_stay_readable() -> None:
    old = CODECS[1].pack("n", BODY)
    both = Codec(Encryption(KEYS, "k2"))
    assert both.unpack("k", "n", old) == BODY
    new = both.pack("n", BODY)
    only_old = Codec(Encryption({"k1": KEYS["k1"]}, "k1"))
    with pytest.raises(MisconfiguredStore, match="the/key is encrypted with key 'k2'"):
        only_old.unpack("the/key", "n", new)
    with pytest.raises(MisconfiguredStore, match="k1"):
        Codec().unpack("the/key", "n", old)
    check("k", "n", new)


def test_another_key_of_the_same_id_is_told_from_damage_elsewhere() -> None:
    impostor = Codec(Encryption({"k1": bytes(32)}, "k1"))
    with pytest.raises(CorruptObject, match="does not open with key 'k1'"):
        impostor.unpack("the/key", "n", CODECS[1].pack("n", BODY))


def test_objects_stored_in_clear_are_read_when_encryption_is_switched_on() -> None:
    assert CODECS[1].unpack("k", "n", CODECS[0].pack("n", BODY)) == BODY


def test_blob_names_do_not_tell_what_is_stored() -> None:
    clear, encrypted = CODECS
    digest = b"d" * 16
    assert clear.blob_name(digest) == digest
    assert encrypted.blob_name(digest) != digest
    assert encrypted.blob_name(digest) == encrypted.blob_name(digest)
    assert encrypted.blob_name(digest) != Codec(Encryption(KEYS, "k2")).blob_name(digest)


@pytest.mark.parametrize(
    ("keys", "current", "message"),
    [
        ({"a": b"short"}, "a", "has 5 bytes"),
        ({"": bytes(32)}, "", "characters"),
        ({"ä": bytes(32)}, "ä", "ASCII"),
        ({"a": bytes(32)}, "b", "'b' is not among"),
    ],
)
def test_keys_that_cannot_work_are_refused(keys: dict[str, bytes], current: str, message: str) -> None:
    with pytest.raises(MisconfiguredStore, match=message):
        Encryption(keys, current)


def test_keys_are_read_from_json_and_never_shown() -> None:
    text = '{"current": "a", "keys": {"a": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}'
    assert Encryption.from_json(text) == Encryption({"a": bytes(range(32))}, "a")
    assert "AAEC" not in repr(Encryption.from_json(text))
    assert str(bytes(range(32))) not in repr(Encryption.from_json(text))
    for wrong in ("", "[]", '{"keys": {}}', '{"current": "a", "keys": {"a": "no base64!"}}'):
        with pytest.raises(MisconfiguredStore, match="must be JSON"):
            Encryption.from_json(wrong)


def test_the_shared_words_never_change_and_make_small_objects_smaller() -> None:
    assert (
        hashlib.sha256(SHARED_WORDS).hexdigest()
        == "5db404f3bd754c219e0bdc03aadede39b6fb70f31801ca70a57404e0b16bbbf3"
    )
    small = {"kind": "checkpoint", "versions": {"__start__": 2, "messages": 3}, "values": {}, "folded": []}
    data = Codec().pack("n", small)
    assert data[5] == 2
    assert len(data) < 90
    assert Codec().unpack("k", "n", data) == small
    large = Codec().pack("n", {"kind": "blob", "pack": [["bytes", os.urandom(100_000)]]})
    assert large[5] == 0
