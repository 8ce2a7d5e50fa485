"""Storing checkpoints and pending writes in order, under a claim that still stands.

`put_writes` only buffers: the writes of a finished superstep travel inside the next checkpoint's object, which
makes both one atomic step. They are stored on their own if that checkpoint is not there after some milliseconds.
Runs on the saver's own thread only.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from graphrun_checkpoints import drafting
from graphrun_checkpoints.drafting import NewCheckpoint, NewWrites
from graphrun_checkpoints.errors import CheckpointConflict, CheckpointError, FenceLost, InvalidCheckpoint
from graphrun_checkpoints.fencing import Lease
from graphrun_checkpoints.format import bodies, keys
from graphrun_checkpoints.format.keys import Address
from graphrun_checkpoints.format.writes import Batch, PlacedBatch, TaskWrites
from graphrun_checkpoints.lanes import Lane, Lanes
from graphrun_checkpoints.leases import Leases
from graphrun_checkpoints.objects import Named, Objects
from graphrun_checkpoints.placing import Draft, Manifest
from graphrun_checkpoints.reading import Reading

log = logging.getLogger(__name__)

_SHORTEST_HOLD = 0.01  # seconds; while a backlog is stored, this is how often we look


@dataclass(frozen=True)
class SaverOptions:
    """How the saver trades requests for delay.

    Attributes:
        flush_seconds: A task's writes are stored on their own if no checkpoint took them along by then.
        hold_seconds: The same while their own checkpoint is not stored yet, once no other is being stored either.
        fence_seconds: Before a write, the claim is verified if it was not for this long. A process that was
            taken over stops within this time.
        strict_writes: `put_writes` returns only when the writes are stored.
        owner: Named in claims that no `aopen` asked for.
        remembered_bytes: Limit of what is kept in memory of objects read or written lately; for their parts and for
            the rest of them, each.
        clock: Seconds that never go back.
    """

    flush_seconds: float = 0.01
    hold_seconds: float = 2.0
    fence_seconds: float = 15.0
    strict_writes: bool = False
    owner: str = "library"
    remembered_bytes: int = 32 * 1024 * 1024
    clock: Callable[[], float] = time.monotonic


class Writing:
    """The writing half of a saver."""

    def __init__(self, objects: Objects, reading: Reading, leases: Leases, options: SaverOptions) -> None:
        self._objects = objects
        self._reading = reading
        self._leases = leases
        self._options = options
        self.lanes = Lanes()
        self._failures: dict[str, CheckpointError] = {}
        self._flushes: set[asyncio.Task[None]] = set()

    async def put(self, new: NewCheckpoint) -> int:
        """Store a checkpoint together with what waits on its parent; answers the bytes stored, blobs included."""
        lane = self.lanes.of(new.thread, new.ns)
        lane.putting.add(new.id)
        try:
            self._raise_failure(new.thread)
            lease = await self._leases.standing(new.thread, (new.ns, new.parent))
            async with self.lanes.gate(new.thread).passing(), lane.lock:
                calls = lane.take(new.parent) if new.parent else ()
                try:
                    size = await self._store(lane, lease, new, calls)
                except BaseException:
                    if new.parent:
                        lane.give_back(new.parent, calls)
                    raise
        finally:
            lane.putting.discard(new.id)
            lane.stored_at = asyncio.get_running_loop().time()
            if new.id in lane.waiting:
                self._schedule(lane, new.id)
        return size

    def add_writes(self, thread: str, ns: str, id_: str, call: TaskWrites) -> None:
        """Buffer a task's writes and see to it that they are stored soon."""
        lane = self.lanes.of(thread, ns)
        lane.add(id_, call)
        self._schedule(lane, id_)

    async def store_writes(self, thread: str, ns: str, id_: str, call: TaskWrites) -> None:
        """Buffer a task's writes and store all that waits on their checkpoint, now."""
        lane = self.lanes.of(thread, ns)
        lane.add(id_, call)
        self._raise_failure(thread)
        await self._flush(lane, id_)

    async def flush(self, thread: str, ns: str) -> None:
        """Store all that waits in a namespace, as a read of it must see it."""
        lane = self.lanes.existing(thread, ns)
        if lane is not None:
            await self._drain(lane)

    async def flush_all(self) -> None:
        """Store everything; raises the first failure after having tried all."""
        for lane in self.lanes.all():
            try:
                await self._drain(lane)
            except CheckpointError as error:
                self._failures.setdefault(lane.thread, error)
        for thread in list(self._failures):
            self._raise_failure(thread)

    def forget(self, thread: str) -> None:
        """The thread is being deleted: what waits for it is not stored any more."""
        self.lanes.drop(thread)
        self._failures.pop(thread, None)

    def failure(self, thread: str) -> CheckpointError | None:
        """Why the next write of this thread will be refused, if it will."""
        return self._failures.get(thread)

    # ---------------------------------------------------------------- checkpoints

    async def _store(
        self, lane: Lane, lease: Lease, new: NewCheckpoint, calls: tuple[TaskWrites, ...]
    ) -> int:
        if new.parent in lane.removed:
            raise InvalidCheckpoint(
                f"checkpoint {new.parent} was removed; read the thread again and go on from there"
            )
        if lane.name_of(new.id) is not None:
            await self._expect_same(lane, new)
            lane.give_back(new.parent or "", calls)
            return 0
        base = new.base or await self._manifest_of(lane, new.parent)
        folded = Batch(lease.epoch, lease.next_number(), calls)
        writes = NewWrites(folded, lane.writes_on(new.parent) if new.parent else [])
        draft = Draft(lambda digest: lease.blob_name(self._objects.codec.blob_name(digest)))
        manifest = drafting.first_draft(draft, new, base, writes)
        manifest = await self._gathered(lane.thread, draft, manifest)
        stored, manifest = drafting.finished(draft, new, manifest, writes)
        size = await self._upload(lane.thread, lease, draft)
        address = Address(keys.encode_namespace(new.ns), lease.epoch, new.id)
        at = Named(lane.thread, keys.checkpoint_name(address, folded.seq, new.tags))
        size += await self._objects.write_once(at, bodies.checkpoint_body(stored))
        self._objects.remember_pack(at, stored.pack)
        lane.stored(new.id, at.name, manifest.stored_in(at.name))
        if new.parent:
            lane.forget_writes(new.parent)
        return size

    async def _manifest_of(self, lane: Lane, id_: str | None) -> Manifest | None:
        """The state of a parent that this process stored or read; None for one that it never saw."""
        if id_ is None:
            return None
        manifest, name = lane.manifest_of(id_), lane.name_of(id_)
        if manifest is None and name is not None:
            stored = await self._reading.checkpoint(lane.thread, name)
            manifest = await self._reading.manifest(lane.thread, stored) if stored is not None else None
        return manifest

    async def _expect_same(self, lane: Lane, new: NewCheckpoint) -> None:
        """A checkpoint is put again: fine if nothing in it is different.

        Raises:
            CheckpointConflict: Something is.
        """
        name, stored = lane.name_of(new.id), None
        if name is not None:
            stored = await self._reading.checkpoint(lane.thread, name)
        there = await self._manifest_of(lane, new.id)
        if stored is None or there is None or not drafting.is_same(new, stored, there):
            raise CheckpointConflict(
                f"checkpoint {new.id} is stored with other content; it was not overwritten"
            )

    async def _gathered(self, thread: str, draft: Draft, manifest: Manifest) -> Manifest:
        """Bring parts of small holders together where a resume would have to read too many."""
        holders = drafting.to_gather(draft, manifest)
        if not holders:
            return manifest
        packs = await self._objects.packs(thread, holders)
        return manifest.moved(lambda each: draft.gather(each, holders, packs))

    async def _upload(self, thread: str, lease: Lease, draft: Draft) -> int:
        """Store the blobs of a draft that are not there yet; answers the bytes stored."""
        missing = {name: parts for name, parts in draft.blobs.items() if not lease.has_blob(name)}
        sizes = await asyncio.gather(
            *(self._objects.write_blob(Named(thread, name), parts) for name, parts in missing.items())
        )
        for name in missing:
            lease.keep_blob(name)
        return sum(sizes)

    # ---------------------------------------------------------------- pending writes

    async def _drain(self, lane: Lane) -> None:
        async with lane.lock:
            pass  # what is under way has left the buffer and may come back to it
        for id_ in list(lane.waiting):
            await self._flush(lane, id_)

    async def _flush(self, lane: Lane, id_: str) -> None:
        """Store what waits on a checkpoint as one batch."""
        async with self.lanes.gate(lane.thread).passing(), lane.lock:
            calls = lane.take(id_)
            if not calls:
                return
            try:
                lease = await self._leases.standing(lane.thread, (lane.ns, id_))
                batch = Batch(lease.epoch, lease.next_number(), calls)
                await self._store_batch(lane, lease, id_, batch)
            except BaseException:
                lane.give_back(id_, calls)
                raise
            lane.wrote(id_, batch)

    async def _store_batch(self, lane: Lane, lease: Lease, id_: str, batch: Batch) -> None:
        draft = Draft(lambda digest: lease.blob_name(self._objects.codec.blob_name(digest)))
        placed = PlacedBatch(batch.writer, batch.seq, draft.place_writes(batch.tasks))
        await self._upload(lane.thread, lease, draft)
        address = Address(keys.encode_namespace(lane.ns), lease.epoch, id_)
        at = Named(lane.thread, keys.batch_name(address, batch.seq))
        stored = bodies.StoredBatch(placed, tuple(draft.pack))
        await self._objects.write_once(at, bodies.batch_body(stored))
        self._objects.remember_pack(at, stored.pack)

    def _schedule(self, lane: Lane, id_: str) -> None:
        """Set the time at which writes are stored on their own; never put one off, only bring it forward."""
        loop = asyncio.get_running_loop()
        stored = lane.name_of(id_) is not None
        wait = self._options.flush_seconds if stored else max(self._options.hold_seconds, _SHORTEST_HOLD)
        due = loop.time() + wait
        timer = lane.timers.get(id_)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        lane.timers[id_] = loop.call_at(due, self._flush_later, lane, id_)

    def _flush_later(self, lane: Lane, id_: str) -> None:
        lane.timers.pop(id_, None)
        if self._is_taken_along_soon(lane, id_):
            self._schedule(lane, id_)
            return
        task = asyncio.get_running_loop().create_task(self._flush_or_remember(lane, id_))
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    def _is_taken_along_soon(self, lane: Lane, id_: str) -> bool:
        """Whether the graph is ahead of storage, which stores one checkpoint after the other.

        The turn of a checkpoint whose writes wait will come while others are being stored; and where writes wait on a
        later one, the child that takes these along has been handed over already.
        """
        rested = asyncio.get_running_loop().time() - lane.stored_at
        if not lane.putting and rested >= self._options.hold_seconds:
            return False
        latest = next(reversed(lane.waiting), id_)
        return lane.name_of(id_) is None or (latest > id_ and lane.name_of(latest) is None)

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
