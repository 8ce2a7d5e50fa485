"""What is measured of one server: status and streams of runs, and at last their creation."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from benchmarks.api.load import Request, loop
from benchmarks.api.others.contestants import Contestant
from benchmarks.api.others.delivery import Clients
from benchmarks.api.others.gate import Gate, Sending
from benchmarks.api.rates import AT_ONCE
from benchmarks.cluster.figures import Figures, figures
from benchmarks.tables import Cell, Column
from support.waiting import eventually

_CREATE = (
    Column("create/s", more_is_better=True),
    Column("p50 ms", 2),
    Column("p99 ms", 2),
    Column("CPU ms", 2),
    Column("run to the end/s", compared=False),
)
_STATUS = (
    Column("status/s", more_is_better=True),
    Column("p50 ms", 2),
    Column("p99 ms", 2),
    Column("CPU ms", 2),
)
_STREAMS = (
    Column("event p50 ms", 1),
    Column("p99 ms", 1),
    Column("burst: events/s", more_is_better=True),
)
COLUMNS = (*_CREATE, *_STATUS, *_STREAMS)
FAILURES = (RuntimeError, TimeoutError, AssertionError, aiohttp.ClientError)
"""What a server that does not do what is asked for ends in."""

_WARM = 10 * AT_ONCE  # requests that open connections and fill caches
_BATCH = 10  # events of a run, once a second
_BURST = 500  # events of a run, as fast as it can
_PATIENCE = 120.0  # seconds for what was asked for to be done


@dataclass
class Trial:
    """One server under the load that all get.

    Attributes:
        seconds: Of each loop of requests, and of the events that come once a second.
        clients: Of the streams of RUNS runs.
        notes: What could not be measured, and why; which events did not arrive.
    """

    who: Contestant
    http: aiohttp.ClientSession
    seconds: float
    clients: int
    notes: list[str] = field(default_factory=list)

    async def cells(self) -> list[Cell]:
        """As COLUMNS has them. Created is last: what is then left to be done would be in the way of the others."""
        status = await self._or_dashes(self._status, len(_STATUS))
        streams = await self._or_dashes(self._streams, len(_STREAMS))
        create = await self._or_dashes(self._create, len(_CREATE))
        return [*create, *status, *streams]

    async def _or_dashes(self, part: Callable[[], Awaitable[list[Cell]]], width: int) -> list[Cell]:
        try:
            return await part()
        except FAILURES as failed:
            self.notes.append(f"{self.who.title}: {failed!r}")
            return [None] * width

    async def _create(self) -> list[Cell]:
        """With how many were run a second, until the last one that was created has ended."""
        began = time.perf_counter()
        cells, count = await self._rate(self.who.create())
        if await self.who.has_ended() is None:
            return [*cells, None]
        await eventually(
            self.who.has_ended, seconds=_PATIENCE, what="the run that was created last has ended"
        )
        return [*cells, count / (time.perf_counter() - began)]

    async def _status(self) -> list[Cell]:
        cells, _ = await self._rate(await self.who.status())
        return cells

    async def _rate(self, request: Request) -> tuple[list[Cell], int]:
        """The figures, and how many requests there were in all."""
        await loop([request] * AT_ONCE, count=_WARM)
        before = self.who.server.cpu_seconds()
        rate = await loop([request] * AT_ONCE, seconds=self.seconds)
        found, used = rate.figures, (self.who.server.cpu_seconds() - before) / len(rate.times)
        return [rate.per_second, found.p50 * 1000, found.p99 * 1000, used * 1000], _WARM + found.count

    async def _streams(self) -> list[Cell]:
        delays, _ = await self._delivered(Sending(ticks=max(round(self.seconds), 1), batch=_BATCH))
        _, rate = await self._delivered(Sending(ticks=1, batch=_BURST))
        return [delays.p50 * 1000, delays.p99 * 1000, rate]

    async def _delivered(self, what: Sending) -> tuple[Figures, float]:
        """Seconds from an event to each of its clients, and events that reached clients, a second."""
        gate, clients = Gate(), Clients(self.http, self.who.headers, self.who.sent_at)
        seconds = what.ticks * what.pause + _PATIENCE
        async with asyncio.timeout(seconds + _PATIENCE), self.who.sending(what, gate) as urls:
            await clients.connect(urls, self.clients, what.events)
            gate.open()
            await clients.finished(seconds)
        found = figures(clients.late)
        if found is None:
            raise RuntimeError("no event has reached a client")
        if found.count != self.clients * what.events:
            self.notes.append(
                f"{self.who.title}: {found.count:,} of {self.clients * what.events:,} events arrived"
            )
        return found, found.count / (clients.last_at - gate.opened_at)
