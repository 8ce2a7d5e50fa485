"""Where the parts of a new checkpoint go: which are stored anew, which are referred to, which are brought together.

What a step adds is stored in its checkpoint's own pack; later checkpoints refer to it there. So that a resume reads
few objects, the parts of small holders are taken into the own pack again when there are too many of them; sizes grow
as in a binary counter, so that each part is stored few times. A pack that becomes large goes to a blob.
Pure: nothing here reads or writes.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from graphrun_checkpoints.format.bodies import Log
from graphrun_checkpoints.format.parts import (
    SELF,
    Kind,
    Packs,
    Part,
    Place,
    Run,
    Value,
    coalesced,
    joined,
    named,
    sliced,
)
from graphrun_checkpoints.format.writes import PlacedTask, PlacedWrite, TaskWrites

LARGE_PART = 1024 * 1024
"""Bytes from which a part has a blob of its own: a task's write and the state that it becomes share it."""
LARGEST_STATE_PACK = 64 * 1024
"""Bytes of state in a checkpoint's own pack; beyond, it goes to a blob, so that histories stay cheap to read."""
LARGEST_PACK = 256 * 1024
"""The same with the writes that led to the checkpoint."""
MOST_HOLDERS = 6
"""Objects beside the checkpoint that a resume reads, large ones aside."""
_LARGE_HOLDER = 4 * 1024 * 1024
"""Bytes from which a holder's parts stay where they are: moving them costs more than a request."""
_DOUBLING = 1.25  # sizes are never quite equal
_TINY = 4 * 1024
"""Bytes that may be stored again with each checkpoint to save a resume its requests."""


@dataclass(frozen=True)
class Known:
    """A value whose parts are stored: where they are, what they are, how large they are."""

    kind: Kind
    runs: tuple[Run, ...]
    digests: tuple[bytes, ...]
    sizes: tuple[int, ...]

    @property
    def place(self) -> Place:
        """As it is stored."""
        return Place(self.kind, self.runs)

    def stored_in(self, holder: str) -> "Known":
        """The same once SELF has its name."""
        return replace(self, runs=named(self.runs, holder))

    def locations(self) -> list[tuple[str, int]]:
        """Holder and index of each part."""
        return [(run.holder, run.start + at) for run in self.runs for at in range(run.count)]


@dataclass(frozen=True)
class KnownLog:
    """A log whose parts are stored."""

    seed: Known | None
    steps: Known

    @property
    def newest(self) -> tuple[Run, ...]:
        """Where the newest step is."""
        return sliced(self.steps.runs, len(self.steps.digests) - 1, len(self.steps.digests))

    @property
    def log(self) -> Log:
        """As it is stored."""
        return Log(self.seed.place if self.seed is not None else None, self.steps.runs)


@dataclass(frozen=True)
class Manifest:
    """All that is known of a stored checkpoint's state without reading it again.

    Attributes:
        first: It has no parent.
    """

    first: bool
    versions: Mapping[str, object]
    values: Mapping[str, Known]
    logs: Mapping[str, KnownLog]

    def all(self) -> list[Known]:
        """Every value in it."""
        seeds = [log.seed for log in self.logs.values() if log.seed is not None]
        return [*self.values.values(), *seeds, *(log.steps for log in self.logs.values())]

    def stored_in(self, holder: str) -> "Manifest":
        """The same once SELF has its name."""
        return self.moved(lambda each: each.stored_in(holder))

    def moved(self, move: Callable[[Known], Known]) -> "Manifest":
        """The same with each value's new place."""
        return Manifest(
            self.first,
            self.versions,
            {channel: move(each) for channel, each in self.values.items()},
            {
                channel: KnownLog(move(log.seed) if log.seed is not None else None, move(log.steps))
                for channel, log in self.logs.items()
            },
        )


Naming = Callable[[bytes], str]
"""The name of the blob with a content digest."""


def known(value: Value, runs: tuple[Run, ...]) -> Known:
    """A value that was read, with where it was read from."""
    return Known(
        value.kind,
        runs,
        tuple(part.digest for part in value.parts),
        tuple(len(part.data) for part in value.parts),
    )


