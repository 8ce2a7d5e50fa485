"""Answers that hold for a while: bounded in number, each with its own life, asked for once by many at a time."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Kept(Generic[V]):
    """A value and how long, in seconds, it may be believed."""

    value: V
    seconds: float


class ExpiringAnswers(Generic[K, V]):
    """A cache in front of a slow question."""

    def __init__(self, limit: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._under_way: dict[K, asyncio.Task[Kept[V]]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[Kept[V]]]) -> V:
        """The kept answer, else a new one. A question that fails is not kept and fails for all who wait."""
        found = self._answers.get(key)
        if found is not None and found[0] > self._clock():
            return found[1]
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(ask))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        # shielded: when the first who asked goes away, the others still get their answer
        return (await asyncio.shield(task)).value

    def _settle(self, key: K, task: "asyncio.Task[Kept[V]]") -> None:
        self._under_way.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        kept = task.result()
        self._answers.pop(key, None)
        self._answers[key] = (self._clock() + kept.seconds, kept.value)
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)


async def _run(ask: Callable[[], Awaitable[Kept[V]]]) -> Kept[V]:
    return await ask()
