"""Looking into a bucket without changing it: which threads there are, whether they are whole, what they cost."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from graphrun_checkpoints.errors import CorruptObject, MisconfiguredStore, UnsupportedFormat
from graphrun_checkpoints.format import keys
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.format.keys import ClaimKey
from graphrun_checkpoints.inspection.listed import SegmentLayout, unpacked, windows
from graphrun_checkpoints.inspection.measurement import Amount, ChannelSize, Measurement, ThreadSize, together
from graphrun_checkpoints.inspection.verification import Finding, ThreadReport, Verification
from graphrun_checkpoints.judging import read_claim
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.store import Entry, Store

__all__ = [
    "Amount",
    "ChannelSize",
    "Finding",
    "FoundThread",
    "Inspector",
    "ThreadReport",
    "ThreadSize",
    "together",
]

_FIRST_KEYS = 16


@dataclass(frozen=True)
class FoundThread:
    """A thread: its segment in keys, and its name, None where only a hash of it is in keys and no claim tells it."""

    segment: str
    name: str | None

    @property
    def shown(self) -> str:
        """What to call it."""
        return self.segment if self.name is None else self.name


class Inspector:
    """Reads everything of what it is asked about; claims and changes nothing. On the caller's own event loop.

    Args:
        store: Where from.
        prefix: Prefix of all keys.
        encryption: Keys, if objects are encrypted. Without, `verify` checks digests alone and `stats` refuses.
    """

    def __init__(
        self, store: Store, *, prefix: str = "checkpoints", encryption: Encryption | None = None
    ) -> None:
        self._objects = Objects(store, SegmentLayout(prefix.strip("/")), Codec(encryption), 0)

    async def threads(self) -> AsyncIterator[FoundThread]:
        """All threads, in the order of their keys: one LIST of one key each."""
        async for segment in self._objects.segments(self._objects.layout.root):
            name = keys.decode_name(segment)
            yield FoundThread(segment, name if name is not None else await self._claimed_name(segment))

    async def find(self, thread: str) -> FoundThread | None:
        """A thread by its name; None if nothing is stored of it."""
        found = FoundThread(keys.encode_name(thread), thread)
        prefix = self._objects.layout.thread(found.segment)
        return found if await self._objects.store.list(prefix, max_keys=1) else None

    async def verify(self, thread: FoundThread) -> ThreadReport:
        """Whether every object of a thread is intact and everything is there that others need."""
        return await Verification(self._objects, thread.segment).run()

    async def verify_markers(self) -> ThreadReport:
        """Whether the notes of which run stored something where are intact; its findings have no thread."""
        prefix = self._objects.layout.runs
        entries = [entry async for entry in self._objects.keys(prefix)]
        findings: list[Finding] = []
        unopened = 0
        for window in windows((entry, entry.size) for entry in entries):
            for entry in window:
                try:
                    await self._open_marker(entry)
                except MisconfiguredStore:
                    unopened += 1
                except (CorruptObject, UnsupportedFormat) as error:
                    findings.append(Finding("problem", entry.key, str(error)))
        size = sum(entry.size for entry in entries)
        return ThreadReport("", len(entries), size, unopened, tuple(findings))

    async def stats(self, thread: FoundThread) -> ThreadSize:
        """What a thread costs, and what of it.

        Raises:
            CorruptObject: Something is damaged or missing; `verify` tells all of it.
            MisconfiguredStore: Something is encrypted with a key that was not given.
        """
        return await Measurement(self._objects, thread.segment).run(thread.shown)

    async def _open_marker(self, entry: Entry) -> None:
        data = await self._objects.store.get(entry.key)
        if data is not None:
            await unpacked(self._objects, entry.key, keys.MARKER, data)

    async def _claimed_name(self, segment: str) -> str | None:
        prefix = self._objects.layout.namespace(segment, keys.ROOT)
        async for _, key in self._objects.found(segment, prefix, first_page=_FIRST_KEYS):
            if not isinstance(key, ClaimKey) or key.ended:
                continue
            try:
                claim = await read_claim(self._objects, segment, key.epoch)
            except (CorruptObject, UnsupportedFormat, MisconfiguredStore):
                continue  # an older one may tell
            if claim is not None:
                return claim.thread
        return None
