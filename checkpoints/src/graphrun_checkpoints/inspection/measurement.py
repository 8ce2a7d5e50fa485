"""What a thread's checkpoints cost: objects and bytes by kind and by channel, and what sharing and compression save."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import ormsgpack

from graphrun_checkpoints.contents import StoredKey
from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format import bodies, keys
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey
from graphrun_checkpoints.format.parts import Part, Place, Run
from graphrun_checkpoints.inspection.listed import Listed, is_chunk, list_all, state_of, unpacked, windows
from graphrun_checkpoints.judging import Judge
from graphrun_checkpoints.objects import Objects

OTHER = "(other)"
"""In place of a channel: metadata, ids, tables, claims, and parts that nothing refers to."""
KINDS = ("checkpoints", "batches", "blobs", "kept", "claims", "stray", "unknown")
"""Stray are checkpoints and batches that do not count; kept are objects removed but for their parts."""


@dataclass(frozen=True)
class Amount:
    """How many objects, and their bytes as stored."""

    objects: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.bytes + other.bytes)


@dataclass(frozen=True)
class ChannelSize:
    """One channel.

    Attributes:
        raw_bytes: Serialised, in the newest checkpoint of the root namespace; of a DeltaChannel, its log.
        stored_bytes: Its share of everything stored, history and writes included. An object's bytes are shared out
            by the raw size of what is in it; what several channels share counts for the first by name.
    """

    channel: str
    raw_bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class ThreadSize:
    """One thread, or several together.

    Attributes:
        kinds: Amounts, by the names in KINDS.
        channels: The largest first.
        state_bytes: The serialised state of each checkpoint that counts, added up as if each were stored whole.
        raw_bytes: All objects before compression and encryption.
        stored_bytes: All objects as stored.
    """

    thread: str
    kinds: Mapping[str, Amount]
    channels: tuple[ChannelSize, ...]
    state_bytes: int
    raw_bytes: int
    stored_bytes: int

    @property
    def dedupe(self) -> float | None:
        """How often larger storage were without sharing: state bytes ÷ raw bytes. None of an empty thread."""
        return self.state_bytes / self.raw_bytes if self.raw_bytes else None

    @property
    def compression(self) -> float | None:
        """How often larger storage were without compression: raw bytes ÷ stored bytes. None of an empty thread."""
        return self.raw_bytes / self.stored_bytes if self.stored_bytes else None


def together(sizes: Iterable[ThreadSize], thread: str) -> ThreadSize:
    """Several threads as one, without channels."""
    each = list(sizes)
    return ThreadSize(
        thread,
        {kind: sum((size.kinds[kind] for size in each), Amount()) for kind in KINDS},
        (),
        sum(size.state_bytes for size in each),
        sum(size.raw_bytes for size in each),
        sum(size.stored_bytes for size in each),
    )


@dataclass
class _Holder:
    """An object with parts. `ends[n]` are the raw bytes of its first n parts."""

    ends: list[int]
    raw: int
    stored: int
    chunks: tuple[str, ...] = ()

    def bytes_of(self, run: Run) -> int:
        return self.ends[run.start + run.count] - self.ends[run.start]


@dataclass
class Measurement:
    """One look at one thread; use it once.

    Attributes:
        objects: Where the thread is; its layout takes segments.
        segment: The thread's.
    """

    objects: Objects
    segment: str
    _kinds: Counter[str] = field(default_factory=Counter)
    _bytes: Counter[str] = field(default_factory=Counter)
    _holders: dict[str, _Holder] = field(default_factory=dict)
    _chunks: dict[str, _Holder] = field(default_factory=dict)
    _states: Counter[tuple[str, Run]] = field(default_factory=Counter)
    """By channel and run, in how many states."""
    _writes: set[tuple[str, Run]] = field(default_factory=set)
    _newest_name: str = ""
    _newest: dict[str, list[Place]] = field(default_factory=dict)
    _raw: int = 0
    _stored: int = 0

    async def run(self, thread: str) -> ThreadSize:
        """Read everything and add it up.

        Raises:
            CorruptObject: Something is damaged or missing.
            MisconfiguredStore: Something is encrypted with a key that was not given.
        """
        listed = await list_all(self.objects, self.segment)
        judge = Judge(self.objects, self.segment)
        for window in windows((each, each[1].entry.size) for each in listed.stored):
            counting = [await judge.counts(*each) for each in window]
            self._note_newest(each for each, counts in zip(window, counting, strict=True) if counts)
            await asyncio.gather(
                *(
                    self._read_stored(key, counts=counts)
                    for (_, key), counts in zip(window, counting, strict=True)
                )
            )
        await self._read_others(listed)
        self._join_chunks()
        for entry in listed.unknown:
            self._add("unknown", entry.size)
        return ThreadSize(
            thread,
            {kind: Amount(self._kinds[kind], self._bytes[kind]) for kind in KINDS},
            tuple(self._channels(sum(self._bytes.values()))),
            sum(self._holder(run).bytes_of(run) * times for (_, run), times in self._states.items()),
            self._raw,
            self._stored,
        )

    # ---------------------------------------------------------------- reading

    async def _read_stored(self, stored: StoredKey, *, counts: bool) -> None:
        key, name = stored.entry.key, stored.name
        opened = await self._open(key, name)
        if opened is None:
            return
        body, raw, size = opened
        if isinstance(stored, BatchKey):
            kind = "batches"
            batch = bodies.read_batch(key, name, body)
            pack, writes = batch.pack, batch.writes
        else:
            kind = "checkpoints"
            checkpoint = bodies.read_checkpoint(key, name, body)
            pack, writes = checkpoint.pack, checkpoint.folded
            if counts:
                state = state_of(checkpoint)
                self._states.update((channel, run) for channel, runs in _runs(state) for run in runs)
                if name == self._newest_name:
                    self._newest = state
        self._add(kind if counts else "stray", size)
        self._holders[name] = _Holder(_ends(pack), raw, size)
        if counts:
            self._writes |= {
                (each.channel, run)
                for call in writes.tasks
                for each in call.writes
                for run in each.place.runs
            }

    async def _read_others(self, listed: Listed) -> None:
        """Claims for their size alone, blobs, and what is kept, whose own names only those know that need them."""
        needed = {run.holder for _, run in (*self._states, *self._writes)}
        kept = {keys.kept_name(name): name for name in needed}
        prefix = self.objects.layout.thread(self.segment)
        sized = [(key.entry.key.removeprefix(prefix), key.entry.size) for key in listed.claims]
        sized += [(name, entry.size) for name, entry in listed.blobs.items()]
        for window in windows((each, each[1]) for each in sized):
            await asyncio.gather(*(self._read_other(name, size, kept) for name, size in window))

    async def _read_other(self, name: str, size: int, kept: dict[str, str]) -> None:
        if not name.startswith(keys.BLOBS):
            self._add("claims", size)
            await self._open(self.objects.layout.key(self.segment, name), name)
            return
        is_kept = name.startswith(keys.KEPT)
        self._add("kept" if is_kept else "blobs", size)
        own = kept.get(name) if is_kept else name
        key = self.objects.layout.key(self.segment, name)
        opened = await self._open(key, own) if own is not None else None
        if opened is None or own is None:
            return
        body, raw, stored = opened
        if is_chunk(own):
            self._chunks[own] = _Holder([0, len(bodies.read_chunk(key, body))], raw, stored)
        elif own not in self._holders:
            pack, chunks = bodies.read_pack(key, body)
            self._holders[own] = _Holder(_ends(pack), raw, stored, chunks)

    async def _open(self, key: str, name: str) -> tuple[dict[str, object], int, int] | None:
        """A body, its size before compression, and as stored; None if it was removed since it was listed."""
        data = await self.objects.store.get(key)
        if data is None:
            return None
        body = await unpacked(self.objects, key, name, data)
        raw = len(await asyncio.to_thread(ormsgpack.packb, body, option=ormsgpack.OPT_NON_STR_KEYS))
        self._raw += raw
        self._stored += len(data)
        return body, raw, len(data)

    # ---------------------------------------------------------------- adding up

    def _note_newest(self, counting: Iterable[tuple[str, StoredKey]]) -> None:
        for segment, key in counting:
            if (
                not self._newest_name
                and segment == keys.encode_namespace(keys.ROOT)
                and isinstance(key, CheckpointKey)
            ):
                self._newest_name = key.name

    def _add(self, kind: str, size: int) -> None:
        self._kinds[kind] += 1
        self._bytes[kind] += size

    def _join_chunks(self) -> None:
        """The bytes of a blob's only part are in its chunks."""
        for holder in self._holders.values():
            pieces = [self._chunks[name] for name in holder.chunks if name in self._chunks]
            if pieces:
                holder.ends = [0, sum(piece.ends[1] for piece in pieces)]
                holder.raw += sum(piece.raw for piece in pieces)
                holder.stored += sum(piece.stored for piece in pieces)

    def _channels(self, total: int) -> list[ChannelSize]:
        raw = {
            channel: sum(self._holder(run).bytes_of(run) for run in runs)
            for channel, runs in _runs(self._newest)
        }
        stored = {channel: round(size) for channel, size in self._shares().items()}
        names = raw.keys() | stored.keys()
        found = [ChannelSize(name, raw.get(name, 0), stored.get(name, 0)) for name in names]
        found.append(ChannelSize(OTHER, 0, total - sum(stored.values())))
        return sorted(found, key=lambda each: (-each.stored_bytes, each.channel))

    def _shares(self) -> Mapping[str, float]:
        shares: defaultdict[str, float] = defaultdict(float)
        taken: dict[str, bytearray] = {}
        for channel, run in [*sorted(self._states, key=_order), *sorted(self._writes, key=_order)]:
            holder = self._holder(run)
            marks = taken.setdefault(run.holder, bytearray(len(holder.ends) - 1))
            for at in range(run.start, run.start + run.count):
                if not marks[at]:
                    marks[at] = 1
                    shares[channel] += holder.stored * (holder.ends[at + 1] - holder.ends[at]) / holder.raw
        return shares

    def _holder(self, run: Run) -> _Holder:
        holder = self._holders.get(run.holder)
        if holder is None or run.start + run.count >= len(holder.ends):
            key = self.objects.layout.key(self.segment, run.holder)
            raise CorruptObject(f"{key} is missing or has fewer parts than others need; `verify` tells more")
        return holder


def _ends(pack: Iterable[Part]) -> list[int]:
    return [0, *accumulate(len(part.data) for part in pack)]


def _runs(state: Mapping[str, list[Place]]) -> list[tuple[str, list[Run]]]:
    return [(channel, [run for place in places for run in place.runs]) for channel, places in state.items()]


def _order(reference: tuple[str, Run]) -> tuple[str, str, int]:
    channel, run = reference
    return channel, run.holder, run.start
