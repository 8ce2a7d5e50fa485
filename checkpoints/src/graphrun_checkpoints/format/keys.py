"""The layout in the bucket, and nothing but: names to keys and keys back to names.

    <prefix>/v1/<thread>/c/<ns>/<~epoch>/!                    claim of an epoch (root namespace only)
    <prefix>/v1/<thread>/c/<ns>/<~epoch>/x                    tombstone: the thread is being deleted
    <prefix>/v1/<thread>/c/<ns>/<~epoch>/<~id>/a.<seq>        pending writes of checkpoint <id>, stored by <epoch>
    <prefix>/v1/<thread>/c/<ns>/<~epoch>/<~id>/c.<parent tag>.<step>.<source>.<seq>.<run tag>   checkpoint
    <prefix>/v1/<thread>/d/<epoch>.<generation>/<hash>        blob: parts of values, named by their content
    <prefix>/v1/<thread>/d/<epoch>.<generation>/<hash>.<n>    a piece of one that is too large for one object
    <prefix>/v1/<thread>/d/k/<hash>                           a removed object that others still need parts of
    <prefix>/r1/<run>/<thread>                                marker: the run stored something in the thread

`~x` is the fixed-width complement, so the newest epoch and, in it, the newest id come first. "!" sorts before
hex digits and "a." before "c.": one small LIST returns the newest checkpoint with its pending writes.
What follows `<thread>/` is an object's name; objects refer to each other by names, so a copied thread stays whole.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.store import Entry

NO_TAG = "~"
"""In place of a parent tag, step, source or run tag that there is none of."""
ROOT = ""
"""LangGraph's name of the namespace of the outermost graph."""
CHECKPOINTS = "c/"
BLOBS = "d/"
KEPT = "d/k/"
MARKER = "marker"
"""The name that markers of runs are packed under: they lie outside of threads."""

_EPOCH_MAX = 0xFFFFFFFF
_ID_MAX = (1 << 128) - 1
_LONGEST_NAME = 200  # bytes of one path segment; S3 allows 1,024 for the whole key
_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
_UUID6 = 6
_PLAIN = re.compile(rb"[A-Za-z0-9_-]")
_ESCAPED = re.compile(r"=([0-9A-F]{2})")
_RUN_TAG_DIGITS = 12


@dataclass(frozen=True)
class ClaimKey:
    """A claim found in a LIST, or the tombstone of a thread whose deletion has `ended` all epochs before."""

    epoch: int
    entry: Entry
    ended: bool = False


@dataclass(frozen=True)
class BatchKey:
    """Pending writes of checkpoint `id`, stored by the holder of `epoch`."""

    epoch: int
    id: str
    seq: int
    name: str
    entry: Entry


@dataclass(frozen=True)
class CheckpointKey:
    """A checkpoint, as far as its key tells. `seq` orders all that one epoch stored."""

    epoch: int
    id: str
    parent_tag: str
    step: int | None
    source: str
    seq: int
    run_tag: str
    name: str
    entry: Entry


FoundKey = ClaimKey | BatchKey | CheckpointKey


