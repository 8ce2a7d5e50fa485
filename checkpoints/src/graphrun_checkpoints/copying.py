"""Copying a thread whole: objects refer to each other by names inside the thread, so bytes are copied as they are.

A fork is a copy under a fence. Its claims lie far above the epochs of what is copied:

    epochs 1 … S: copied, they count through ──────────────────────┐
                                      S + room: claim that begins   `─ S + room + 1: claim that ends, `copied` = S

Where a copy is cut short, the next attempt's claim to begin shuts the first one out and copies again. What the first
one still stores has epochs that no claim stands for: they end below its own claim, which ends below the next one's.
"""

import asyncio
from dataclasses import dataclass, replace

from graphrun_checkpoints.contents import look_over
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.fencing import Fencing, Lease, Wish
from graphrun_checkpoints.leases import Leases
from graphrun_checkpoints.objects import Objects

_WINDOW = 16  # copies at a time
# Epochs that the source may take between two looks at it; one is taken by each process that opens it.
_ROOM = 1 << 12


async def copy_thread(objects: Objects, fencing: Fencing, source: str, target: str) -> int:
    """Copy all checkpoints and writes that count, and the blobs; answers how many objects.

    The copy shows once it is whole: a claim in the target, stored last, makes its objects count.

    Raises:
        InvalidCheckpoint: The target holds something already, or is the source.
    """
    prefix, goal = objects.layout.thread(source), objects.layout.thread(target)
    if prefix == goal:
        raise InvalidCheckpoint(f"thread {source!r} cannot be copied to itself; give another target")
    if await objects.store.list(goal, max_keys=1):
        raise InvalidCheckpoint(f"thread {target!r} exists already; delete it first, or give another target")
    found = await _found(objects, source)
    if found.names:
        await _copy(objects, found.names, prefix, goal)
        await fencing.take(Wish(target, None, "copy", copied=found.highest))
    return len(found.names)


async def fork_thread(objects: Objects, leases: Leases, source: str, wish: Wish) -> Lease:
    """Claim a thread that begins as a copy of another, and copy what no earlier holder has copied to the end.

    Raises:
        InvalidCheckpoint: The source holds nothing, or is the target.
        FenceLost: A higher fence, or an equal one of another owner, was claimed before.
    """
    prefix, goal = objects.layout.thread(source), objects.layout.thread(wish.thread)
    if prefix == goal:
        raise InvalidCheckpoint(f"thread {source!r} cannot be a fork of itself")
    if await leases.copied(wish.thread):
        return await leases.take(wish)
    # Looked over before the claim: whoever is shut out by a later claim has looked before that.
    found = await _found(objects, source)
    if not found.names:
        raise InvalidCheckpoint(f"thread {source!r} holds nothing to begin from")
    begun = await leases.take(replace(wish, above=found.highest + _ROOM))
    if begun.claim.copied:  # an earlier holder came to the end of it meanwhile
        return begun
    await _copy(objects, found.names, prefix, goal)
    return await leases.take(replace(wish, copied=found.highest))


@dataclass(frozen=True)
class _Found:
    """What of a thread is to be copied: the names of its objects, and their highest epoch."""

    names: list[str]
    highest: int = 0


async def _found(objects: Objects, thread: str) -> _Found:
    counting = (await look_over(objects, thread)).all_counting()
    if not counting:
        return _Found([])
    # Listed once more: of a thread that somebody writes to, all that those checkpoints need is there by now.
    start = len(objects.layout.thread(thread))
    blobs = [entry.key[start:] async for entry in objects.keys(objects.layout.blobs(thread))]
    return _Found([*blobs, *(key.name for key in counting)], max(key.epoch for key in counting))


async def _copy(objects: Objects, names: list[str], prefix: str, goal: str) -> None:
    for first in range(0, len(names), _WINDOW):
        window = names[first : first + _WINDOW]
        await asyncio.gather(*(objects.store.copy(prefix + name, goal + name) for name in window))
