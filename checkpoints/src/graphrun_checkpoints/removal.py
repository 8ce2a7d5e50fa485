"""Taking stored things away: whole threads, old checkpoints, what runs left, and what nobody needs.

A removed checkpoint may hold parts that others refer to; it is then kept as a holder of parts alone, out of sight.
Blobs that nobody refers to go too. Of a thread that another process may be writing to, only those go that it cannot
be about to refer to: of epochs before its own, or anything once the thread has been quiet for the grace period.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from graphrun_checkpoints.contents import Contents, StoredKey, holders_needed, look_over
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.fencing import GENERATION_SECONDS, Fencing
from graphrun_checkpoints.format import bodies, json_view, keys
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey
from graphrun_checkpoints.judging import read_claim
from graphrun_checkpoints.leases import Leases
from graphrun_checkpoints.markers import Markers
from graphrun_checkpoints.objects import Named, Objects
from graphrun_checkpoints.writing import Writing

LEAST_GRACE = timedelta(seconds=2 * GENERATION_SECONDS)
"""A writer trusts its own blobs for half of this time without storing anything (fencing.py)."""
GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class Removed:
    """What a clean-up took away: how many objects, and their bytes as stored."""

    checkpoints: int = 0
    objects: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.checkpoints + other.checkpoints, self.objects + other.objects, self.bytes + other.bytes
        )


class Removal:
    """Clean-ups of one prefix. Used on the saver's own thread only.

    Args:
        objects: Where things are.
        writing: What this process is storing meanwhile.
        fencing: Ends threads.
        leases: What this process holds.
        markers: Where runs left something.
    """

    def __init__(
        self, objects: Objects, writing: Writing, fencing: Fencing, leases: Leases, markers: Markers
    ) -> None:
        self._objects = objects
        self._writing = writing
        self._fencing = fencing
        self._leases = leases
        self._markers = markers

    async def delete(self, thread: str) -> None:
        """Delete a thread, its writers fenced out first. One cut short is finished by the next opener."""
        self._writing.forget(thread)
        self._leases.drop(thread)
        left = await self._fencing.lineage(thread)
        await self._markers.remove_of(thread, {each.owner for each in left.lineage})
        if await self._objects.store.list(self._objects.layout.thread(thread), max_keys=1):
            await self._fencing.end(thread)

    async def prune(
        self, thread: str, keep: int, grace: timedelta = GRACE, *, dry_run: bool = False
    ) -> Removed:
        """Keep the newest checkpoints of each namespace and what is pending on them.

        With more than one, ends of branches are kept too: forks, and runs that wait for an answer.
        """
        async with self._alone(thread):
            contents = await look_over(self._objects, thread)
            kept: set[str] = set()
            for segment in contents.counting:
                kept |= await self._kept(contents, segment, keep)
            doomed = [key for key in contents.all_counting() if key.id not in kept]
            return await self._take_away(contents, doomed, grace, dry_run=dry_run)

    async def delete_for_runs(self, runs: Sequence[str]) -> Removed:
        """Remove what runs stored: checkpoints whose metadata name them, and epochs claimed in their names."""
        total = Removed()
        for run in runs:
            async for thread in self._markers.threads(run):
                async with self._alone(thread):
                    contents = await look_over(self._objects, thread)
                    epochs = await self._epochs_of(contents, run)
                    ids = {key.id for key in contents.all_counting() if await self._is_of(contents, key, run)}
                    doomed = [key for key in contents.all_counting() if key.id in ids or key.epoch in epochs]
                    total += await self._take_away(contents, doomed, GRACE)
            await self._markers.remove(run)
        return total

    async def collect(self, thread: str, grace: timedelta, *, dry_run: bool = False) -> Removed:
        """Remove what nobody can need: objects that do not count, and blobs that nothing refers to."""
        if grace < LEAST_GRACE:
            raise InvalidCheckpoint(
                f"grace {grace} is too short: a writer may be about to refer to blobs; give {LEAST_GRACE}"
            )
        async with self._alone(thread):
            contents = await look_over(self._objects, thread)
            old = _now() - grace
            strays = [key for key in contents.stray if key.entry.modified < old]
            return await self._take_away(contents, strays, grace, dry_run=dry_run)

    # ---------------------------------------------------------------- the one way in which things go

    async def _take_away(
        self, contents: Contents, doomed: Sequence[StoredKey], grace: timedelta, *, dry_run: bool = False
    ) -> Removed:
        """Remove checkpoints and batches, and the blobs that nothing left needs.

        First what others need of the doomed is kept, then the doomed go, oldest first, then blobs.
        """
        thread, names = contents.thread, {key.name for key in doomed}
        left = [key for key in contents.all_counting() if key.name not in names]
        needed = await holders_needed(self._objects, thread, left)
        blobs = await self._unneeded(contents, needed, grace)
        gone = [key.entry for key in doomed] + [contents.blobs[name] for name in blobs]
        if not dry_run:
            for name in sorted(needed & names):
                await self._keep(contents, name)
            ids = {key.id for key in doomed if isinstance(key, CheckpointKey)}
            for lane in self._writing.lanes.of_thread(thread):
                lane.remove(ids)
            for key in doomed:
                self._objects.forget(Named(thread, key.name))
            await self._objects.store.delete_many([key.entry.key for key in reversed(doomed)])
            await self._objects.store.delete_many([contents.blobs[name].key for name in blobs])
            self._leases.forget_blobs(thread)
        return Removed(
            sum(isinstance(key, CheckpointKey) for key in doomed),
            len(gone),
            sum(entry.size for entry in gone),
        )

    async def _unneeded(self, contents: Contents, needed: set[str], grace: timedelta) -> list[str]:
        """The blobs that nothing refers to and that no writer may be about to refer to."""
        kept = needed | {keys.kept_name(name) for name in needed}
        unused = [name for name in contents.blobs if keys.blob_of(name) not in kept]
        if await self._leases.own(contents.thread):
            return unused  # all that could refer to them are our own writers, and they wait
        old = _now() - grace
        quiet = contents.last_change < old
        return [
            name
            for name in unused
            if contents.blobs[name].modified < old
            and (quiet or (epoch := keys.blob_epoch(name)) is None or epoch < contents.newest)
        ]

    async def _keep(self, contents: Contents, name: str) -> None:
        kept = keys.kept_name(name)
        if kept not in contents.blobs:
            key = self._objects.layout.key
            await self._objects.store.copy(key(contents.thread, name), key(contents.thread, kept))

    @contextlib.asynccontextmanager
    async def _alone(self, thread: str) -> AsyncIterator[None]:
        """Store what waits, and let no writer of this process store anything meanwhile."""
        for lane in self._writing.lanes.of_thread(thread):
            await self._writing.flush(thread, lane.ns)
        async with self._writing.lanes.gate(thread).closed():
            yield

    async def _kept(self, contents: Contents, segment: str, keep: int) -> set[str]:
        """The checkpoints that a namespace keeps: all of them, if what is wanted cannot do without its ancestors."""
        checkpoints = contents.checkpoints(segment)
        wanted = _kept_ids(checkpoints, keep)
        for key in checkpoints:
            body = await self._objects.read(Named(contents.thread, key.name)) if key.id in wanted else None
            if body is not None and bodies.read_checkpoint(key.entry.key, key.name, body).unlogged:
                return {each.id for each in checkpoints}
        return wanted

    async def _epochs_of(self, contents: Contents, run: str) -> set[int]:
        """The epochs that were claimed in a run's name."""
        claims = [
            await read_claim(self._objects, contents.thread, key.epoch)
            for key in contents.claims
            if not key.ended
        ]
        return {
            claim.epoch
            for claim in claims
            if claim is not None and claim.owner == run and claim.fence is not None
        }

    async def _is_of(self, contents: Contents, key: StoredKey, run: str) -> bool:
        """Whether a checkpoint's metadata name a run."""
        if isinstance(key, BatchKey) or key.run_tag != keys.run_tag(run):
            return False
        body = await self._objects.read(Named(contents.thread, key.name), remember=False)
        if body is None:
            return False
        metadata = json_view.part_to_json(bodies.read_checkpoint(key.entry.key, key.name, body).metadata)
        return isinstance(metadata, dict) and str(metadata.get("run_id")) == run


def _kept_ids(checkpoints: Sequence[CheckpointKey], keep: int) -> set[str]:
    """The newest, and with more than one also those without children."""
    kept = {key.id for key in checkpoints[:keep]}
    if keep > 1:
        parents = {key.parent_tag for key in checkpoints}
        kept |= {key.id for key in checkpoints if keys.parent_tag(key.id) not in parents}
    return kept


def _now() -> datetime:
    return datetime.now(UTC)
