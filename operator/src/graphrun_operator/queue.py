"""A queue of keys: each key is worked on by one worker at a time, and asked for many times is done once.

add ──▶ waiting ──▶ at work ──▶ done: again when due, or when it was added meanwhile
└─ failed: again after a backoff with jitter
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from graphrun_operator.errors import OperatorError
from graphrun_operator.model import Requeue, RunKey

log = logging.getLogger(__name__)

BACKOFF_FIRST: Final = 0.1
BACKOFF_MAX: Final = 30.0


class KeyedQueue:
    """Runs `work` for every key that was added, `workers` keys at once.

    `jitter` answers a number from 0 to 1; a backoff is shortened by up to a quarter of itself by it.
    """

    def __init__(
        self,
        work: Callable[[RunKey], Awaitable[Requeue | None]],
        *,
        workers: int,
        jitter: Callable[[], float],
    ) -> None:
        self._work, self._workers, self._jitter = work, workers, jitter
        self._waiting: OrderedDict[RunKey, float] = OrderedDict()
        self._at_work: dict[RunKey, float] = {}
        self._timers: dict[RunKey, asyncio.TimerHandle] = {}
        self._failures: dict[RunKey, int] = {}
        self._signal = asyncio.Event()

    def add(self, key: RunKey) -> None:
        """Ask for a pass over `key`, at once."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().time()
        self._signal.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def oldest_wait(self) -> float:
        """For how many seconds the oldest key has waited, or its pass has lasted."""
        since = [*self._at_work.values()]
        since += [began for key, began in self._waiting.items() if key not in self._at_work]
        return asyncio.get_running_loop().time() - min(since) if since else 0.0

    async def run(self) -> None:
        """Work until cancelled; passes under way are then cancelled, too."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._signal.wait()
                    self._signal.clear()
                    self._start_all(group)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _start_all(self, group: asyncio.TaskGroup) -> None:
        for key in list(self._waiting):
            if len(self._at_work) >= self._workers:
                return
            if key not in self._at_work:
                del self._waiting[key]
                self._at_work[key] = asyncio.get_running_loop().time()
                group.create_task(self._pass(key), name=f"pass over {key}")

    async def _pass(self, key: RunKey) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        try:
            again = await self._work(key)
            self._failures.pop(key, None)
        except OperatorError as error:
            again = self._back_off(key)
            log.warning(
                "pass failed, will be repeated", extra={"problem": str(error), "seconds": again.seconds}
            )
        except Exception:  # a bug with one run must not end the work on all others
            again = self._back_off(key)
            log.exception("pass broke, will be repeated", extra={"seconds": again.seconds})
        finally:
            del self._at_work[key]
            self._signal.set()
        if again:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(again.seconds, self._due, key)

    def _back_off(self, key: RunKey) -> Requeue:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = min(BACKOFF_FIRST * 2 ** min(failures, 16), BACKOFF_MAX)
        return Requeue(seconds * (1 - self._jitter() / 4), "the pass failed")

    def _due(self, key: RunKey) -> None:
        self._timers.pop(key, None)
        self.add(key)
