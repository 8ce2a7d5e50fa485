"""Taking a thread over, and noticing that somebody else has."""

import itertools
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from graphrun_checkpoints import bodies, codec, keys, seals
from graphrun_checkpoints.errors import CheckpointConflict, CheckpointError, FenceLost, MisconfiguredStore
from graphrun_checkpoints.keys import FoundKey, Layout
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.store import ObjectExists

log = logging.getLogger(__name__)

_MOST_RACES = 100  # lost races for one claim before something is taken to be wrong


@dataclass
class Lease:
    """Our claim on a thread. `checked_at` is when storage last confirmed that nobody claimed after us."""

    claim: seals.Claim
    checked_at: float
    lost: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def epoch(self) -> int:
        """The epoch that our objects carry."""
        return self.claim.epoch

    def next_number(self) -> int:
        """Numbers of our batches: dense, in the order in which they were taken from the buffer."""
        return next(self._numbers)


@dataclass(frozen=True)
class Wish:
    """Who wants a thread."""

    thread: str
    fence: int | None
    owner: str
    forced: bool = False
    """Deleting a thread asks no fence."""


class Fencing:
    """Claims and checks of leases."""

    def __init__(self, objects: Objects, layout: Layout, clock: Callable[[], float]) -> None:
        self._objects = objects
        self.layout = layout
        self._clock = clock
        self._probed = False

    async def take(self, wish: Wish) -> Lease:
        """Claim the thread's next epoch.

        Raises:
            FenceLost: A higher fence, or an equal one of another owner, was there.
        """
        for _ in range(_MOST_RACES):
            now = self._clock()
            seen = await self.survey(wish.thread)
            previous = await self.claim(wish.thread, seen.epoch) if seen.claimed else None
            if not wish.forced:
                seals.refuse_if_superseded(previous, wish.fence, wish.owner)
            claim = _next_claim(wish, previous, seen)
            try:
                await self._store(claim)
            except CheckpointConflict:
                continue  # somebody took this epoch first: look again who it was
            log.info(
                "thread claimed", extra={"thread_id": wish.thread, "epoch": claim.epoch, "fence": claim.fence}
            )
            return Lease(claim, checked_at=now)
        raise CheckpointError(
            f"thread {wish.thread!r}: lost {_MOST_RACES} races for a claim; too many openers"
        )

    async def verify(self, lease: Lease) -> None:
        """Ask storage whether the lease still stands: one LIST of one key.

        Raises:
            FenceLost: A later claim is there, or ours was deleted with the thread.
        """
        if lease.lost:
            raise FenceLost(f"thread {lease.claim.thread!r} was taken over; this process must stop writing")
        now = self._clock()
        thread = lease.claim.thread
        page = await self._objects.store.list(self.layout.namespace(thread, keys.ROOT), max_keys=1)
        if not page or page[0].key != self.layout.claim(thread, lease.epoch):
            lease.lost = True
            what = "was taken over by a later epoch" if page else "was deleted"
            raise FenceLost(f"thread {thread!r} {what}; epoch {lease.epoch} of {lease.claim.owner!r} ended")
        lease.checked_at = now

    async def survey(self, thread: str) -> seals.ThreadScan:
        """What the thread's highest epoch has stored: one LIST per 1,000 objects."""
        return seals.scan([found async for found in self._found(thread)])

    async def claim(self, thread: str, epoch: int) -> seals.Claim | None:
        """A claim by its epoch."""
        key = self.layout.claim(thread, epoch)
        body = await self._objects.read(key, remember=False)  # a deleted thread starts again at epoch 1
        return bodies.read_claim(key, body) if body is not None else None

    async def lineage(self, thread: str) -> seals.Inherited:
        """What a claim made now would inherit."""
        seen = await self.survey(thread)
        previous = await self.claim(thread, seen.epoch) if seen.claimed else None
        return seals.Inherited(seen.epoch, seals.succeed(previous, seen))

    async def _found(self, thread: str) -> AsyncIterator[tuple[str, FoundKey]]:
        root = self.layout.checkpoints(thread)
        async for entry in self._objects.keys(root):
            segment = keys.segment_after(root, entry.key)
            found = keys.parse(f"{root}{segment}/", entry.key, entry.size)
            if found is not None:
                yield segment, found

    async def _store(self, claim: seals.Claim) -> None:
        """Store a claim; the first one of this process also proves that the store honours conditions."""
        key, body = self.layout.claim(claim.thread, claim.epoch), bodies.claim_body(claim)
        await self._objects.write_once(key, body)
        if self._probed:
            return
        try:
            await self._objects.store.put(key, codec.pack(body), if_none_match=True)
        except ObjectExists:
            self._probed = True
            return
        raise MisconfiguredStore(
            "the store overwrites objects in spite of If-None-Match: *; two processes could both hold a thread. "
            "Use a store with conditional PUT (AWS S3, MinIO, SeaweedFS)"
        )


def _next_claim(wish: Wish, previous: seals.Claim | None, seen: seals.ThreadScan) -> seals.Claim:
    top_fence, top_owner = wish.fence, wish.owner
    if (
        previous is not None
        and previous.top_fence is not None
        and (top_fence is None or top_fence < previous.top_fence)
    ):
        top_fence, top_owner = previous.top_fence, previous.top_owner
    return seals.Claim(
        epoch=seen.epoch + 1,
        fence=wish.fence,
        owner=wish.owner,
        nonce=uuid.uuid4().hex,
        thread=wish.thread,
        top_fence=top_fence,
        top_owner=top_owner,
        seal=seen.seal,
        lineage=seals.succeed(previous, seen),
    )
