"""What a process knows of one namespace: writes that wait to be stored, and the newest stored state.

Touched on the saver's own thread only.
"""

import asyncio
import contextlib
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from graphrun_checkpoints.format.writes import Batch, TaskWrites
from graphrun_checkpoints.placing import Manifest

V = TypeVar("V")

_KNOWN_IDS = 512
_MOST_LANES = 256
_MANIFESTS = 4  # the checkpoint under way, its parent, and two for branches


@dataclass
class Lane:
    """The buffer of one namespace of a thread.

    Attributes:
        lock: Held while an object of the namespace is being stored; gives storage our order.
        waiting: Writes by the checkpoint that they are pending on.
        timers: When the writes on a checkpoint are to be stored by themselves.
        putting: Checkpoints whose own PUT is under way.
        removed: Checkpoints that a clean-up of this process took away.
        stored_at: When a checkpoint was stored last, by the event loop's clock.
        changes: Counts what this process stored; tells a reader whether it read while more was stored.
    """

    thread: str
    ns: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: dict[str, list[TaskWrites]] = field(default_factory=dict)
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    putting: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    changes: int = 0
    stored_at: float = 0.0
    _names: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _manifests: OrderedDict[str, Manifest] = field(default_factory=OrderedDict)
    _written: OrderedDict[str, list[Batch]] = field(default_factory=OrderedDict)
    _early: OrderedDict[str, list[Batch]] = field(default_factory=OrderedDict)

    @property
    def idle(self) -> bool:
        """Whether it may be forgotten."""
        return not (self.waiting or self.putting or self.lock.locked())

    # ---------------------------------------------------------------- what is stored

    def know(self, id_: str, name: str) -> None:
        """Remember under which name a checkpoint is stored."""
        _remember(self._names, id_, name, _KNOWN_IDS)

    def name_of(self, id_: str) -> str | None:
        """The name of a stored checkpoint; None for one never seen stored."""
        return self._names.get(id_)

    def stored(self, id_: str, name: str, manifest: Manifest) -> None:
        """A checkpoint was stored: its children are stored as differences to it."""
        self.changes += 1
        self.know(id_, name)
        _remember(self._manifests, id_, manifest, _MANIFESTS)
        _remember(self._written, id_, self._early.pop(id_, []), _MANIFESTS)

    def wrote(self, id_: str, batch: Batch) -> None:
        """Writes on a checkpoint were stored; perhaps before itself, whose PUT is still to come."""
        self.changes += 1
        if id_ in self._written:
            self._written[id_].append(batch)
        else:
            _remember(self._early, id_, [*self._early.get(id_, ()), batch], _KNOWN_IDS)

    def was_read(self, id_: str, name: str, batches: list[Batch]) -> None:
        """A checkpoint was read with all writes on it, while this process stored nothing."""
        self.know(id_, name)
        self._early.pop(id_, None)
        if id_ not in self._written:
            _remember(self._written, id_, batches, _MANIFESTS)

    def manifest_of(self, id_: str) -> Manifest | None:
        """The state of a checkpoint seen lately."""
        return self._manifests.get(id_)

    def writes_on(self, id_: str) -> list[Batch] | None:
        """All writes that are stored on a checkpoint; None if that is not known."""
        return self._written.get(id_)

    def forget_writes(self, id_: str) -> None:
        """Let go of the writes on a checkpoint: its child is stored."""
        self._written.pop(id_, None)

    def remove(self, ids: Iterable[str]) -> None:
        """Checkpoints are being taken away: nothing may be stored as a difference to them."""
        for id_ in ids:
            self.removed.add(id_)
            for kept in (self._names, self._manifests, self._written, self._early):
                kept.pop(id_, None)

    # ---------------------------------------------------------------- what waits

    def add(self, id_: str, call: TaskWrites) -> None:
        """Buffer a task's writes."""
        self.waiting.setdefault(id_, []).append(call)

    def take(self, id_: str) -> tuple[TaskWrites, ...]:
        """All that waits on a checkpoint; what comes later waits anew."""
        timer = self.timers.pop(id_, None)
        if timer is not None:
            timer.cancel()
        return tuple(self.waiting.pop(id_, ()))

    def give_back(self, id_: str, calls: tuple[TaskWrites, ...]) -> None:
        """Put taken writes back, before those that came since."""
        if calls:
            self.waiting[id_] = [*calls, *self.waiting.get(id_, ())]


class Gate:
    """Lets many writers of a thread pass, or one clean-up alone."""

    def __init__(self) -> None:
        self._passing = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Store something; waits while a clean-up is under way."""
        async with self._closing:
            self._passing += 1
            self._idle.clear()
        try:
            yield
        finally:
            self._passing -= 1
            if not self._passing:
                self._idle.set()

    @contextlib.asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Clean up; waits for what is being stored, and nothing is stored meanwhile."""
        async with self._closing:
            await self._idle.wait()
            yield


class Lanes:
    """The lanes of all threads; the idle ones used least lately are forgotten when there are many."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[tuple[str, str], Lane] = OrderedDict()
        self._gates: weakref.WeakValueDictionary[str, Gate] = weakref.WeakValueDictionary()

    def of(self, thread: str, ns: str) -> Lane:
        """A namespace's lane, made if there is none."""
        lane = self._lanes.get((thread, ns))
        if lane is None:
            lane = self._lanes[thread, ns] = Lane(thread, ns)
            self._forget_idle()
        self._lanes.move_to_end((thread, ns))
        return lane

    def _forget_idle(self) -> None:
        too_many = len(self._lanes) - _MOST_LANES
        for place in [place for place, lane in self._lanes.items() if lane.idle][: max(too_many, 0)]:
            del self._lanes[place]

    def existing(self, thread: str, ns: str) -> Lane | None:
        """A namespace's lane, if there is one."""
        return self._lanes.get((thread, ns))

    def all(self) -> list[Lane]:
        """Every lane."""
        return list(self._lanes.values())

    def of_thread(self, thread: str) -> list[Lane]:
        """The lanes of one thread."""
        return [lane for lane in self._lanes.values() if lane.thread == thread]

    def gate(self, thread: str) -> Gate:
        """What writers and clean-ups of a thread pass through."""
        gate = self._gates.get(thread)
        if gate is None:
            gate = self._gates[thread] = Gate()
        return gate

    def drop(self, thread: str) -> None:
        """Forget a thread and what waits for it."""
        for lane in self.of_thread(thread):
            for id_ in list(lane.waiting):
                lane.take(id_)
            del self._lanes[thread, lane.ns]


def _remember(kept: OrderedDict[str, V], key: str, value: V, limit: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > limit:
        kept.popitem(last=False)
