"""Taking a thread over, and noticing that somebody else has."""

import itertools
import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from graphrun_checkpoints.errors import CheckpointConflict, CheckpointError, FenceLost, MisconfiguredStore
from graphrun_checkpoints.format import bodies, keys, seals
from graphrun_checkpoints.format.keys import CheckpointKey, ClaimKey, FoundKey
from graphrun_checkpoints.judging import Judge, read_claim
from graphrun_checkpoints.objects import Named, Objects
from graphrun_checkpoints.store import ObjectExists

log = logging.getLogger(__name__)

_MOST_RACES = 100  # lost races for one claim before something is taken to be wrong
_SMALL_PAGE = 16
_KNOWN_BLOBS = 4096
GENERATION_SECONDS = 900.0
"""After so long without storing anything, blobs stored earlier are not trusted to be there still: a clean-up may
take unused ones away an hour after they were stored."""


@dataclass
class Lease:
    """Our claim on a thread.

    Attributes:
        claim: As it is stored.
        checked_at: When storage last confirmed that nobody claimed after us.
        asked: Whether `aopen` asked for it; else it was taken by a first write, and may be taken again.
        lost: Somebody claimed after us.
    """

    claim: seals.Claim
    checked_at: float
    asked: bool = False
    lost: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _generation: int = 0
    _active_at: float = 0.0
    _blobs: OrderedDict[bytes, str] = field(default_factory=OrderedDict)

    @property
    def epoch(self) -> int:
        """The epoch that our objects carry."""
        return self.claim.epoch

    def next_number(self) -> int:
        """Numbers of our objects: dense, in the order in which they were made."""
        return next(self._numbers)

    def begin(self, now: float) -> None:
        """Something is about to be stored: after a long rest, blobs get new names."""
        if self.rests(now):
            self._generation += 1
            self._blobs.clear()
        self._active_at = now

    def rests(self, now: float) -> bool:
        """Whether nothing was stored for so long that nothing can be under way."""
        return now - self._active_at > GENERATION_SECONDS

    def blob_name(self, content: bytes) -> str:
        """The name for a blob that this lease stores."""
        return self._blobs.get(content) or keys.blob_name(self.epoch, self._generation, content)

    def has_blob(self, name: str) -> bool:
        """Whether a blob was stored under this name in this generation."""
        return bytes.fromhex(name.rsplit("/", 1)[1]) in self._blobs

    def keep_blob(self, name: str) -> None:
        """Remember a stored blob."""
        self._blobs[bytes.fromhex(name.rsplit("/", 1)[1])] = name
        while len(self._blobs) > _KNOWN_BLOBS:
            self._blobs.popitem(last=False)

    def forget_blobs(self) -> None:
        """Unused blobs were removed."""
        self._blobs.clear()


@dataclass(frozen=True)
class Wish:
    """Who wants a thread."""

    thread: str
    fence: int | None
    owner: str
    forced: bool = False
    """Deleting a thread asks no fence."""
    asked: bool = False
    """By `aopen`, not by a first write."""
    copied: int = 0
    """The thread is a copy; its objects up to this epoch are all valid."""
    above: int = 0
    """The claim's epoch is to be higher than this."""


