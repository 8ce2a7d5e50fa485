"""Kills a replica of the API under a stream and under a claim, and times how long each stands still."""

import asyncio
import random
import signal
import time
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

from websockets.exceptions import WebSocketException

from benchmarks.cluster.site import Site
from benchmarks.failover.system import pods_of, program_of, remove_pod, until_whole
from benchmarks.latency.moves import first_node
from benchmarks.latency.phases import STEPS, has_phase
from graphrun_devcluster.demo.errors import RefusedError
from graphrun_devcluster.demo.stream import Event, events
from graphrun_devcluster.processes.identity import send_signal

RECONNECT_SECONDS = 0.1
START_SECONDS = 120
UNBROKEN_SECONDS = 3.0
"""A stream that stands still for less than its events' usual pace never broke; looked at for so long."""


@dataclass(frozen=True)
class Loss:
    """What the loss of a replica cost.

    Attributes:
        stream: longest time without an event on an open stream, from the kill on, seconds.
        in_order: the stream had every event once, in order.
        start: a run created at the kill → its first node, which needs a claim, seconds.
    """

    stream: float
    in_order: bool
    start: float


async def lose_replica(site: Site) -> Loss:
    """Kill one of the API's replicas at random while a stream is open and a run starts; then mend."""
    await until_whole(site, "api")
    run = await site.kube.create_run("steps", site.name("stream"), input=STEPS)
    await first_node(site, run, 1)
    victim = random.choice(await pods_of(site, "api"))  # noqa: S311 - a choice, no secret
    stream = _Stream(site, run)
    async with asyncio.timeout(START_SECONDS), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(stream.follow())
        await stream.until_received_after(0.0)
        began = time.time()
        send_signal(program_of(site, victim), signal.SIGKILL)
        other = await site.kube.create_run("blocking", site.name("probe"))
        claimed = tasks.create_task(_first_node_at(site, other))
        await stream.until_received_after(began + UNBROKEN_SECONDS)
        started = await claimed
        following.cancel()
    await remove_pod(site, victim)
    for each in (run, other):
        await site.kube.patch_run(each, state="Cancelled")
        await site.runs.until(each, has_phase("Cancelled"), START_SECONDS)
    return Loss(stream.longest_silence(began), stream.in_order(), started - began)


class _Stream:
    """A stream as a good client holds it: where it breaks, another one goes on from the last event."""

    def __init__(self, site: Site, run: str) -> None:
        self._base = f"{site.client.project.url}/api/projects/{site.client.project.name}"
        self._token, self._run = site.client.project.token, run
        self._history: list[Event] = []
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Take events until cancelled."""
        while True:
            last = self._history[-1].seq if self._history else 0
            try:
                async with aclosing(events(self._base, self._token, self._run, after=last)) as stream:
                    async for event in stream:
                        self._history.append(event)
                        self._news.set()
            except (WebSocketException, OSError, RefusedError):
                pass  # a replica that is gone, or a Service that still leads to it
            await asyncio.sleep(RECONNECT_SECONDS)

    async def until_received_after(self, moment: float) -> None:
        """Wait for an event that comes after `moment`, in seconds since the epoch."""
        while not self._history or self._history[-1].received.timestamp() <= moment:
            self._news.clear()
            await self._news.wait()

    def longest_silence(self, began: float) -> float:
        """Return the longest time without an event from `began` on, in seconds."""
        moments = (event.received.timestamp() for event in self._history)
        later = [began, *(moment for moment in moments if moment > began)]
        return max(after - before for before, after in pairwise(later))

    def in_order(self) -> bool:
        """Tell whether every event came once, in order."""
        numbers = [event.seq for event in self._history]
        return numbers == list(range(1, len(numbers) + 1))


async def _first_node_at(site: Site, run: str) -> float:
    await site.runs.until(run, has_phase("Running"), START_SECONDS)
    return (await first_node(site, run, 1)).timestamp()
