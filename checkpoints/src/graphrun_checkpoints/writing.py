"""Storing checkpoints and pending writes in order, under a claim that still stands.

`put_writes` only buffers: the writes of a finished superstep travel inside the next checkpoint's object, which
makes both one atomic step. They are stored on their own if that checkpoint is not there after some milliseconds.
Runs on the saver's own thread only.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from graphrun_checkpoints import bodies
from graphrun_checkpoints.errors import CheckpointError, FenceLost
from graphrun_checkpoints.fencing import Fencing, Lease, Wish
from graphrun_checkpoints.keys import Address
from graphrun_checkpoints.lanes import Lane
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.reading import Reading
from graphrun_checkpoints.writes import Batch, TaskWrites

log = logging.getLogger(__name__)

_MOST_LANES = 256


@dataclass(frozen=True)
class SaverOptions:
    """How the saver trades requests for delay.

    Attributes:
        flush_seconds: A task's writes are stored on their own if no checkpoint took them along by then.
        hold_seconds: The same while their own checkpoint is still being stored.
        fence_seconds: Before a write, the claim is verified if it was not for this long. A process that was
            taken over stops within this time.
        strict_writes: `put_writes` returns only when the writes are stored.
        owner: Named in claims that no `aopen` asked for.
        clock: Seconds that never go back.
    """

    flush_seconds: float = 0.01
    hold_seconds: float = 2.0
    fence_seconds: float = 15.0
    strict_writes: bool = False
    owner: str = "library"
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class NewCheckpoint:
    """A checkpoint to store, without the writes that it will take along."""

    thread: str
    stored: bodies.StoredCheckpoint
    step: int | None
    source: str | None


class Writing:
    """The writing half of a saver."""

    def __init__(self, objects: Objects, reading: Reading, fencing: Fencing, options: SaverOptions) -> None:
        self._objects = objects
        self._layout = fencing.layout
        self._reading = reading
        self._fencing = fencing
        self._options = options
        self._leases: dict[str, Lease] = {}
        self._claiming: dict[str, asyncio.Lock] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._failures: dict[str, CheckpointError] = {}
        self._flushes: set[asyncio.Task[None]] = set()

    async def open(self, thread: str, fence: int | None, owner: str) -> Lease:
        """Claim a thread anew, whatever was held before."""
        async with self._claiming.setdefault(thread, asyncio.Lock()):
            lease = await self._fencing.take(Wish(thread, fence, owner))
            self._leases[thread] = lease
            return lease

    async def put(self, new: NewCheckpoint) -> int:
        """Store a checkpoint together with what waits on its parent; answers its size in bytes."""
        thread, ns, id_, parent = new.thread, new.stored.ns, new.stored.id, new.stored.parent
        lane = self._lane(thread, ns)
        lane.putting.add(id_)
        try:
            self._raise_failure(thread)
            lease = await self._standing_lease(thread)
            async with lane.lock:
                calls = lane.take(parent) if parent else ()
                stored = replace(new.stored, folded=Batch(lease.epoch, lease.next_number(), calls))
                address = Address(thread, ns, lease.epoch, id_)
                key = self._layout.checkpoint(address, parent=parent, step=new.step, source=new.source)
                try:
                    size = await self._objects.write_once(key, bodies.checkpoint_body(stored))
                except BaseException:
                    if parent:
                        lane.give_back(parent, calls)
                    raise
                lane.know(id_, lease.epoch)
        finally:
            lane.putting.discard(id_)
            if id_ in lane.waiting:
                self._schedule(lane, id_)
        return size

    def add_writes(self, thread: str, ns: str, id_: str, call: TaskWrites) -> None:
        """Buffer a task's writes and see to it that they are stored soon."""
        lane = self._lane(thread, ns)
        lane.add(id_, call)
        self._schedule(lane, id_)

    async def store_writes(self, thread: str, ns: str, id_: str, call: TaskWrites) -> None:
        """Buffer a task's writes and store all that waits on their checkpoint, now."""
        lane = self._lane(thread, ns)
        lane.add(id_, call)
        self._raise_failure(thread)
        await self._flush(lane, id_)

    async def flush(self, thread: str, ns: str) -> None:
        """Store all that waits in a namespace, as a read of it must see it."""
        lane = self._lanes.get((thread, ns))
        if lane is not None:
            await self._drain(lane)

    async def flush_all(self) -> None:
        """Store everything; raises the first failure after having tried all."""
        for lane in list(self._lanes.values()):
            try:
                await self._drain(lane)
            except CheckpointError as error:
                self._failures.setdefault(lane.thread, error)
        for thread in list(self._failures):
            self._raise_failure(thread)

    def know(self, thread: str, ns: str, id_: str, epoch: int) -> None:
        """Remember where a checkpoint that was read lies: writes on it go there."""
        self._lane(thread, ns).know(id_, epoch)

    async def delete(self, thread: str) -> None:
        """Delete a thread, its writers fenced out first.

        The oldest objects go first and claims last: a deletion cut short leaves a thread that reads as before.
        """
        for place in [each for each in self._lanes if each[0] == thread]:
            for id_ in list(self._lanes[place].waiting):
                self._lanes[place].take(id_)
            del self._lanes[place]
        self._leases.pop(thread, None)
        self._failures.pop(thread, None)
        prefix = self._layout.thread(thread)
        if not await self._objects.store.list(prefix, max_keys=1):
            return
        await self._fencing.take(Wish(thread, None, "deletion", forced=True))
        while everything := [entry.key async for entry in self._objects.keys(prefix)]:
            claims = [key for key in everything if key.endswith("/!")]
            others = [key for key in everything if not key.endswith("/!")]
            await self._objects.store.delete_many([*reversed(others), *reversed(claims)])

    def failure(self, thread: str) -> CheckpointError | None:
        """Why the next write of this thread will be refused, if it will."""
        return self._failures.get(thread)

    async def _drain(self, lane: Lane) -> None:
        async with lane.lock:
            pass  # what is under way has left the buffer and may come back to it
        for id_ in list(lane.waiting):
            await self._flush(lane, id_)

    async def _flush(self, lane: Lane, id_: str) -> None:
        """Store what waits on a checkpoint as one batch."""
        async with lane.lock:
            calls = lane.take(id_)
            if not calls:
                return
            try:
                lease = await self._standing_lease(lane.thread)
                address = Address(lane.thread, lane.ns, await self._folder_epoch(lane, id_, lease), id_)
                number = lease.next_number()
                key = self._layout.batch(address, lease.epoch, number)
                await self._objects.write_once(key, bodies.batch_body(Batch(lease.epoch, number, calls)))
            except BaseException:
                lane.give_back(id_, calls)
                raise

    async def _folder_epoch(self, lane: Lane, id_: str, lease: Lease) -> int:
        """Where the checkpoint lies, or will lie."""
        known = lane.epoch_of(id_)
        if known is not None:
            return known
        if id_ in lane.putting:
            return lease.epoch
        found = await self._reading.one(lane.thread, lane.ns, id_)
        epoch = found.checkpoint.epoch if found is not None else lease.epoch
        if found is not None:
            lane.know(id_, epoch)
        return epoch

    async def _standing_lease(self, thread: str) -> Lease:
        """Our claim on a thread, verified lately; without one, the thread is claimed unfenced."""
        async with self._claiming.setdefault(thread, asyncio.Lock()):
            lease = self._leases.get(thread)
            if lease is None:
                lease = await self._fencing.take(Wish(thread, None, self._options.owner))
                self._leases[thread] = lease
            elif lease.lost or self._options.clock() - lease.checked_at >= self._options.fence_seconds:
                await self._fencing.verify(lease)
            return lease

    def _schedule(self, lane: Lane, id_: str) -> None:
        """Set the time at which writes are stored on their own; never put one off, only bring it forward."""
        loop = asyncio.get_running_loop()
        stored = lane.epoch_of(id_) is not None
        due = loop.time() + (self._options.flush_seconds if stored else self._options.hold_seconds)
        timer = lane.timers.get(id_)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        lane.timers[id_] = loop.call_at(due, self._flush_later, lane, id_)

    def _flush_later(self, lane: Lane, id_: str) -> None:
        lane.timers.pop(id_, None)
        task = asyncio.get_running_loop().create_task(self._flush_or_remember(lane, id_))
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _flush_or_remember(self, lane: Lane, id_: str) -> None:
        """A flush that nobody waits for: its failure meets the next write."""
        try:
            await self._flush(lane, id_)
        except CheckpointError as error:
            log.warning("pending writes not stored", extra={"thread_id": lane.thread, "error": str(error)})
            self._failures.setdefault(lane.thread, error)

    def _raise_failure(self, thread: str) -> None:
        """Raise what a background flush met; a lost fence again and again, anything else once."""
        error = self._failures.get(thread)
        if error is None:
            return
        if not isinstance(error, FenceLost):
            del self._failures[thread]
        raise error

    def _lane(self, thread: str, ns: str) -> Lane:
        lane = self._lanes.get((thread, ns))
        if lane is None:
            if len(self._lanes) >= _MOST_LANES:
                for place in [place for place, each in self._lanes.items() if each.idle]:
                    del self._lanes[place]
            lane = self._lanes[thread, ns] = Lane(thread, ns)
        return lane
