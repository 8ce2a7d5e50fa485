"""One saver on one workload, in a process of its own; a conversation of JSON lines with the driver.

Before each stage it says ``{"ready": stage}`` and waits for a line, so that the driver can set its counters to zero; after it
``{"done": stage, …figures}``. The stages of a job: "run" runs the graph and closes the saver, so it is the last;
"resume" reads the newest state, as a new process does; "history" then reads the ten newest entries.
"""

import asyncio
import contextlib
import ctypes
import itertools
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig

from benchmarks.checkpoints.savers import Place, Saver, open_saver
from benchmarks.checkpoints.workloads import Prepared, Workload, prepare

Stage = Literal["run", "resume", "history"]

THREAD = "benchmark"
HISTORY = 10
_TICK_SECONDS = 0.001
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Job:
    """What a worker has to do.

    Attributes:
        saver: Its name.
        place: Where it stores.
        workload: Which graph.
        stages: In this order.
        durability: LangGraph's.
        max_concurrency: LangGraph's; None is without limit.
    """

    saver: str
    place: Place
    workload: Workload
    stages: tuple[Stage, ...]
    durability: Literal["sync", "async", "exit"] = "async"
    max_concurrency: int | None = None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Job":
        """What `to_json` wrote."""
        fields: dict[str, Any] = json.loads(line)
        return cls(
            **fields
            | {
                "place": Place(**fields["place"]),
                "workload": Workload(**fields["workload"]),
                "stages": tuple(fields["stages"]),
            }
        )


@dataclass(frozen=True)
class Figures:
    """What a process saw of itself in one stage.

    Attributes:
        wall: Seconds.
        cpu: Seconds of user and system time, all threads.
        memory_before: Resident bytes when the stage began.
        memory_peak: The most resident bytes in it.
        stall: Seconds that the event loop was late at worst.
        steps: Seconds from each super-step to the next; "run" alone.
        check: What shows that the right state was there: messages, results or count, or entries read.
    """

    wall: float
    cpu: float
    memory_before: int
    memory_peak: int
    stall: float
    steps: tuple[float, ...] = ()
    check: int = 0


class Worker:
    """Does a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._prepared: Prepared = prepare(job.workload)
        self._config: RunnableConfig = {
            "configurable": {"thread_id": THREAD},
            "recursion_limit": job.workload.steps + 100,
        }
        if job.max_concurrency:
            self._config["max_concurrency"] = job.max_concurrency

    async def work(self) -> None:
        """All stages, each when the driver says so."""
        async with contextlib.AsyncExitStack() as opened:
            saver = await opened.enter_async_context(open_saver(self._job.saver, self._job.place))
            for stage in self._job.stages:
                _say({"ready": stage})
                if not await asyncio.to_thread(sys.stdin.readline):
                    return  # the driver is gone
                figures = await _measured(partial(self._do, stage, saver, opened))
                began = self._prepared.began
                steps = [later - earlier for earlier, later in itertools.pairwise(began)]
                _say({"done": stage, **asdict(figures), "steps": steps})

    async def _do(self, stage: Stage, saver: Saver, opened: contextlib.AsyncExitStack) -> int:
        if stage == "run":
            reached = await self._run(saver)
            await opened.aclose()  # what is still in the air belongs to the run
            return reached
        return await (self._resume(saver) if stage == "resume" else self._history(saver))

    async def _run(self, saver: Saver) -> int:
        graph = self._prepared.builder.compile(checkpointer=saver)
        end = await graph.ainvoke(self._prepared.start, self._config, durability=self._job.durability)
        return _extent(end)

    async def _resume(self, saver: Saver) -> int:
        graph = self._prepared.builder.compile(checkpointer=saver)
        return _extent((await graph.aget_state(self._config)).values)

    async def _history(self, saver: Saver) -> int:
        graph = self._prepared.builder.compile(checkpointer=saver)
        return len([entry async for entry in graph.aget_state_history(self._config, limit=HISTORY)])


def _extent(values: dict[str, Any]) -> int:
    for name in ("messages", "results"):
        if name in values:
            return len(values[name])
    return int(values.get("count", 0))


async def _measured(work: Callable[[], Awaitable[int]]) -> Figures:
    ticker = _Ticker()
    ticking = asyncio.create_task(ticker.run())
    await asyncio.sleep(0)
    Path("/proc/self/clear_refs").write_text("5")  # noqa: ASYNC240 - forgets the peak so far; no disk behind it
    before, wall, cpu = _resident("VmRSS"), time.perf_counter(), time.process_time()
    check = await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ticker.look()
    ticking.cancel()
    return Figures(wall, cpu, before, _resident("VmHWM"), ticker.worst, check=check)


class _Ticker:
    """Sleeps a moment at a time and keeps by how much the loop was late at worst."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.perf_counter()

    def look(self) -> None:
        """Note how late it is."""
        now = time.perf_counter()
        self.worst = max(self.worst, now - self._last - _TICK_SECONDS)
        self._last = now

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.look()


def _resident(field: str) -> int:
    """VmRSS (now) or VmHWM (the most) in bytes. Unlike ru_maxrss, not inherited from the driver."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no worker outlives its driver
    asyncio.run(Worker(Job.from_json(sys.argv[1])).work())
