"""Is a thread whole? Every object intact, every claim readable, everything there that a checkpoint needs.

What cannot be told, because removal does the same on purpose: that a checkpoint is gone which no other needs parts of,
and that pending writes are gone of which no later claim speaks.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from graphrun_checkpoints.contents import StoredKey
from graphrun_checkpoints.errors import CorruptObject, MisconfiguredStore, UnsupportedFormat
from graphrun_checkpoints.format import bodies, keys, seals
from graphrun_checkpoints.format.keys import BatchKey, CheckpointKey, ClaimKey
from graphrun_checkpoints.format.parts import Place
from graphrun_checkpoints.inspection import claimed
from graphrun_checkpoints.inspection.listed import Listed, is_chunk, list_all, state_of, unpacked, windows
from graphrun_checkpoints.judging import Judge
from graphrun_checkpoints.objects import Objects


@dataclass(frozen=True)
class Finding:
    """What is wrong (`problem`) or may be (`warning`) with the object `key`, which the text names too."""

    severity: Literal["problem", "warning"]
    key: str
    text: str


@dataclass(frozen=True)
class ThreadReport:
    """What a verification found.

    Attributes:
        thread: The thread's name, or its segment in keys where the name is not known.
        objects: How many were listed.
        bytes: Their size.
        unopened: Objects encrypted with keys that were not given: their digest was checked, and no more. Of copies
            kept for their parts not even that can be checked without keys.
        findings: In the order in which they were found.
    """

    thread: str
    objects: int
    bytes: int
    unopened: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is wrong for sure."""
        return tuple(each for each in self.findings if each.severity == "problem")


@dataclass(frozen=True)
class _Need:
    """Somebody needs the first `parts` parts of a holder."""

    parts: int
    by: str


