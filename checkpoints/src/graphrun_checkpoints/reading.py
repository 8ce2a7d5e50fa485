"""Finding checkpoints and the writes pending on them. Reads never claim anything.

What a superseded process stored after its successor's claim is passed over everywhere.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphrun_checkpoints.errors import CheckpointError, CorruptObject
from graphrun_checkpoints.fencing import Lease
from graphrun_checkpoints.format import bodies, keys, values
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey, ClaimKey
from graphrun_checkpoints.format.parts import Packs, Place, Value, holders_of, parts_at
from graphrun_checkpoints.format.writes import (
    Batch,
    MergedWrite,
    PlacedBatch,
    PlacedWrite,
    TaskWrites,
    Write,
    merge,
)
from graphrun_checkpoints.judging import Judge
from graphrun_checkpoints.objects import Named, Objects
from graphrun_checkpoints.placing import KnownLog, Manifest, known

_SMALL_PAGE = 16
"""Keys that hold the newest checkpoint and its pending writes, nearly always."""


@dataclass(frozen=True)
class Found:
    """A checkpoint among the keys: itself, the batches pending on it, its children (their writes led on).

    Attributes:
        newest: The thread's newest epoch.
    """

    thread: str
    segment: str
    newest: int
    checkpoint: CheckpointKey
    batches: tuple[BatchKey, ...] = ()
    children: tuple[CheckpointKey, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A checkpoint with everything that LangGraph wants to know about it."""

    thread: str
    name: str
    checkpoint: bodies.StoredCheckpoint
    values: dict[str, Value]
    batches: list[Batch]

    @property
    def pending(self) -> list[MergedWrite]:
        """The writes on it, in LangGraph's order."""
        return merge(self.batches)


