"""Finding checkpoints and the writes pending on them. Reads never claim anything.

What a superseded process stored after its successor's claim is passed over everywhere.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from graphrun_checkpoints import bodies, keys, seals
from graphrun_checkpoints.errors import CheckpointError
from graphrun_checkpoints.fencing import Fencing
from graphrun_checkpoints.keys import BatchKey, CheckpointKey, ClaimKey, FoundKey
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.writes import Batch, MergedWrite, merge

_SMALL_PAGE = 16
"""Keys that hold the newest checkpoint and its pending writes, nearly always."""


@dataclass(frozen=True)
class Found:
    """A checkpoint among the keys: itself, the batches pending on it, its children (their writes led on)."""

    thread: str
    segment: str
    checkpoint: CheckpointKey
    batches: tuple[BatchKey, ...] = ()
    children: tuple[CheckpointKey, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A checkpoint with everything that LangGraph wants to know about it."""

    thread: str
    epoch: int
    checkpoint: bodies.StoredCheckpoint
    pending: list[MergedWrite]


class Reading:
    """Lookups in one store."""

    def __init__(self, objects: Objects, fencing: Fencing) -> None:
        self._objects = objects
        self._layout = fencing.layout
        self._fencing = fencing

    async def newest(self, thread: str, ns: str) -> Found | None:
        """The newest checkpoint of a namespace: newest epoch first, then newest id."""
        judge = _Judge(self, thread)
        batches: list[BatchKey] = []
        async for segment, key in self._keys(thread, keys.encode_namespace(ns), first_page=_SMALL_PAGE):
            if isinstance(key, ClaimKey):
                judge.highest = max(judge.highest or 0, key.epoch)
            elif not await judge.counts(segment, key):
                continue
            elif isinstance(key, BatchKey):
                batches.append(key)
            else:
                pending = tuple(each for each in batches if each.id == key.id and each.epoch == key.epoch)
                return Found(thread, segment, key, pending)
        return None

    async def every(self, thread: str, segment: str) -> list[Found]:
        """All checkpoints of a namespace, newest first: one LIST per 1,000 keys and no GET but of claims."""
        judge = _Judge(self, thread)
        batches: dict[tuple[int, str], list[BatchKey]] = {}
        children: dict[str, list[CheckpointKey]] = {}
        found: list[CheckpointKey] = []
        async for _, key in self._keys(thread, segment):
            if isinstance(key, ClaimKey):
                judge.highest = max(judge.highest or 0, key.epoch)
            elif not await judge.counts(segment, key):
                continue
            elif isinstance(key, BatchKey):
                batches.setdefault((key.epoch, key.id), []).append(key)
            else:
                found.append(key)
                children.setdefault(key.parent_tag, []).append(key)
        return [
            Found(
                thread,
                segment,
                key,
                tuple(batches.get((key.epoch, key.id), ())),
                tuple(children.get(keys.parent_tag(key.id), ())),
            )
            for key in found
        ]

    async def one(self, thread: str, ns: str, id_: str) -> Found | None:
        """A checkpoint by its id."""
        everything = await self.every(thread, keys.encode_namespace(ns))
        return next((each for each in everything if each.checkpoint.id == id_), None)

    async def load(self, found: Found) -> Loaded:
        """Read a found checkpoint and its pending writes; all objects at once."""
        own, *others = await asyncio.gather(
            self._checkpoint(found.checkpoint.key),
            *(self._batch(each.key) for each in found.batches),
            *(self._folded(each.key, found.checkpoint.id) for each in found.children),
        )
        if not isinstance(own, bodies.StoredCheckpoint):
            raise CheckpointError(f"{found.checkpoint.key} was deleted while it was read")
        batches = [each for each in others if isinstance(each, Batch)]
        return Loaded(found.thread, found.checkpoint.epoch, own, merge(batches))

    async def load_all(self, found: Sequence[Found]) -> list[Loaded]:
        """Several at once."""
        return list(await asyncio.gather(*(self.load(each) for each in found)))

    async def metadata_of(self, found: Sequence[Found]) -> list[bodies.StoredCheckpoint | None]:
        """The checkpoints alone."""
        return list(await asyncio.gather(*(self._checkpoint(each.checkpoint.key) for each in found)))

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

    async def highest_epoch(self, thread: str) -> int:
        """The newest epoch of a thread; 0 if there is none."""
        async for _, key in self._keys(thread, keys.encode_namespace(keys.ROOT), first_page=1):
            return key.epoch
        return 0

    async def successor(self, thread: str, epoch: int) -> seals.Claim | None:
        """The claim that sealed an epoch."""
        return await self._fencing.claim(thread, epoch + 1)

    async def _keys(
        self, thread: str, segment: str, *, first_page: int = 1000
    ) -> AsyncIterator[tuple[str, FoundKey]]:
        prefix = f"{self._layout.checkpoints(thread)}{segment}/"
        async for entry in self._objects.keys(prefix, first_page=first_page):
            key = keys.parse(prefix, entry.key, entry.size)
            if key is not None:
                yield segment, key

    async def _checkpoint(self, key: str) -> bodies.StoredCheckpoint | None:
        body = await self._objects.read(key)
        return bodies.read_checkpoint(key, body) if body is not None else None

    async def _batch(self, key: str) -> Batch | None:
        body = await self._objects.read(key)
        return bodies.read_batch(key, body) if body is not None else None

    async def _folded(self, key: str, parent: str) -> Batch | None:
        """The writes that a child brought along, if it is a child indeed: tags are only part of an id."""
        child = await self._checkpoint(key)
        return child.folded if child is not None and child.parent == parent else None

    async def _claimed_name(self, segment: str) -> str:
        prefix = f"{self._layout.root}{segment}/c/_/"
        page: Iterable[str] = [entry.key for entry in await self._objects.store.list(prefix, max_keys=1)]
        for key in page:
            body = await self._objects.read(key, remember=False) if key.endswith("/!") else None
            if body is not None:
                return bodies.read_claim(key, body).thread
        raise CheckpointError(f"thread {segment} was copied without its name; ask for it by name")


class _Judge:
    """Decides which keys of a thread count; loads the claims that it needs once."""

    def __init__(self, reading: Reading, thread: str) -> None:
        self._reading = reading
        self._thread = thread
        self._successors: dict[int, seals.Claim | None] = {}
        self.highest: int | None = None

    async def counts(self, segment: str, key: CheckpointKey | BatchKey) -> bool:
        """Whether an object was stored by the holder of its epoch while it held it."""
        if self.highest is None:
            self.highest = await self._reading.highest_epoch(self._thread)
        writer = key.writer if isinstance(key, BatchKey) else key.epoch
        if writer >= self.highest:
            return True
        if writer not in self._successors:
            self._successors[writer] = await self._reading.successor(self._thread, writer)
        return seals.counts(self._successors[writer], key, segment)