@dataclass
class Verification:
    """One look at one thread; use it once.

    Attributes:
        objects: Where the thread is; its layout takes segments.
        segment: The thread's.
    """

    objects: Objects
    segment: str
    _findings: list[Finding] = field(default_factory=list)
    _unopened: int = 0
    _claims: dict[int, seals.Claim] = field(default_factory=dict)
    _undecided: set[int] = field(default_factory=set)
    _needs: dict[str, _Need] = field(default_factory=dict)
    _chunk_needs: dict[str, str] = field(default_factory=dict)
    _ancestors: list[tuple[str, str, str]] = field(default_factory=list)
    """Namespace segment and id of checkpoints that DeltaChannels need, and who needs them."""
    _parts: dict[str, int] = field(default_factory=dict)
    """How many each holder has that could be opened."""

    async def run(self) -> ThreadReport:
        """Read everything and judge it."""
        listed = await list_all(self.objects, self.segment)
        await self._read_claims(listed.claims)
        ended = bool(listed.claims) and listed.claims[0].ended
        judge = Judge(self.objects, self.segment)
        for window in windows((each, each[1].entry.size) for each in listed.stored):
            counting = [await self._counts(judge, *each) for each in window]
            await asyncio.gather(
                *(
                    self._read_stored(segment, key, counts=counts)
                    for (segment, key), counts in zip(window, counting, strict=True)
                )
            )
        if not ended:
            self._compare_with_claims(listed, await judge.newest())
        await self._read_blobs(listed)
        await self._look_for_needed(listed)
        self._tell_of_the_rest(listed, ended=ended)
        entries = listed.entries
        return ThreadReport(
            self._thread_name(),
            len(entries),
            sum(entry.size for entry in entries),
            self._unopened,
            tuple(self._findings),
        )

    # ---------------------------------------------------------------- reading

    async def _open(self, key: str, name: str) -> dict[str, Any] | None:
        """A body; None if it is gone, or cannot be opened, which is noted."""
        data = await self.objects.store.get(key)
        if data is None:
            return None
        try:
            return await unpacked(self.objects, key, name, data)
        except MisconfiguredStore:  # intact, but encrypted with a key that we do not have
            self._unopened += 1
        except (CorruptObject, UnsupportedFormat) as error:
            self._problem(key, str(error))
        return None

    async def _read_claims(self, claims: list[ClaimKey]) -> None:
        for window in windows((each, each.entry.size) for each in claims):
            await asyncio.gather(*(self._read_claim(key) for key in window))

    async def _read_claim(self, claim: ClaimKey) -> None:
        key = claim.entry.key
        body = await self._open(key, self._name(key))
        if body is None or claim.ended:
            return
        try:
            self._claims[claim.epoch] = bodies.read_claim(key, body)
        except CorruptObject as error:
            self._problem(key, str(error))

    async def _counts(self, judge: Judge, segment: str, key: StoredKey) -> bool:
        """Whether an object counts. Where a claim cannot be read, which is told already, it had better be whole."""
        if key.epoch in self._undecided:
            return True
        try:
            return await judge.counts(segment, key)
        except (CorruptObject, UnsupportedFormat, MisconfiguredStore):
            self._undecided.add(key.epoch)
            return True

    async def _read_stored(self, segment: str, stored: StoredKey, *, counts: bool) -> None:
        key, name = stored.entry.key, stored.name
        body = await self._open(key, name)
        if body is None:
            return
        try:
            if isinstance(stored, BatchKey):
                batch = bodies.read_batch(key, name, body)
                pack, places = batch.pack, batch.writes.places
            else:
                checkpoint = bodies.read_checkpoint(key, name, body)
                pack, places = checkpoint.pack, [*_state_places(checkpoint), *checkpoint.folded.places]
                if counts and checkpoint.unlogged and checkpoint.parent is not None:
                    self._ancestors.append((segment, checkpoint.parent, key))
        except CorruptObject as error:
            self._problem(key, str(error))
            return
        self._parts[name] = len(pack)
        if counts:
            self._need(key, places)

    async def _read_blobs(self, listed: Listed) -> None:
        kept = {keys.kept_name(name): name for name in self._needs}
        for window in windows((each, entry.size) for each, entry in listed.blobs.items()):
            await asyncio.gather(*(self._read_blob(listed.blobs[name].key, name, kept) for name in window))

    async def _read_blob(self, key: str, name: str, kept: dict[str, str]) -> None:
        own = name  # a kept object's digest covers the name that it once had
        if name.startswith(keys.KEPT):
            if name not in kept:
                return  # nobody needs it, so nobody knows that name
            own = kept[name]
        body = await self._open(key, own)
        if body is None:
            return
        try:
            if is_chunk(own):
                bodies.read_chunk(key, body)
                return
            pack, chunks = bodies.read_pack(key, body)
        except CorruptObject as error:
            self._problem(key, str(error))
            return
        if own not in self._parts:
            self._parts[own] = len(pack)
        if own in self._needs:
            self._chunk_needs.update(dict.fromkeys(chunks, key))

    # ---------------------------------------------------------------- judging

    def _need(self, key: str, places: Iterable[Place]) -> None:
        for run in (run for place in places for run in place.runs):
            known = self._needs.get(run.holder)
            if known is None or run.start + run.count > known.parts:
                self._needs[run.holder] = _Need(run.start + run.count, key)

    def _compare_with_claims(self, listed: Listed, newest: int) -> None:
        for each in claimed.missing(self._claims, listed):
            key = self.objects.layout.key(self.segment, each.name)
            self._problem(
                key,
                f"{key} is missing: it was there when epoch {each.told_by} was claimed; restore it from a backup",
            )
        for epoch, found in claimed.unclaimed(listed, newest).items():
            self._warn(
                found[0],
                f"{found[0]} and {len(found) - 1} more of epoch {epoch} have no claim and are not read: stored by a "
                "process whose thread was deleted, or its claim is lost",
            )

    async def _look_for_needed(self, listed: Listed) -> None:
        names = {key.name for _, key in listed.stored} | listed.blobs.keys()
        for holder, need in self._needs.items():
            key = self.objects.layout.key(self.segment, holder)
            if holder not in names and keys.kept_name(holder) not in names:
                await self._miss(holder, need.by)
            elif self._parts.get(holder, need.parts) < need.parts:  # unopened ones are told of elsewhere
                self._problem(key, f"{key} has fewer parts than {need.by} needs; restore it from a backup")
        for chunk, by in self._chunk_needs.items():
            if chunk not in names:
                await self._miss(chunk, by)
        ids = {(segment, key.id) for segment, key in listed.stored if isinstance(key, CheckpointKey)}
        for segment, id_, by in self._ancestors:
            if (segment, id_) not in ids:
                self._problem(by, f"{by} needs its parent {id_} for a DeltaChannel, and that is missing")

    async def _miss(self, name: str, by: str) -> None:
        """Report a missing object, unless it, or who needs it, was stored or removed since we listed them."""
        store, key = self.objects.store, self.objects.layout.key(self.segment, name)
        for there in (key, self.objects.layout.key(self.segment, keys.kept_name(name))):
            found = await store.list(there, max_keys=1)
            if found and found[0].key == there:
                return
        if await store.get(by) is not None:
            self._problem(key, f"{key} is missing, and {by} needs it; restore it from a backup")

    def _tell_of_the_rest(self, listed: Listed, *, ended: bool) -> None:
        if ended:
            key = listed.claims[0].entry.key
            self._warn(
                key, f"{key}: the thread is being deleted; if that was cut short, the next opener ends it"
            )
        for entry in listed.unknown:
            self._warn(entry.key, f"{entry.key} is unknown to this version of graphrun-checkpoints")

    # ---------------------------------------------------------------- words

    def _problem(self, key: str, text: str) -> None:
        self._findings.append(Finding("problem", key, text))

    def _warn(self, key: str, text: str) -> None:
        self._findings.append(Finding("warning", key, text))

    def _name(self, key: str) -> str:
        return key.removeprefix(self.objects.layout.thread(self.segment))

    def _thread_name(self) -> str:
        decoded = keys.decode_name(self.segment)
        named = next((claim.thread for claim in self._claims.values()), self.segment)
        return decoded if decoded is not None else named


def _state_places(checkpoint: bodies.StoredCheckpoint) -> list[Place]:
    return [place for each in state_of(checkpoint).values() for place in each]