class Reading:
    """Lookups in one store.

    Args:
        objects: Where to look.
        held: The claim that this process holds on a thread, if it does.
    """

    def __init__(self, objects: Objects, held: Callable[[str], Lease | None] = lambda _: None) -> None:
        self._objects = objects
        self._layout = objects.layout
        self._held = held

    # ---------------------------------------------------------------- which there are

    async def newest(self, thread: str, ns: str) -> Found | None:
        """The newest checkpoint of a namespace: newest epoch first, then newest id."""
        judge = self._judge(thread, keys.encode_namespace(ns))
        batches: list[BatchKey] = []
        prefix = self._layout.namespace(thread, ns)
        async for segment, key in self._objects.found(thread, prefix, first_page=_SMALL_PAGE):
            if isinstance(key, ClaimKey):
                judge.saw(key)
            elif not await judge.counts(segment, key):
                continue
            elif isinstance(key, BatchKey):
                batches.append(key)
            else:
                pending = tuple(each for each in batches if each.id == key.id)
                return Found(thread, segment, await judge.newest(), key, pending)
        return None

    async def every(self, thread: str, segment: str) -> list[Found]:
        """All checkpoints of a namespace, newest first: one LIST per 1,000 keys and no GET but of claims."""
        judge = self._judge(thread, segment)
        batches: dict[str, list[BatchKey]] = {}
        children: dict[str, list[CheckpointKey]] = {}
        found: list[CheckpointKey] = []
        ids: set[str] = set()  # one put again by a later epoch has two objects: the newer counts
        prefix = self._layout.thread(thread) + keys.namespace_name(segment)
        async for _, key in self._objects.found(thread, prefix):
            if isinstance(key, ClaimKey):
                judge.saw(key)
            elif not await judge.counts(segment, key):
                continue
            elif isinstance(key, BatchKey):
                batches.setdefault(key.id, []).append(key)
            elif key.id not in ids:
                ids.add(key.id)
                found.append(key)
                children.setdefault(key.parent_tag, []).append(key)
        newest = await judge.newest() if found else 0
        return [
            Found(
                thread,
                segment,
                newest,
                key,
                tuple(batches.get(key.id, ())),
                tuple(children.get(keys.parent_tag(key.id), ())),
            )
            for key in found
        ]

    async def one(self, thread: str, ns: str, id_: str) -> Found | None:
        """A checkpoint by its id."""
        everything = await self.every(thread, keys.encode_namespace(ns))
        return next((each for each in everything if each.checkpoint.id == id_), None)

    async def threads(self) -> list[str]:
        """The names of all threads; those kept as a hash have their name in the claim."""
        names: list[str] = []
        async for segment in self._objects.segments(self._layout.root):
            name = keys.decode_name(segment)
            names.append(name if name is not None else await self._claimed_name(segment))
        return names

    async def segments(self, thread: str) -> list[str]:
        """The namespaces of a thread as they are in keys."""
        return [each async for each in self._objects.segments(self._layout.checkpoints(thread))]

    # ---------------------------------------------------------------- what is in them

    async def all_by_id(self, thread: str, ns: str) -> dict[str, Found]:
        """All checkpoints of a namespace."""
        return {each.checkpoint.id: each for each in await self.every(thread, keys.encode_namespace(ns))}

    async def load(self, found: Found, *, with_logs: bool = False) -> Loaded:
        """Read a found checkpoint and its pending writes: first all objects, then all parts of theirs.

        With logs, their parts are read too, to be at hand when LangGraph asks for them next.
        """
        thread, key = found.thread, found.checkpoint
        own, *others = await asyncio.gather(
            self.checkpoint(thread, key.name),
            *(self._batch(thread, each.name) for each in found.batches),
            *(self._folded(thread, each.name, key.id) for each in found.children),
        )
        if not isinstance(own, bodies.StoredCheckpoint):
            raise CheckpointError(f"{key.entry.key} was deleted while it was read")
        placed = [each for each in others if isinstance(each, PlacedBatch)]
        places = [*own.values.values(), *(place for each in placed for place in each.places)]
        logs = own.log_places if with_logs else []
        packs = await self._objects.packs(thread, holders_of([*places, *logs]))
        values = {channel: self._value(thread, place, packs) for channel, place in own.values.items()}
        return Loaded(thread, key.name, own, values, [self._resolved(thread, each, packs) for each in placed])

    async def load_all(self, found: Sequence[Found]) -> list[Loaded]:
        """Several at once."""
        return list(await asyncio.gather(*(self.load(each) for each in found)))

    async def values_at(self, thread: str, places: Sequence[Place]) -> list[Value]:
        """The values that lie in some places."""
        packs = await self._objects.packs(thread, holders_of(places))
        return [self._value(thread, place, packs) for place in places]

    async def manifest(self, thread: str, stored: bodies.StoredCheckpoint) -> Manifest:
        """All that a child of a stored checkpoint needs to know of it, to be stored as a difference."""
        packs = await self._objects.packs(thread, holders_of([*stored.values.values(), *stored.log_places]))
        return await asyncio.to_thread(self._manifest, thread, stored, packs)

    async def checkpoint(self, thread: str, name: str) -> bodies.StoredCheckpoint | None:
        """A checkpoint by its object's name; its own parts are at hand afterwards."""
        at = Named(thread, name)
        body = await self._objects.read(at)
        if body is None:
            return None
        stored = bodies.read_checkpoint(self._layout.key(thread, name), name, body)
        self._objects.remember_pack(at, stored.pack)
        return stored

    def _judge(self, thread: str, segment: str) -> Judge:
        """Who decides what counts.

        In a subgraph's namespace, a holder that asked for its claim takes it to be the newest, which saves a request
        each time that a subgraph starts: if it is not, the holder is about to be stopped.
        """
        lease = self._held(thread)
        if lease is None:
            return Judge(self._objects, thread)
        is_root = segment == keys.encode_namespace(keys.ROOT)
        newest = lease.epoch if lease.asked and not is_root else None
        return Judge(self._objects, thread, lease.claim, newest)

    async def _batch(self, thread: str, name: str) -> PlacedBatch | None:
        at = Named(thread, name)
        body = await self._objects.read(at)
        if body is None:
            return None
        stored = bodies.read_batch(self._layout.key(thread, name), name, body)
        self._objects.remember_pack(at, stored.pack)
        return stored.writes

    async def _folded(self, thread: str, name: str, parent: str) -> PlacedBatch | None:
        """The writes that a child brought along, if it is a child indeed: tags are only part of an id."""
        child = await self.checkpoint(thread, name)
        return child.folded if child is not None and child.parent == parent else None

    def _manifest(self, thread: str, stored: bodies.StoredCheckpoint, packs: Packs) -> Manifest:
        def resolved(place: Place) -> Value:
            return self._value(thread, place, packs)

        return Manifest(
            stored.parent is None,
            stored.versions,
            {channel: known(resolved(place), place.runs) for channel, place in stored.values.items()},
            {
                channel: KnownLog(
                    known(resolved(log.seed), log.seed.runs) if log.seed is not None else None,
                    known(resolved(Place("l", log.steps)), log.steps),
                )
                for channel, log in stored.logs.items()
            },
        )

    def _resolved(self, thread: str, batch: PlacedBatch, packs: Packs) -> Batch:
        return Batch(
            batch.writer,
            batch.seq,
            tuple(
                TaskWrites(
                    call.task,
                    call.path,
                    tuple(
                        Write(each.channel, each.idx, self._written(thread, (call.task, each), packs))
                        for each in call.writes
                    ),
                )
                for call in batch.tasks
            ),
        )

    def _written(self, thread: str, write: tuple[str, PlacedWrite], packs: Packs) -> Value:
        """What a task wrote, from its own parts or from the log that has it."""
        task, placed = write
        value = self._value(thread, placed.place, packs)
        if value.kind != "w":
            return value
        try:
            return values.write_in_step(value.parts[0], task, placed.idx)
        except LookupError as error:
            holder = placed.place.runs[0].holder
            raise CorruptObject(
                f"{self._layout.key(thread, holder)} lacks a write that others need"
            ) from error

    def _value(self, thread: str, place: Place, packs: Packs) -> Value:
        try:
            return Value(place.kind, parts_at(place.runs, packs))
        except IndexError as error:
            raise CorruptObject(
                f"{self._layout.key(thread, str(error))} has fewer parts than others need"
            ) from error

    async def _claimed_name(self, segment: str) -> str:
        """The name of a thread that is kept as a hash in keys, from its newest claim."""
        prefix = f"{self._layout.root}{segment}/"
        async for entry in self._objects.keys(f"{prefix}{keys.namespace_name('_')}", first_page=1):
            parsed = keys.parse(prefix, entry)
            if parsed is None or not isinstance(parsed[1], ClaimKey):
                continue
            data = await self._objects.store.get(entry.key)
            if data is not None:
                name = keys.claim_name(parsed[1].epoch)
                return bodies.read_claim(entry.key, self._objects.codec.unpack(entry.key, name, data)).thread
        raise CheckpointError(
            f"thread {segment} has no claim and a name too long for a key; ask for it by name"
        )
