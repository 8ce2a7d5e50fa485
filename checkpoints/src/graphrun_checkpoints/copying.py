"""Copying a thread whole: objects refer to each other by names inside the thread, so bytes are copied as they are."""

import asyncio

from graphrun_checkpoints.contents import look_over
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.fencing import Fencing, Wish
from graphrun_checkpoints.objects import Objects

_WINDOW = 16  # copies at a time


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
    contents = await look_over(objects, source)
    counting = contents.all_counting()
    if not counting:
        return 0
    names = [*contents.blobs, *(key.name for key in counting)]
    for first in range(0, len(names), _WINDOW):
        window = names[first : first + _WINDOW]
        await asyncio.gather(*(objects.store.copy(prefix + name, goal + name) for name in window))
    await fencing.take(Wish(target, None, "copy", copied=max(key.epoch for key in counting)))
    return len(names)
