"""The claims that this process holds, one a thread, each verified before it is written under."""

import asyncio
import weakref
from collections.abc import Callable

from graphrun_checkpoints.errors import FenceLost
from graphrun_checkpoints.fencing import Fencing, Lease, Wish

_MOST_HELD = 4096

Spot = tuple[str, str | None]
"""A namespace and a checkpoint in it; None before the first."""


class Leases:
    """Held claims. Used on the saver's own thread only.

    Args:
        fencing: Takes and verifies claims.
        fence_seconds: A claim is verified before a write if it was not for this long.
        owner: Named in claims that nobody asked for.
        clock: Seconds that never go back.
    """

    def __init__(
        self, fencing: Fencing, fence_seconds: float, owner: str, clock: Callable[[], float]
    ) -> None:
        self._fencing = fencing
        self._fence_seconds = fence_seconds
        self._owner = owner
        self._clock = clock
        self._held: dict[str, Lease] = {}
        self._read: dict[str, set[Spot]] = {}
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def held(self, thread: str) -> Lease | None:
        """Our claim on a thread, as far as we know."""
        lease = self._held.get(thread)
        return lease if lease is not None and not lease.lost else None

    async def take(self, wish: Wish) -> Lease:
        """Claim a thread anew, whatever was held before."""
        async with self._lock(wish.thread):
            return await self._take(wish)

    async def copied(self, thread: str) -> bool:
        """Whether the thread is a copy that somebody has brought to its end."""
        return await self._fencing.copied(thread)

    async def standing(self, thread: str, spot: Spot) -> Lease:
        """Our claim on a thread, verified lately; without one, the thread is claimed unfenced.

        Args:
            thread: The thread.
            spot: Where something is to be stored: the checkpoint that it follows.

        Raises:
            FenceLost: Somebody claimed after us.
        """
        async with self._lock(thread):
            lease = self._held.get(thread)
            if lease is None or (lease.lost and spot in self._read.get(thread, ())):
                return await self._take(Wish(thread, None, self._owner))
            if lease.lost or self._clock() - lease.checked_at >= self._fence_seconds:
                await self._fencing.verify(lease)
            lease.begin(self._clock())
            return lease

    def was_read(self, thread: str, spot: Spot, newest: int) -> None:
        """A checkpoint was read, `newest` being the thread's newest epoch: whoever read it may go on from there.

        A service with several replicas serves a thread now here, now there. A replica whose claim nobody asked for
        (by `aopen`) may take the thread over again, but only to go on from what it has read since it lost it: a run
        of its own that was left behind stays shut out.
        """
        lease = self._held.get(thread)
        if lease is None or lease.asked:
            return
        if not lease.lost and lease.epoch < newest:
            lease.lost = True
            self._read[thread] = set()
        if lease.lost:
            self._read.setdefault(thread, set()).add(spot)

    async def _take(self, wish: Wish) -> Lease:
        lease = self._held[wish.thread] = await self._fencing.take(wish)
        self._read.pop(wish.thread, None)
        lease.begin(self._clock())
        if len(self._held) > _MOST_HELD:
            self._forget_resting()
        return lease

    def _forget_resting(self) -> None:
        """Of very many threads, hold those no longer that rest: whoever goes on with one claims it anew."""
        now = self._clock()
        for thread in [name for name, each in self._held.items() if not each.asked and each.rests(now)]:
            self.drop(thread)

    async def own(self, thread: str) -> bool:
        """Whether we hold a thread, just verified."""
        lease = self._held.get(thread)
        if lease is None:
            return False
        async with self._lock(thread):
            try:
                await self._fencing.verify(lease)
            except FenceLost:
                return False
        return True

    def forget_blobs(self, thread: str) -> None:
        """Unused blobs of a thread were removed: none is taken for stored any more."""
        lease = self._held.get(thread)
        if lease is not None:
            lease.forget_blobs()

    def drop(self, thread: str) -> None:
        """Hold a thread no longer."""
        self._held.pop(thread, None)
        self._read.pop(thread, None)

    def _lock(self, thread: str) -> asyncio.Lock:
        lock = self._locks.get(thread)
        if lock is None:
            lock = self._locks[thread] = asyncio.Lock()
        return lock
