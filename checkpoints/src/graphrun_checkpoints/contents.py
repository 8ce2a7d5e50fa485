"""All that is stored of one thread, told apart: what counts, what does not, and which blobs are still needed."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from graphrun_checkpoints.format import bodies
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey, ClaimKey
from graphrun_checkpoints.judging import Judge
from graphrun_checkpoints.objects import Named, Objects
from graphrun_checkpoints.store import Entry

_WINDOW = 16  # objects read at a time

StoredKey = CheckpointKey | BatchKey


@dataclass(frozen=True)
class Contents:
    """One thread.

    Attributes:
        claims: Claims, newest first.
        counting: Checkpoints and batches that count, by namespace segment, newest first.
        stray: Those that do not: stored after a takeover, or without a claim.
        blobs: Everything below `d/`, by name.
        newest: The newest claimed epoch; 0 without a claim.
    """

    thread: str
    claims: list[ClaimKey] = field(default_factory=list)
    counting: dict[str, list[StoredKey]] = field(default_factory=dict)
    stray: list[StoredKey] = field(default_factory=list)
    blobs: dict[str, Entry] = field(default_factory=dict)
    newest: int = 0

    @property
    def last_change(self) -> datetime:
        """When the store took the last object of this thread."""
        found = [*self.claims, *(key for each in self.counting.values() for key in each), *self.stray]
        times = [key.entry.modified for key in found] + [entry.modified for entry in self.blobs.values()]
        return max(times, default=datetime.fromtimestamp(0, UTC))

    def checkpoints(self, segment: str) -> list[CheckpointKey]:
        """The checkpoints of a namespace, newest first."""
        return [key for key in self.counting.get(segment, []) if isinstance(key, CheckpointKey)]

    def all_counting(self) -> list[StoredKey]:
        """Everything that counts, in all namespaces."""
        return [key for found in self.counting.values() for key in found]


async def look_over(objects: Objects, thread: str) -> Contents:
    """List a thread whole. Blobs come first: those that a checkpoint listed afterwards needs were there before it."""
    thread_prefix = objects.layout.thread(thread)
    blobs = {
        entry.key[len(thread_prefix) :]: entry async for entry in objects.keys(objects.layout.blobs(thread))
    }
    judge = Judge(objects, thread)
    claims: list[ClaimKey] = []
    counting: dict[str, list[StoredKey]] = {}
    stray: list[StoredKey] = []
    async for segment, key in objects.found(thread, objects.layout.checkpoints(thread)):
        if isinstance(key, ClaimKey):
            claims.append(key)
        elif await judge.counts(segment, key):
            counting.setdefault(segment, []).append(key)
        else:
            stray.append(key)
    return Contents(thread, claims, counting, stray, blobs, await judge.newest())


async def holders_needed(objects: Objects, thread: str, stored: Iterable[StoredKey]) -> set[str]:
    """The names of all objects that hold parts of these checkpoints and batches."""
    needed: set[str] = set()
    waiting = list(stored)
    for first in range(0, len(waiting), _WINDOW):
        window = waiting[first : first + _WINDOW]
        for found in await asyncio.gather(*(_holders(objects, thread, key) for key in window)):
            needed |= found
    return needed


async def _holders(objects: Objects, thread: str, key: StoredKey) -> set[str]:
    body = await objects.read(Named(thread, key.name), remember=False)
    if body is None:
        return set()  # removed since it was listed
    if isinstance(key, BatchKey):
        return bodies.read_batch(key.entry.key, key.name, body).holders - {key.name}
    return bodies.read_checkpoint(key.entry.key, key.name, body).holders - {key.name}
