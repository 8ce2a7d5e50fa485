"""Which stored objects of a thread count, by the claims that are there."""

import logging

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format import bodies, keys, seals
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey, ClaimKey
from graphrun_checkpoints.objects import Named, Objects

log = logging.getLogger(__name__)


class Judge:
    """Decides for one look at one thread; reads each claim that it needs once.

    Args:
        objects: Where the claims are.
        thread: The thread.
        held: The claim that this process holds on it, if it does: need not be read.
        newest: The newest claimed epoch, where that is known.
    """

    def __init__(
        self, objects: Objects, thread: str, held: seals.Claim | None = None, newest: int | None = None
    ) -> None:
        self._objects = objects
        self._thread = thread
        self._newest = newest
        self._claims: dict[int, seals.Claim | None] = {held.epoch: held} if held is not None else {}
        self._unclaimed: set[int] = set()

    async def counts(self, segment: str, key: BatchKey | CheckpointKey) -> bool:
        """Whether an object was stored by the holder of its epoch while it held it."""
        newest = await self.newest()
        if key.epoch > newest:
            self._tell_of_unclaimed(key)
            return False
        if key.epoch == newest:
            return True
        successor = await self._successor(key.epoch, newest)
        if successor is None:
            return False
        if key.epoch <= successor.copied:
            return True
        return successor.previous == key.epoch and seals.counts(successor, key, segment)

    async def newest(self) -> int:
        """The newest claimed epoch; 0 if there is none."""
        if self._newest is None:
            root = self._objects.layout.namespace(self._thread, keys.ROOT)
            async for _, key in self._objects.found(self._thread, root, first_page=1):
                if isinstance(key, ClaimKey):
                    self.saw(key)
                    break
        if self._newest is None:
            self._newest = 0
        return self._newest

    def saw(self, claim: ClaimKey) -> None:
        """A claim was listed in the root namespace: the first one decides."""
        if self._newest is None:
            self._newest = 0 if claim.ended else claim.epoch

    def _tell_of_unclaimed(self, key: BatchKey | CheckpointKey) -> None:
        """A process whose thread was deleted goes on storing for a moment; else somebody took a claim away."""
        if key.epoch not in self._unclaimed:
            self._unclaimed.add(key.epoch)
            log.warning(
                "objects without a claim are passed over",
                extra={"thread_id": self._thread, "key": key.entry.key},
            )

    async def _successor(self, epoch: int, newest: int) -> seals.Claim | None:
        """The claim after an epoch: nearly always of the next number, else found by going back from the newest.

        Raises:
            CorruptObject: A claim that a newer one names is missing.
        """
        claim = await self._claim(epoch + 1)
        at = newest
        while claim is None and at > epoch:
            newer = await self._claim(at)
            if newer is None:
                await self._refuse_gap(at)
                return None
            if newer.previous <= epoch or epoch <= newer.copied:
                claim = newer
            at = newer.previous
        return claim

    async def _refuse_gap(self, epoch: int) -> None:
        """Return if the thread has been deleted or taken over since the look began; else a claim is lost."""
        if await Judge(self._objects, self._thread).newest() == await self.newest():
            raise CorruptObject(
                f"{self._objects.layout.claim(self._thread, epoch)} is missing and newer claims need it; "
                "restore it from a backup"
            )

    async def _claim(self, epoch: int) -> seals.Claim | None:
        if epoch not in self._claims:
            self._claims[epoch] = await read_claim(self._objects, self._thread, epoch)
        return self._claims[epoch]


async def read_claim(objects: Objects, thread: str, epoch: int) -> seals.Claim | None:
    """A claim by its epoch. Never from memory: a deleted thread starts again at epoch 1."""
    at = Named(thread, keys.claim_name(epoch))
    body = await objects.read(at, remember=False)
    return bodies.read_claim(objects.layout.key(thread, at.name), body) if body is not None else None
