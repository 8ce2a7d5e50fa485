r"""Epochs, fences and seals: which stored objects count after one process took a thread over from another.

    epoch 1: claim, x1, x2 ──────────── x3 (late), writes on x2 (late)      <- stopped process, still sending
                          \ seal: heads {x2}, no batches
    epoch 2:               claim, y3, y4 …

The claim of epoch N+1 lists what epoch N had stored by then. What epoch N stores later is never read.
Fences are given from outside and only grow in a thread; a claim with a lower one than before is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphrun_checkpoints.errors import FenceLost
from graphrun_checkpoints.keys import BatchKey, CheckpointKey, ClaimKey, FoundKey


@dataclass(frozen=True)
class Seal:
    """What the predecessor had stored: its newest checkpoint per namespace segment, and ranges of batch numbers."""

    heads: dict[str, str] = field(default_factory=dict)
    batches: tuple[tuple[int, int], ...] = ()

    def holds_checkpoint(self, ns_segment: str, id_: str) -> bool:
        """Ids of one writer grow, so everything up to its newest was there."""
        return id_ <= self.heads.get(ns_segment, "")

    def holds_batch(self, seq: int) -> bool:
        """Whether that batch was there."""
        return any(first <= seq <= last for first, last in self.batches)


@dataclass(frozen=True)
class Lineage:
    """A fenced epoch of the past and whether it stored anything that counts."""

    epoch: int
    fence: int
    owner: str
    checkpoints: bool
    batches: bool


@dataclass(frozen=True)
class Claim:
    """One process's hold on a thread. `top_*` is the highest fence that the thread has seen, claimed by whom."""

    epoch: int
    fence: int | None
    owner: str
    nonce: str
    thread: str
    top_fence: int | None
    top_owner: str
    seal: Seal
    lineage: tuple[Lineage, ...]


@dataclass(frozen=True)
class Inherited:
    """What a thread held when it was opened: exactly what the claim sealed.

    Attributes:
        epoch: The epoch claimed, or the highest there is if the thread was only looked at.
        lineage: Former fenced epochs, oldest first.
    """

    epoch: int
    lineage: tuple[Lineage, ...]

    def holds_checkpoint(self, *, owner: str) -> bool:
        """Whether an earlier epoch of this owner stored a checkpoint: its input has been applied."""
        return any(each.owner == owner and each.checkpoints for each in self.lineage)

    def left_anything(self, *, fence: int) -> bool:
        """Whether the holder of this fence stored a checkpoint or pending writes."""
        return any(each.fence == fence and (each.checkpoints or each.batches) for each in self.lineage)

    def fences_that_left_something(self, *, owner: str) -> tuple[int, ...]:
        """Fences of this owner whose holders stored anything, ascending."""
        return tuple(
            sorted({e.fence for e in self.lineage if e.owner == owner and (e.checkpoints or e.batches)})
        )


@dataclass(frozen=True)
class ThreadScan:
    """One LIST over all namespaces of a thread, reduced to its highest epoch."""

    epoch: int = 0
    claimed: bool = False
    seal: Seal = field(default_factory=Seal)

    @property
    def has_checkpoints(self) -> bool:
        """Whether the highest epoch stored a checkpoint."""
        return bool(self.seal.heads)


def scan(found: Iterable[tuple[str, FoundKey]]) -> ThreadScan:
    """Reduce the listed keys, each with its namespace segment."""
    everything = list(found)
    epoch = max((_writer(key) for _, key in everything), default=0)
    heads: dict[str, str] = {}
    numbers: set[int] = set()
    for segment, key in everything:
        if isinstance(key, CheckpointKey) and key.epoch == epoch:
            heads[segment] = max(key.id, heads.get(segment, ""))
        elif isinstance(key, BatchKey) and key.writer == epoch:
            numbers.add(key.seq)
    claimed = any(isinstance(key, ClaimKey) and key.epoch == epoch for _, key in everything)
    return ThreadScan(epoch, claimed, Seal(heads, _ranges(numbers)))


def refuse_if_superseded(previous: Claim | None, fence: int | None, owner: str) -> None:
    """Let a claim pass only if no higher fence, and no equal one of another owner, has been seen.

    Without a fence the last opener wins.
    """
    if previous is None or fence is None or previous.top_fence is None:
        return
    if previous.top_fence > fence or (previous.top_fence == fence and previous.top_owner != owner):
        raise FenceLost(
            f"thread {previous.thread!r} is held with fence {previous.top_fence} by {previous.top_owner!r}; "
            f"fence {fence} of {owner!r} came too late"
        )


def succeed(previous: Claim | None, seen: ThreadScan) -> tuple[Lineage, ...]:
    """The lineage that a successor's claim carries on."""
    if previous is None or previous.fence is None:
        return previous.lineage if previous else ()
    last = Lineage(
        previous.epoch, previous.fence, previous.owner, seen.has_checkpoints, bool(seen.seal.batches)
    )
    return (*previous.lineage, last)


def counts(successor: Claim | None, key: CheckpointKey | BatchKey, ns_segment: str) -> bool:
    """Whether an object of a superseded writer was there when its successor took over.

    Without a successor's claim (a copied thread has none) everything counts.
    """
    if successor is None:
        return True
    if isinstance(key, BatchKey):
        return successor.seal.holds_batch(key.seq)
    return successor.seal.holds_checkpoint(ns_segment, key.id)


def _writer(key: FoundKey) -> int:
    return key.writer if isinstance(key, BatchKey) else key.epoch


def _ranges(numbers: set[int]) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)