class Fencing:
    """Claims and checks of leases."""

    def __init__(self, objects: Objects, clock: Callable[[], float]) -> None:
        self._objects = objects
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
            if seen.ended:
                await self.clear(wish.thread)  # somebody's deletion was cut short
                continue
            previous = await self.claim(wish.thread, seen.claimed) if seen.claimed else None
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
            return Lease(claim, checked_at=now, asked=wish.asked)
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
        layout = self._objects.layout
        page = await self._objects.store.list(layout.namespace(thread, keys.ROOT), max_keys=1)
        if not page or page[0].key != layout.claim(thread, lease.epoch):
            lease.lost = True
            what = "was taken over by a later epoch" if page else "was deleted"
            raise FenceLost(f"thread {thread!r} {what}; epoch {lease.epoch} of {lease.claim.owner!r} ended")
        lease.checked_at = now

    async def survey(self, thread: str) -> seals.ThreadScan:
        """What the holder of the newest claim has stored.

        One small LIST in the root namespace, however long its history is, and one per 1,000 objects of subgraphs.
        """
        judge, highest = Judge(self._objects, thread), 0
        counting: list[tuple[str, FoundKey]] = []
        root = self._objects.layout.namespace(thread, keys.ROOT)
        async for segment, key in self._objects.found(thread, root, first_page=_SMALL_PAGE):
            highest = max(highest, key.epoch)
            if isinstance(key, ClaimKey):
                if key.ended and not counting:
                    return seals.ThreadScan(highest=highest, ended=True)
                judge.saw(key)
                counting.append((segment, key))
            elif await judge.counts(segment, key):
                counting.append((segment, key))
                if isinstance(key, CheckpointKey):
                    break
        below = self._objects.layout.checkpoints(thread)
        async for segment, key in self._objects.found(
            thread, below, after=f"{root[:-1]}0"
        ):  # "0" follows "/"
            highest = max(highest, key.epoch)
            if not isinstance(key, ClaimKey) and await judge.counts(segment, key):
                counting.append((segment, key))
        return seals.scan(counting, keys.encode_namespace(keys.ROOT), highest)

    async def end(self, thread: str) -> None:
        """Delete a thread: fence its writers out, and from then on nothing of it is read; then remove everything."""
        lease = await self.take(Wish(thread, None, "deletion", forced=True))
        at = Named(thread, keys.tombstone_name(lease.epoch + 1))
        body = {"kind": "tombstone", "thread": thread}
        await self._objects.store.put(
            self._objects.layout.key(thread, at.name), self._objects.codec.pack(at.name, body)
        )
        await self.clear(thread)

    async def clear(self, thread: str) -> None:
        """Remove all of a thread, claims and tombstones last."""
        prefix = self._objects.layout.thread(thread)
        while everything := [entry.key async for entry in self._objects.keys(prefix)]:
            last = [key for key in everything if key.endswith(("/!", "/x"))]
            others = [key for key in everything if not key.endswith(("/!", "/x"))]
            await self._objects.store.delete_many([*others, *reversed(last)])

    async def claim(self, thread: str, epoch: int) -> seals.Claim | None:
        """A claim by its epoch."""
        return await read_claim(self._objects, thread, epoch)

    async def lineage(self, thread: str) -> seals.Inherited:
        """What a claim made now would inherit."""
        seen = await self.survey(thread)
        previous = await self.claim(thread, seen.claimed) if seen.claimed else None
        return seals.Inherited(seen.claimed, seals.succeed(previous, seen))

    async def copied(self, thread: str) -> bool:
        """Whether the thread is a copy that somebody has brought to its end."""
        seen = await self.survey(thread)
        newest = await self.claim(thread, seen.claimed) if seen.claimed else None
        return newest is not None and newest.copied > 0

    async def _store(self, claim: seals.Claim) -> None:
        """Store a claim; the first one of this process also proves that the store honours conditions."""
        at, body = Named(claim.thread, keys.claim_name(claim.epoch)), bodies.claim_body(claim)
        await self._objects.write_once(at, body, remember=False)
        if self._probed:
            return
        key = self._objects.layout.key(at.thread, at.name)
        try:
            await self._objects.store.put(key, self._objects.codec.pack(at.name, body), if_none_match=True)
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
        epoch=max(seen.highest, wish.copied, wish.above) + 1,
        previous=seen.claimed,
        copied=max(wish.copied, previous.copied if previous is not None else 0),
        fence=wish.fence,
        owner=wish.owner,
        nonce=uuid.uuid4().hex,
        thread=wish.thread,
        top_fence=top_fence,
        top_owner=top_owner,
        seal=seen.seal,
        lineage=seals.succeed(previous, seen),
    )
