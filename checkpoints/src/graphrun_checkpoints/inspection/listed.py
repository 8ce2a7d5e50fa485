"""A thread's keys, all of them, told apart by kind; and its objects opened one by one, for those who inspect them."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphrun_checkpoints.contents import StoredKey
from graphrun_checkpoints.format import bodies, keys
from graphrun_checkpoints.format.keys import ClaimKey, Layout
from graphrun_checkpoints.format.parts import Place
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.store import Entry

T = TypeVar("T")

_AT_A_TIME = 16
_BYTES_AT_A_TIME = 64 * 1024 * 1024
_SMALL = 64 * 1024  # bytes; below, unpacking takes less than the way to a thread and back


@dataclass(frozen=True)
class SegmentLayout(Layout):
    """Takes threads by their segments in keys, so that a name kept as a hash need not be known."""

    def thread(self, thread: str) -> str:
        """All of one thread."""
        return f"{self.root}{thread}/"


@dataclass(frozen=True)
class Listed:
    """One thread.

    Attributes:
        claims: Claims and tombstones, newest first.
        stored: Checkpoints and batches with their namespace's segment, newest first in each.
        blobs: Everything below `d/`, by name.
        unknown: What this version has no name for.
    """

    claims: list[ClaimKey] = field(default_factory=list)
    stored: list[tuple[str, StoredKey]] = field(default_factory=list)
    blobs: dict[str, Entry] = field(default_factory=dict)
    unknown: list[Entry] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """All there is."""
        found = [*(key.entry for key in self.claims), *(key.entry for _, key in self.stored)]
        return [*found, *self.blobs.values(), *self.unknown]


async def list_all(objects: Objects, thread: str) -> Listed:
    """List a thread whole, in key order: blobs that a listed checkpoint needs were there before it, so they show."""
    prefix = objects.layout.thread(thread)
    found = Listed()
    async for entry in objects.keys(prefix):
        parsed = keys.parse(prefix, entry)
        name = entry.key[len(prefix) :]
        if parsed is not None:
            segment, key = parsed
            if isinstance(key, ClaimKey):
                found.claims.append(key)
            else:
                found.stored.append((segment, key))
        elif name.startswith(keys.BLOBS):
            found.blobs[name] = entry
        else:
            found.unknown.append(entry)
    return found


def windows(sized: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """Things in groups that may be in memory at a time: few, and of few bytes unless one alone has more."""
    window: list[T] = []
    total = 0
    for each, size in sized:
        if window and (len(window) == _AT_A_TIME or total + size > _BYTES_AT_A_TIME):
            yield window
            window, total = [], 0
        window.append(each)
        total += size
    if window:
        yield window


async def unpacked(objects: Objects, key: str, name: str, data: bytes) -> dict[str, Any]:
    """The body of an object that was read; arguments and errors as with `Codec.unpack`."""
    if len(data) < _SMALL:
        return objects.codec.unpack(key, name, data)
    return await asyncio.to_thread(objects.codec.unpack, key, name, data)


def state_of(checkpoint: bodies.StoredCheckpoint) -> dict[str, list[Place]]:
    """Where a checkpoint's state is, by channel; of a DeltaChannel that is its log."""
    places = {channel: [place] for channel, place in checkpoint.values.items()}
    for channel, log in checkpoint.logs.items():
        places.setdefault(channel, []).extend(log.places)
    return places


def is_chunk(name: str) -> bool:
    """Whether an object below `d/` is a piece of a blob."""
    return name.startswith(keys.BLOBS) and "." in name.rpartition("/")[2]
