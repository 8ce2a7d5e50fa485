"""The layout in the bucket, and nothing but: names to keys and keys back to names.

    <prefix>/v1/<thread>/c/<ns>/<~epoch>/!                                  claim of an epoch (root namespace only)
    <prefix>/v1/<thread>/c/<ns>/<~epoch>/<~id>/a.<writer epoch>.<seq>       pending writes of checkpoint <id>
    <prefix>/v1/<thread>/c/<ns>/<~epoch>/<~id>/c.<parent tag>.<step>.<source>   checkpoint

`~x` is the fixed-width complement, so the newest epoch and, in it, the newest id come first. "!" sorts before
hex digits and "a." before "c.": one small LIST returns the newest checkpoint with its pending writes.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from graphrun_checkpoints.errors import InvalidCheckpoint

NO_TAG = "~"
"""In place of a parent tag, step or source that there is none of."""
ROOT = ""
"""LangGraph's name of the namespace of the outermost graph."""

_EPOCH_MAX = 0xFFFFFFFF
_ID_MAX = (1 << 128) - 1
_LONGEST_NAME = 200  # bytes of one path segment; S3 allows 1,024 for the whole key
_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
_UUID6 = 6
_PLAIN = re.compile(rb"[A-Za-z0-9_-]")
_ESCAPED = re.compile(r"=([0-9A-F]{2})")


@dataclass(frozen=True)
class ClaimKey:
    """A claim found in a LIST."""

    epoch: int


@dataclass(frozen=True)
class BatchKey:
    """Pending writes of checkpoint `id`, which lies under `epoch`, stored by epoch `writer`."""

    epoch: int
    id: str
    writer: int
    seq: int
    key: str
    size: int


@dataclass(frozen=True)
class CheckpointKey:
    """A checkpoint, as far as its key tells."""

    epoch: int
    id: str
    parent_tag: str
    step: int | None
    source: str
    key: str
    size: int


FoundKey = ClaimKey | BatchKey | CheckpointKey


@dataclass(frozen=True)
class Layout:
    """Keys under one prefix."""

    prefix: str

    @property
    def root(self) -> str:
        """All threads."""
        return f"{self.prefix}/v1/" if self.prefix else "v1/"

    def thread(self, thread: str) -> str:
        """All of one thread."""
        return f"{self.root}{encode_name(thread)}/"

    def checkpoints(self, thread: str) -> str:
        """All namespaces of one thread."""
        return f"{self.thread(thread)}c/"

    def namespace(self, thread: str, ns: str) -> str:
        """All epochs of one namespace."""
        return f"{self.checkpoints(thread)}{encode_namespace(ns)}/"

    def claim(self, thread: str, epoch: int) -> str:
        """The claim of an epoch."""
        return f"{self.namespace(thread, ROOT)}{_epoch_name(epoch)}/!"

    def folder(self, address: "Address") -> str:
        """A checkpoint and the writes pending on it."""
        place = self.namespace(address.thread, address.ns)
        return f"{place}{_epoch_name(address.epoch)}/{_id_name(address.id)}/"

    def batch(self, address: "Address", writer: int, seq: int) -> str:
        """One batch of pending writes."""
        return f"{self.folder(address)}a.{writer:08x}.{seq:08x}"

    def checkpoint(
        self, address: "Address", *, parent: str | None, step: int | None, source: str | None
    ) -> str:
        """A checkpoint."""
        step_name = NO_TAG if step is None else f"{step:+d}"
        source_name = encode_name(source) if source else NO_TAG
        return f"{self.folder(address)}c.{parent_tag(parent)}.{step_name}.{source_name}"


@dataclass(frozen=True)
class Address:
    """Where a checkpoint lies."""

    thread: str
    ns: str
    epoch: int
    id: str


def encode_name(name: str) -> str:
    """A name of any characters as one path segment; reversible unless it is long.

    "=" takes the part of "%", which clients, servers and proxies unquote on their own; "." is escaped so that
    no segment is "." or "..".

    Raises:
        InvalidCheckpoint: The name has lone surrogates, which no store and no serializer takes.
    """
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidCheckpoint(f"the name {name!r} is not text: it has lone surrogates") from None
    text = "".join(chr(byte) if _PLAIN.match(bytes([byte])) else f"={byte:02X}" for byte in raw)
    if not text:
        return "~"
    if len(text) > _LONGEST_NAME:
        return f"~~{hashlib.sha256(raw).hexdigest()[:40]}"
    return text


def decode_name(segment: str) -> str | None:
    """The name behind a segment; None where only its hash was kept."""
    if segment.startswith("~~"):
        return None
    if segment == "~":
        return ""
    raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), segment)
    return raw.encode("latin-1").decode("utf-8")


def encode_namespace(ns: str) -> str:
    """`_` for the root, else "~" and the encoded name, so that the root always comes first."""
    return "_" if ns == ROOT else f"~{encode_name(ns)}"


def decode_namespace(segment: str) -> str | None:
    """The namespace behind a segment; None where only its hash was kept."""
    return ROOT if segment == "_" else decode_name(segment[1:])


def parent_tag(parent: str | None) -> str:
    """48 random bits of a parent's id: enough to find the children of a checkpoint among keys."""
    return UUID(parent).hex[-12:] if parent else NO_TAG


def checkpoint_id(text: str) -> str:
    """The canonical form of a checkpoint id.

    Raises:
        InvalidCheckpoint: The id is not a UUID.
    """
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidCheckpoint(f"checkpoint id {text!r} is not a UUID; leave the ids to LangGraph") from None


def time_of(id_: str) -> datetime | None:
    """When a checkpoint was made, from its UUIDv6; None for other ids."""
    ticks = ticks_of(id_)
    return None if ticks is None else _UUID_EPOCH + timedelta(microseconds=ticks // 10)


def ticks_of(id_: str) -> int | None:
    """The timestamp in a UUIDv6: steps of 100 ns since 1582; None for other ids."""
    value = UUID(id_)
    if value.version != _UUID6:
        return None
    return (value.time_low << 28) | (value.time_mid << 12) | (value.time_hi_version & 0x0FFF)


def segment_after(prefix: str, key: str) -> str:
    """The first path segment of a key below a prefix."""
    return key[len(prefix) :].split("/", 1)[0]


def parse(namespace_prefix: str, key: str, size: int) -> FoundKey | None:
    """What a listed key of a namespace is; None for keys that this version does not know."""
    match key[len(namespace_prefix) :].split("/"):
        case [epoch, "!"]:
            return ClaimKey(_epoch(epoch))
        case [epoch, id_, name]:
            return _parse_object(_epoch(epoch), str(UUID(int=_ID_MAX - int(id_, 16))), name, (key, size))
    return None


def _parse_object(epoch: int, id_: str, name: str, entry: tuple[str, int]) -> FoundKey | None:
    key, size = entry
    match name.split("."):
        case ["a", writer, seq]:
            return BatchKey(epoch, id_, int(writer, 16), int(seq, 16), key, size)
        case ["c", tag, step, source]:
            return CheckpointKey(
                epoch, id_, tag, None if step == NO_TAG else int(step), _source(source), key, size
            )
    return None


def _source(segment: str) -> str:
    return "" if segment == NO_TAG else decode_name(segment) or ""


def _epoch(segment: str) -> int:
    return _EPOCH_MAX - int(segment, 16)


def _epoch_name(epoch: int) -> str:
    return f"{_EPOCH_MAX - epoch:08x}"


def _id_name(id_: str) -> str:
    return f"{_ID_MAX - UUID(id_).int:032x}"
