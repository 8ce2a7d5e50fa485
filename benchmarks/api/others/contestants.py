"""Whose calls are measured: ours, and those of servers that speak the Agent Protocol."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from benchmarks.api.claimed import Sender, claimed
from benchmarks.api.load import Request
from benchmarks.api.others.gate import Gate, Sending
from benchmarks.api.process import Server
from benchmarks.api.rates import creator, reader, taken
from benchmarks.api.site import Site

GRAPH = "echo"
RUNS = 20
"""Of which each sends events while clients read its stream."""

_BATCH = 50  # what a runner sends at once


class Contestant(Protocol):
    """A server and how to ask it.

    Attributes:
        title: As the table shows it.
        server: Its process.
        headers: Of each request.
    """

    title: str
    server: Server
    headers: Mapping[str, str]

    def create(self) -> Request:
        """A request that creates a run and has it started."""

    async def has_ended(self) -> bool | None:
        """Whether the run that was created last has run to its end; None where nothing here would run it."""

    async def status(self) -> Request:
        """A request for the state of one run, which is made for it."""

    def sending(self, what: Sending, gate: Gate) -> AbstractAsyncContextManager[list[str]]:
        """RUNS runs at the gate, each of which sends that once it is open: the URLs of their streams."""

    def sent_at(self, event: dict[str, Any]) -> float:
        """When an event was sent, by its data: seconds since the epoch."""


class Ours:
    """The replica of the site; this process is the runners that send."""

    title = "graphrun"

    def __init__(self, site: Site) -> None:
        self.server, self._site = site.server, site
        self.headers: Mapping[str, str] = site.headers

    def create(self) -> Request:
        """As `Contestant` says."""
        return creator(self._site, "?execute=true")

    async def has_ended(self) -> bool | None:
        """As `Contestant` says."""
        return None  # an operator, a node and a runner would be needed

    async def status(self) -> Request:
        """As `Contestant` says."""
        return reader(self._site, f"/{await self._site.create()}/status")

    @asynccontextmanager
    async def sending(self, what: Sending, gate: Gate) -> AsyncIterator[list[str]]:
        """As `Contestant` says."""
        senders = await claimed(self._site, RUNS)
        tasks = [asyncio.create_task(_send(sender, what, gate)) for sender in senders]
        try:
            await gate.filled(RUNS)
            yield [f"{self._site.runs}/{sender.run}/events?types=custom" for sender in senders]
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    def sent_at(self, event: dict[str, Any]) -> float:
        """As `Contestant` says."""
        return datetime.fromisoformat(event["at"]).timestamp()


async def _send(sender: Sender, what: Sending, gate: Gate) -> None:
    await gate.passed()
    for tick in range(what.ticks):
        await asyncio.sleep(what.pause if tick else 0)
        for first in range(0, what.batch, _BATCH):
            await sender.send(min(_BATCH, what.batch - first), {"text": "x" * 60})


class AgentProtocol:
    """A server whose runs are made without a thread of the client's, and are kept."""

    def __init__(self, title: str, server: Server, url: str, http: aiohttp.ClientSession) -> None:
        self.title, self.server = title, server
        self.headers: Mapping[str, str] = {}
        self._url, self._http, self._last = url, http, ""

    def create(self) -> Request:
        """As `Contestant` says."""
        body = _run({"question": "why?"})

        async def request(_: int) -> None:
            await self._create(body)

        return request

    async def has_ended(self) -> bool | None:
        """As `Contestant` says."""
        async with self._http.get(self._last) as answer:
            return (await taken(answer, 200))["status"] not in ("pending", "running")

    async def status(self) -> Request:
        """As `Contestant` says."""
        url = await self._create(_run({"question": "why?"}))

        async def request(_: int) -> None:
            async with self._http.get(url) as answer:
                await taken(answer, 200)

        return request

    @asynccontextmanager
    async def sending(self, what: Sending, gate: Gate) -> AsyncIterator[list[str]]:
        """As `Contestant` says."""
        async with gate.listening() as port:
            asked = {
                "question": "?",
                "gate": port,
                "ticks": what.ticks,
                "batch": what.batch,
                "pause": what.pause,
            }
            urls = [await self._create(_run(asked)) for _ in range(RUNS)]
            await gate.filled(RUNS)
            yield [f"{url}/stream" for url in urls]

    def sent_at(self, event: dict[str, Any]) -> float:
        """As `Contestant` says."""
        at: float = event["at"]
        return at

    async def _create(self, body: dict[str, Any]) -> str:
        """Make a run; its URL."""
        async with self._http.post(f"{self._url}/runs", json=body) as answer:
            run = await taken(answer, 200)
            self._last = f"{self._url}/threads/{run['thread_id']}/runs/{run['run_id']}"
            return self._last


def _run(asked: dict[str, Any]) -> dict[str, Any]:
    return {"assistant_id": GRAPH, "input": asked, "on_completion": "keep", "stream_mode": ["custom"]}
