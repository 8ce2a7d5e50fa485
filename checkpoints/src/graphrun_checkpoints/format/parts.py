"""The pieces that state is stored in, and where they lie.

A value of the state is one part, or one part per element where it is a list or a dict, so that what did not change
is not stored again. Parts lie in packs; every stored object may hold one: a checkpoint, a batch of writes, a blob.

    value "messages"  =  runs  [checkpoint 7: parts 0-2] [blob 3f…: parts 0-40] [own pack: part 0]
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import ormsgpack

Kind = Literal["v", "l", "d", "w"]
"""A value as a whole, a list, a dict with text keys; or a write that stands in a step of its channel's log."""

SELF = ""
"""Holder of parts that lie in the pack of the very object being made."""

DIGEST_BYTES = 16


@dataclass(frozen=True)
class Part:
    """One serialised element: the serializer's type tag and bytes, and its key in a dict."""

    tag: str
    data: bytes
    key: str | None = None

    @cached_property
    def digest(self) -> bytes:
        """128 bits that tell this part from any other."""
        head = ormsgpack.packb([self.key, self.tag])
        digest = hashlib.sha256(len(head).to_bytes(4, "big") + head)
        digest.update(self.data)  # not joined first: a copy of 20 MB holds up every thread
        return digest.digest()[:DIGEST_BYTES]


@dataclass(frozen=True)
class Value:
    """A serialised value of the state."""

    kind: Kind
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Run:
    """Parts `start` to `start + count - 1` of the pack of `holder`, an object's name inside its thread."""

    holder: str
    start: int
    count: int


@dataclass(frozen=True)
class Place:
    """Where the parts of a value lie."""

    kind: Kind
    runs: tuple[Run, ...]

    def moved(self, holder: str) -> "Place":
        """The same with SELF's name known."""
        return Place(self.kind, named(self.runs, holder))


Packs = Mapping[str, Sequence[Part]]
"""Packs by the name of their holder."""


def named(runs: Iterable[Run], holder: str) -> tuple[Run, ...]:
    """Runs with SELF replaced by its name."""
    return tuple(Run(holder, run.start, run.count) if run.holder == SELF else run for run in runs)


def holders_of(places: Iterable[Place]) -> set[str]:
    """The objects in which parts of these values lie."""
    return {run.holder for place in places for run in place.runs}


def parts_at(runs: Iterable[Run], packs: Packs) -> tuple[Part, ...]:
    """The parts that runs lead to.

    Raises:
        IndexError: A pack is shorter than a run says.
    """
    found: list[Part] = []
    for run in runs:
        taken = packs[run.holder][run.start : run.start + run.count]
        if len(taken) != run.count:
            raise IndexError(run.holder)
        found.extend(taken)
    return tuple(found)


def coalesced(locations: Iterable[tuple[str, int]]) -> tuple[Run, ...]:
    """Single locations as the fewest runs."""
    runs: list[Run] = []
    for holder, index in locations:
        last = runs[-1] if runs else None
        if last is not None and last.holder == holder and last.start + last.count == index:
            runs[-1] = Run(holder, last.start, last.count + 1)
        else:
            runs.append(Run(holder, index, 1))
    return tuple(runs)


def joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Neighbouring runs that continue each other as one."""
    result: list[Run] = []
    for run in runs:
        last = result[-1] if result else None
        if last is not None and last.holder == run.holder and last.start + last.count == run.start:
            result[-1] = Run(run.holder, last.start, last.count + run.count)
        elif run.count:
            result.append(run)
    return tuple(result)


def sliced(runs: Iterable[Run], first: int, end: int) -> tuple[Run, ...]:
    """The runs of the elements `first` to `end - 1`."""
    result: list[Run] = []
    at = 0
    for run in runs:
        low, high = max(first - at, 0), min(end - at, run.count)
        if low < high:
            result.append(Run(run.holder, run.start + low, high - low))
        at += run.count
    return tuple(result)
