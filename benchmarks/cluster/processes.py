"""When the processes of a run are gone, as the node sees it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.cluster.site import Site
from graphrun_devcluster.faults import PodProcess, processes_of_pod

LOOK_SECONDS = 0.005
"""Between two looks: how exact the times are."""

SUPERVISOR = 1
"""Process id of the supervisor inside its container: every other process is the graph's."""


def graph_processes(site: Site, run: str) -> list[PodProcess]:
    """Return the processes of a run but the supervisor."""
    return [process for process in _processes(site, run) if process.inner_pid != SUPERVISOR]


def supervisors(site: Site, run: str) -> list[PodProcess]:
    """Return the supervisors of a run: one for each attempt whose container runs."""
    return [process for process in _processes(site, run) if process.inner_pid == SUPERVISOR]


def _processes(site: Site, run: str) -> list[PodProcess]:
    return [process for uid in site.pods_of(run) for process in processes_of_pod(site.cluster, uid)]


@dataclass
class Presence:
    """Whether processes of a run are there; times are monotonic seconds, 0 where there were none.

    Attributes:
        graph_gone: since when there is none of the graph.
        all_gone: since when there is none at all, the supervisor included.
        graph_starts: when processes of the graph appeared where there had been none.
    """

    graph_gone: float = 0.0
    all_gone: float = 0.0
    graph_starts: list[float] = field(default_factory=list)
    _graph: bool = False
    _any: bool = False
    _empty: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, now: float, processes: list[PodProcess]) -> None:
        """Take one look in."""
        graph = any(process.inner_pid != SUPERVISOR for process in processes)
        if graph and not self._graph:
            self.graph_starts.append(now)
        if self._graph and not graph:
            self.graph_gone = now
        if self._any and not processes:
            self.all_gone = now
        self._graph, self._any = graph, bool(processes)
        if processes:
            self._empty.clear()
        else:
            self._empty.set()

    async def until_empty(self, seconds: float) -> None:
        """Wait until a look finds no process at all.

        Raises:
            TimeoutError: none did within `seconds`.
        """
        async with asyncio.timeout(seconds):
            await self._empty.wait()


@asynccontextmanager
async def looking_at(site: Site, run: str) -> AsyncIterator[Presence]:
    """Look at the processes of a run all the time while inside."""
    presence = Presence()
    presence.take(time.monotonic(), _processes(site, run))

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            presence.take(time.monotonic(), _processes(site, run))

    task = asyncio.create_task(look(), name=f"processes of {run}")
    try:
        yield presence
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
