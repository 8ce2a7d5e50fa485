"""A queue of keys: each key is worked on by one worker at a time, and asked for many times is done once.

add ──▶ waiting ──▶ at work ──▶ done: again when due, or when it was added meanwhile
└─ failed: again after a backoff with jitter

What keeps one run from slowing others: a pass that lasts makes room for another one, and is cut in the end; and keys
whose last pass failed get a share of the workers only.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from graphrun_operator.errors import OperatorError, PassTooLong
from graphrun_operator.model import Requeue, RunKey

log = logging.getLogger(__name__)

BACKOFF_FIRST: Final = 0.1
BACKOFF_MAX: Final = 30.0
# A pass is a few requests, each bounded by itself; in seconds.
PASS_SECONDS: Final = 45.0
# From then on a pass makes room for another one; the API server hangs over something that concerns only this run.
_LASTS_SECONDS: Final = 1.0
# So many times as many passes as there are workers may be under way, most of them waiting.
_MOST: Final = 8
# Of the workers, for keys whose last pass failed: whatever keeps them (an admission webhook that hangs) keeps no more.
_SUSPECTS_SHARE: Final = 4


class KeyedQueue:
    """Runs `work` for every key that was added, `workers` keys at once, passes that last not counted.

    `jitter` answers a number from 0 to 1; a backoff is shortened by up to a quarter of itself by it. A pass that
    lasts longer than `pass_seconds` is cancelled, and counts as failed.
    """

    def __init__(
        self,
        work: Callable[[RunKey], Awaitable[Requeue | None]],
        *,
        workers: int,
        jitter: Callable[[], float],
        pass_seconds: float = PASS_SECONDS,
    ) -> None:
        self._work, self._workers, self._jitter = work, workers, jitter
        self._pass_seconds = pass_seconds
        self._waiting: OrderedDict[RunKey, float] = OrderedDict()
        self._later: OrderedDict[RunKey, float] = OrderedDict()
        self._at_work: dict[RunKey, float] = {}
        self._timers: dict[RunKey, asyncio.TimerHandle] = {}
        self._failures: dict[RunKey, int] = {}
        self._signal = asyncio.Event()
        self._passes: set[asyncio.Task[None]] = set()
        self._lasting: set[RunKey] = set()
        self._finishing = False

    def add(self, key: RunKey) -> None:
        """Ask for a pass over `key`, at once."""
        if key not in self._waiting:
            self._waiting[key] = self._later.pop(key, asyncio.get_running_loop().time())
        self._signal.set()

    def add_later(self, key: RunKey) -> None:
        """Ask for a pass over `key` once nothing else waits: for the many that hardly need one."""
        if key not in self._waiting:
            self._later.setdefault(key, asyncio.get_running_loop().time())
        self._signal.set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._later)

    def oldest_wait(self) -> float:
        """For how many seconds the oldest key has waited, or its pass has lasted."""
        since = [*self._at_work.values()]
        for lane in (self._waiting, self._later):
            since += [began for key, began in lane.items() if key not in self._at_work]
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

    async def finish(self, seconds: float) -> None:
        """Begin no further pass, and wait for those under way; not longer than `seconds`."""
        self._finishing = True
        if self._passes:
            await asyncio.wait(self._passes, timeout=seconds)

    def _start_all(self, group: asyncio.TaskGroup) -> None:
        if self._finishing:
            return
        for lane in (self._waiting, self._later):
            for key in self._next_of(lane):
                del lane[key]
                self._at_work[key] = asyncio.get_running_loop().time()
                task = group.create_task(self._pass(key), name=f"pass over {key}")
                self._passes.add(task)
                task.add_done_callback(self._passes.discard)

    def _next_of(self, lane: OrderedDict[RunKey, float]) -> list[RunKey]:
        """Those that may be worked on now, oldest first."""
        free = min(
            self._workers - len(self._at_work) + len(self._lasting),
            self._workers * _MOST - len(self._at_work),
        )
        suspects = max(self._workers // _SUSPECTS_SHARE, 1)
        suspects -= sum(key in self._failures for key in self._at_work)
        chosen: list[RunKey] = []
        for key in lane:
            if len(chosen) >= free:
                break
            if key in self._at_work:
                continue
            if key in self._failures:
                if suspects <= 0:
                    continue
                suspects -= 1
            chosen.append(key)
        return chosen

    async def _pass(self, key: RunKey) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        again: Requeue | None = None
        lasts = asyncio.get_running_loop().call_later(_LASTS_SECONDS, self._note_lasting, key)
        try:
            again = await self._bounded_work(key)
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
            lasts.cancel()
            self._lasting.discard(key)
            del self._at_work[key]
            self._signal.set()
        if again:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(again.seconds, self._due, key)

    async def _bounded_work(self, key: RunKey) -> Requeue | None:
        try:
            async with asyncio.timeout(self._pass_seconds):
                return await self._work(key)
        except TimeoutError as error:
            raise PassTooLong(f"the pass was cut after {self._pass_seconds:g} s") from error

    def _note_lasting(self, key: RunKey) -> None:
        self._lasting.add(key)
        self._signal.set()

    def _back_off(self, key: RunKey) -> Requeue:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = min(BACKOFF_FIRST * 2 ** min(failures, 16), BACKOFF_MAX)
        return Requeue(seconds * (1 - self._jitter() / 4), "the pass failed")

    def _due(self, key: RunKey) -> None:
        self._timers.pop(key, None)
        self.add(key)


class WhileLeading:
    """A queue's entrance, open only while this replica leads: a standby's keys would pile up without end.

    Nothing is lost by it: who comes to lead asks for a pass over every run.
    """

    def __init__(self, queue: KeyedQueue, leads: Callable[[], bool]) -> None:
        self._queue, self._leads = queue, leads

    def add(self, key: RunKey) -> None:
        """Ask for a pass over `key`, at once."""
        if self._leads():
            self._queue.add(key)

    def add_later(self, key: RunKey) -> None:
        """Ask for a pass over `key` once nothing else waits."""
        if self._leads():
            self._queue.add_later(key)