@dataclass(frozen=True)
class Layout:
    """Keys under one prefix."""

    prefix: str

    @property
    def root(self) -> str:
        """All threads."""
        return self._below("v1/")

    def thread(self, thread: str) -> str:
        """All of one thread."""
        return f"{self.root}{encode_name(thread)}/"

    def key(self, thread: str, name: str) -> str:
        """The key of an object of a thread."""
        return self.thread(thread) + name

    def checkpoints(self, thread: str) -> str:
        """All namespaces of one thread."""
        return self.thread(thread) + CHECKPOINTS

    def namespace(self, thread: str, ns: str) -> str:
        """All epochs of one namespace."""
        return self.thread(thread) + namespace_name(encode_namespace(ns))

    def claim(self, thread: str, epoch: int) -> str:
        """The claim of an epoch."""
        return self.key(thread, claim_name(epoch))

    def blobs(self, thread: str) -> str:
        """All blobs of one thread."""
        return self.thread(thread) + BLOBS

    @property
    def runs(self) -> str:
        """Markers of all runs."""
        return self._below("r1/")

    def run(self, run: str) -> str:
        """Markers of all threads in which a run stored something."""
        return f"{self.runs}{encode_name(run)}/"

    def marker(self, run: str, thread: str) -> str:
        """The marker of a run in a thread."""
        return self.run(run) + encode_name(thread)

    def _below(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


@dataclass(frozen=True)
class Address:
    """A checkpoint and who writes: the namespace's segment, the writer's epoch, the id."""

    segment: str
    epoch: int
    id: str


@dataclass(frozen=True)
class Tags:
    """What a checkpoint's key tells about it."""

    parent: str | None
    step: int | None
    source: str | None
    run: str | None


def namespace_name(segment: str) -> str:
    """All of a namespace, by its segment."""
    return f"{CHECKPOINTS}{segment}/"


def claim_name(epoch: int) -> str:
    """The claim of an epoch."""
    return f"{namespace_name(encode_namespace(ROOT))}{_epoch_name(epoch)}/!"


def tombstone_name(epoch: int) -> str:
    """What says that a thread is being deleted: nothing of lower epochs counts."""
    return f"{namespace_name(encode_namespace(ROOT))}{_epoch_name(epoch)}/x"


def batch_name(address: Address, seq: int) -> str:
    """One batch of pending writes."""
    return f"{_folder(address)}a.{seq:08x}"


def checkpoint_name(address: Address, seq: int, tags: Tags) -> str:
    """A checkpoint."""
    step = NO_TAG if tags.step is None else f"{tags.step:+d}"
    source = encode_name(tags.source) if tags.source else NO_TAG
    return f"{_folder(address)}c.{parent_tag(tags.parent)}.{step}.{source}.{seq:08x}.{run_tag(tags.run)}"


def blob_name(epoch: int, generation: int, content: bytes) -> str:
    """A blob by its content."""
    return f"{BLOBS}{epoch:08x}.{generation:x}/{content.hex()}"


def chunk_name(blob: str, number: int) -> str:
    """A piece of a blob that is too large for one object."""
    return f"{blob}.{number:x}"


def blob_of(name: str) -> str:
    """The blob that an object below `d/` is, or is a chunk of."""
    folder, _, leaf = name.rpartition("/")
    return f"{folder}/{leaf.partition('.')[0]}"


def blob_epoch(name: str) -> int | None:
    """The epoch that stored a blob; None for what is kept of a removed object."""
    segment = name.removeprefix(BLOBS).split(".", 1)[0]
    return None if segment.startswith("k/") else int(segment, 16)


def kept_name(name: str) -> str:
    """Where an object lies once it was removed while others need parts of it."""
    return f"{KEPT}{hashlib.sha256(name.encode()).hexdigest()[:32]}"


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


def run_tag(run: str | None) -> str:
    """48 bits of a run's id: enough to pass over nearly all checkpoints of other runs."""
    return (
        NO_TAG
        if run is None
        else hashlib.sha256(run.encode("utf-8", "replace")).hexdigest()[:_RUN_TAG_DIGITS]
    )


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


def parse(thread_prefix: str, entry: Entry) -> tuple[str, FoundKey] | None:
    """The namespace segment of a listed key below `c/` and what it is; None for keys unknown to this version."""
    name = entry.key[len(thread_prefix) :]
    try:
        match name.split("/"):
            case ["c", segment, epoch, "!"]:
                return segment, ClaimKey(_epoch(epoch), entry)
            case ["c", segment, epoch, "x"]:
                return segment, ClaimKey(_epoch(epoch), entry, ended=True)
            case ["c", segment, epoch, id_, leaf]:
                found = _parse_leaf(
                    (_epoch(epoch), str(UUID(int=_ID_MAX - int(id_, 16)))), leaf, (name, entry)
                )
                return (segment, found) if found is not None else None
    except ValueError:
        return None
    return None


def _parse_leaf(place: tuple[int, str], leaf: str, where: tuple[str, Entry]) -> FoundKey | None:
    (epoch, id_), (name, entry) = place, where
    match leaf.split("."):
        case ["a", seq]:
            return BatchKey(epoch, id_, int(seq, 16), name, entry)
        case ["c", tag, step, source, seq, run]:
            number = None if step == NO_TAG else int(step)
            return CheckpointKey(epoch, id_, tag, number, _source(source), int(seq, 16), run, name, entry)
    return None


def _folder(address: Address) -> str:
    return f"{namespace_name(address.segment)}{_epoch_name(address.epoch)}/{_ID_MAX - UUID(address.id).int:032x}/"


def _source(segment: str) -> str:
    return "" if segment == NO_TAG else decode_name(segment) or ""


def _epoch(segment: str) -> int:
    return _EPOCH_MAX - int(segment, 16)


def _epoch_name(epoch: int) -> str:
    return f"{_EPOCH_MAX - epoch:08x}"