def holders_to_gather(values: Iterable[Known], own_bytes: int) -> set[str]:
    """The holders whose parts are to be stored anew: tiny ones, and as many of the smaller ones as are too many.

    Once one must go, all go whose size is not above that of those before them together: sizes then grow by doubling.

    Args:
        values: All state of the new checkpoint.
        own_bytes: What its own pack has already.
    """
    sizes = _bytes_by_holder(values)
    order = sorted((size, holder) for holder, size in sizes.items() if size < _LARGE_HOLDER)
    gathered: set[str] = set()
    total = 0
    for size, holder in order:
        blob = 1 if own_bytes + total > LARGEST_STATE_PACK else 0
        too_many = len(order) - len(gathered) + blob > MOST_HOLDERS
        doubles = bool(gathered) and total > _TINY and size <= total * _DOUBLING
        if not too_many and not doubles and total + size > _TINY:
            break
        gathered.add(holder)
        total += size
    return gathered


def _bytes_by_holder(values: Iterable[Known]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for each in values:
        lengths = iter(each.sizes)
        for run in each.runs:
            size = sum(itertools.islice(lengths, run.count))
            if run.holder != SELF:
                sizes[run.holder] = sizes.get(run.holder, 0) + size
    return sizes


@dataclass
class Draft:
    """A pack in the making, and the blobs beside it.

    Attributes:
        naming: Names for blobs.
        pack: Parts of the object itself.
        blobs: Parts by blob, to be stored before it.
    """

    naming: Naming
    pack: list[Part] = field(default_factory=list)
    blobs: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    _where: dict[bytes, tuple[str, int]] = field(default_factory=dict)

    def place(self, value: Value, old: Known | None = None) -> Known:
        """Find a place for each part of a value: where it was in the old one, in a blob, or in the own pack."""
        digests = tuple(part.digest for part in value.parts)
        sizes = tuple(len(part.data) for part in value.parts)
        if old is None:
            return Known(value.kind, coalesced(self._locate(part) for part in value.parts), digests, sizes)
        first, last = _common_ends(digests, old.digests)
        end = len(digests) - last
        was = dict(zip(old.digests, old.locations(), strict=True)) if first < end else {}
        changed = [was.get(part.digest) or self._locate(part) for part in value.parts[first:end]]
        before = sliced(old.runs, 0, first)
        after = sliced(old.runs, len(old.digests) - last, len(old.digests))
        return Known(value.kind, joined([*before, *coalesced(changed), *after]), digests, sizes)

    def place_writes(self, calls: Iterable[TaskWrites]) -> tuple[PlacedTask, ...]:
        """Find places for what tasks wrote."""
        return tuple(
            PlacedTask(
                call.task,
                call.path,
                tuple(
                    PlacedWrite(each.channel, each.idx, self.place(each.value).place) for each in call.writes
                ),
            )
            for call in calls
        )

    def gather(self, value: Known, holders: Iterable[str], packs: Packs) -> Known:
        """Take a value's parts that lie in these holders into the own pack."""
        moving = set(holders)
        if not any(run.holder in moving for run in value.runs):
            return value
        locations = [
            self._taken(packs[holder][index]) if holder in moving else (holder, index)
            for holder, index in value.locations()
        ]
        return replace(value, runs=coalesced(locations))

    @property
    def own_bytes(self) -> int:
        """Bytes of the own pack's parts."""
        return sum(len(part.data) for part in self.pack)

    def empty_into_blob(self, limit: int) -> str | None:
        """Move the own pack to a blob if it has more than `limit` bytes; answers the name that SELF has now."""
        if self.own_bytes <= limit:
            return None
        name = self.naming(Part("pack", b"".join(part.digest for part in self.pack)).digest)
        self.blobs[name] = tuple(self.pack)
        self._where = {
            digest: (name if holder == SELF else holder, index)
            for digest, (holder, index) in self._where.items()
        }
        self.pack = []
        return name

    def _locate(self, part: Part) -> tuple[str, int]:
        if part.digest in self._where or len(part.data) < LARGE_PART:
            return self._taken(part)
        name = self.naming(part.digest)
        self.blobs[name] = (part,)
        self._where[part.digest] = (name, 0)
        return name, 0

    def _taken(self, part: Part) -> tuple[str, int]:
        where = self._where.get(part.digest)
        if where is None:
            where = self._where[part.digest] = (SELF, len(self.pack))
            self.pack.append(part)
        return where


def _common_ends(new: tuple[bytes, ...], old: tuple[bytes, ...]) -> tuple[int, int]:
    """How many elements two lists share at their beginnings, and then at their ends."""
    shortest = min(len(new), len(old))
    first = next((at for at in range(shortest) if new[at] != old[at]), shortest)
    left = shortest - first
    last = next((at for at in range(left) if new[-1 - at] != old[-1 - at]), left)
    return first, last
