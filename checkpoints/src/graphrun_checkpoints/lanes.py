"""Writes of one namespace that wait to be stored. Touched on the saver's own thread only."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from graphrun_checkpoints.writes import TaskWrites

_KNOWN_IDS = 512


@dataclass
class Lane:
    """The buffer of one namespace of a thread.

    Attributes:
        lock: Held while an object of the namespace is being stored; gives storage our order.
        waiting: Writes by the checkpoint that they are pending on.
        timers: When the writes on a checkpoint are to be stored by themselves.
        putting: Checkpoints whose own PUT is under way.
    """

    thread: str
    ns: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: dict[str, list[TaskWrites]] = field(default_factory=dict)
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    putting: set[str] = field(default_factory=set)
    _known: OrderedDict[str, int] = field(default_factory=OrderedDict)

    @property
    def idle(self) -> bool:
        """Whether it may be forgotten."""
        return not (self.waiting or self.putting or self.lock.locked())

    def know(self, id_: str, epoch: int) -> None:
        """Remember where a stored checkpoint lies."""
        self._known[id_] = epoch
        self._known.move_to_end(id_)
        while len(self._known) > _KNOWN_IDS:
            self._known.popitem(last=False)

    def epoch_of(self, id_: str) -> int | None:
        """The epoch under which a checkpoint lies; None for one never seen stored."""
        return self._known.get(id_)

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
