r"""Epochs, fences and seals: which stored objects count after one process took a thread over from another.

    epoch 1: claim, x1, x2 ──────────── x3 (late), writes on x2 (late)      <- stopped process, still sending
                          \ seal: heads {x2}, no batches
    epoch 2:               claim, y3, y4 …

A claim seals its predecessor: it lists the newest checkpoint of each namespace and the writes pending there. What the
predecessor stores later is never read, nor is anything of an epoch that no claim stands for (a deleted thread's
zombie). Fences are given from outside and only grow in a thread; a claim with a lower one than before is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphrun_checkpoints.errors import FenceLost
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey, ClaimKey, FoundKey


@dataclass(frozen=True)
class Seal:
    """What an epoch had stored when the next one was claimed.

    Attributes:
        heads: Id of its newest checkpoint, by namespace segment.
        batches: Numbers of its batches on the newest checkpoint of each namespace, by that checkpoint's id.
        newest: The highest number seen of all that it stored. On other checkpoints, batches up to it count: a
            writer stores nothing on a checkpoint that it has left behind, but for the first step of a fork.
    """

    heads: dict[str, str] = field(default_factory=dict)
    batches: dict[str, list[int]] = field(default_factory=dict)
    newest: int = -1

    def holds_checkpoint(self, ns_segment: str, id_: str) -> bool:
        """Ids of one writer grow, so everything up to its newest was there."""
        return id_ <= self.heads.get(ns_segment, "")

    def holds_batch(self, id_: str, seq: int) -> bool:
        """Whether that batch was there."""
        on_head = self.batches.get(id_)
        return seq in on_head if on_head is not None else seq <= self.newest


@dataclass(frozen=True)
class Lineage:
    """A fenced epoch of the past and what it left for its successors to go on from.

    Only the root namespace tells: a subgraph's checkpoints and writes belong to a task of the root checkpoint, whose
    PUT may have been overtaken by theirs and never have happened.

    Attributes:
        checkpoints: Whether it stored a checkpoint of the root namespace.
        batches: Whether it stored writes on a root checkpoint that is there.
    """

    epoch: int
    fence: int
    owner: str
    checkpoints: bool
    batches: bool


@dataclass(frozen=True)
class Claim:
    """One process's hold on a thread.

    Attributes:
        previous: The claimed epoch before this one; 0 if there is none.
        copied: Objects up to this epoch were copied from another thread, all of them valid.
        top_fence: The highest fence that the thread has seen, claimed by `top_owner`.
        seal: What the previous epoch had stored.
        lineage: Former fenced epochs, oldest first.
    """

    epoch: int
    previous: int
    copied: int
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
        """Whether an earlier epoch of this owner stored a root checkpoint: its input has been applied."""
        return any(each.owner == owner and each.checkpoints for each in self.lineage)

    def left_anything(self, *, fence: int) -> bool:
        """Whether the holder of this fence stored a root checkpoint or writes pending on one."""
        return any(each.fence == fence and (each.checkpoints or each.batches) for each in self.lineage)

    def fences_that_left_something(self, *, owner: str) -> tuple[int, ...]:
        """Fences of this owner whose holders stored anything, ascending."""
        return tuple(
            sorted({e.fence for e in self.lineage if e.owner == owner and (e.checkpoints or e.batches)})
        )


@dataclass(frozen=True)
class ThreadScan:
    """A look at a thread: its newest claim, and what the claim's holder has stored.

    Attributes:
        claimed: The highest claimed epoch; 0 if there is none.
        highest: The highest epoch of any object, claimed or not.
        seal: What `claimed` has stored.
        left_checkpoint: Whether that includes a checkpoint of the root namespace.
        left_batches: Whether that includes writes pending on a root checkpoint that is there.
        ended: The thread is being deleted.
    """

    claimed: int = 0
    highest: int = 0
    seal: Seal = field(default_factory=Seal)
    left_checkpoint: bool = False
    left_batches: bool = False
    ended: bool = False


def scan(found: Iterable[tuple[str, FoundKey]], root_segment: str, highest: int) -> ThreadScan:
    """Reduce what counts of the listed keys, each with its namespace segment.

    Args:
        found: Of the root namespace all down to the newest checkpoint, of the others everything.
        root_segment: The root namespace's segment.
        highest: The highest epoch of any object, counting or not.
    """
    everything = list(found)
    claimed = max((key.epoch for _, key in everything if isinstance(key, ClaimKey)), default=0)
    heads: dict[str, str] = {}
    batches: dict[str, list[int]] = {}
    newest = -1
    for segment, key in everything:
        if isinstance(key, CheckpointKey) and segment == root_segment:
            batches.setdefault(key.id, [])
        if isinstance(key, ClaimKey) or key.epoch != claimed:
            continue
        newest = max(newest, key.seq)
        if isinstance(key, CheckpointKey):
            heads[segment] = max(key.id, heads.get(segment, ""))
        else:
            batches.setdefault(key.id, []).append(key.seq)
    for id_ in heads.values():
        batches.setdefault(id_, [])
    return ThreadScan(
        claimed,
        highest,
        Seal(heads, batches, newest),
        left_checkpoint=root_segment in heads,
        left_batches=_has_root_batches(everything, root_segment, claimed),
    )


def _has_root_batches(found: list[tuple[str, FoundKey]], root_segment: str, claimed: int) -> bool:
    root = [key for segment, key in found if segment == root_segment]
    newest = max((key.id for key in root if isinstance(key, CheckpointKey)), default="")
    return any(isinstance(key, BatchKey) and key.epoch == claimed and key.id <= newest for key in root)


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
    last = Lineage(previous.epoch, previous.fence, previous.owner, seen.left_checkpoint, seen.left_batches)
    return (*previous.lineage, last)


def counts(successor: Claim, key: CheckpointKey | BatchKey, ns_segment: str) -> bool:
    """Whether an object of a superseded epoch was there when its successor was claimed."""
    if isinstance(key, BatchKey):
        return successor.seal.holds_batch(key.id, key.seq)
    return successor.seal.holds_checkpoint(ns_segment, key.id)
