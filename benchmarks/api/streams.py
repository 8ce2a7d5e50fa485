"""Many clients on one replica: from an event to each of them, and a long replay."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from datetime import datetime

import aiohttp

from benchmarks.api.claimed import claimed
from benchmarks.api.site import Site
from benchmarks.cluster.figures import figures
from benchmarks.tables import Column, Table

_Socket = aiohttp.ClientWebSocketResponse[bool]
RUNS = 40
BATCH = 10
COLUMNS = [Column("clients"), Column("p50 ms", 1), Column("p99 ms", 1), Column("KiB a client", 1)]
REPLAY_COLUMNS = [Column("events"), Column("seconds", 2), Column("events/s")]


async def measure(site: Site, clients: int, seconds: float) -> Table:
    """Clients on WebSockets, spread over RUNS runs of which each sends a batch a second."""
    senders = await claimed(site, RUNS)
    before = site.server.resident()
    async with AsyncExitStack() as held:
        sockets = [
            await held.enter_async_context(_socket(site, senders[number % RUNS].run))
            for number in range(clients)
        ]
        memory = (site.server.resident() - before) / clients / 1024
        late: list[float] = []
        reading = [asyncio.create_task(_read(socket, late)) for socket in sockets]
        until, sent = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            sent += BATCH * clients
            await asyncio.gather(*(sender.send(BATCH, {}) for sender in senders))
            await asyncio.sleep(1)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    found = figures(late)
    if found is None:
        raise RuntimeError("no event has reached a client")
    cells = [clients, found.p50 * 1000, found.p99 * 1000, memory]
    title = f"event to client, {RUNS} runs with {BATCH} events a second each (budget: p50 60 ms, p99 250 ms)"
    table = Table(title, COLUMNS, [("WebSocket", cells)])
    table.notes.append(
        f"{len(late):,} of {sent:,} messages arrived, read by one process, which shares its core with Postgres"
    )
    return table


async def replay(site: Site, events: int) -> Table:
    """One client reads a run's whole past."""
    [sender] = await claimed(site, 1)
    for _ in range(events // 1000):
        await sender.send(1000, {"payload": {"text": "x" * 60}})
    began, seen = time.perf_counter(), 0
    async with _socket(site, sender.run) as socket:
        while seen < events:
            message = await socket.receive_json()
            seen = message["seq"]
    took = time.perf_counter() - began
    return Table("replay of a long run", REPLAY_COLUMNS, [("WebSocket", [events, took, events / took])])


def _socket(site: Site, run: str) -> "aiohttp.client._WSRequestContextManager":
    return site.http.ws_connect(f"{site.runs}/{run}/stream", headers=site.headers, max_msg_size=0)


async def _read(socket: _Socket, late: list[float]) -> None:
    async for message in socket:
        now = time.time()
        event = json.loads(message.data)
        if event["type"] == "custom":
            late.append(now - datetime.fromisoformat(event["at"]).timestamp())
