"""Requests a second: status, list, create, and half status, half list."""

import json
from typing import Any

import aiohttp

from benchmarks.api.load import Request, loop
from benchmarks.api.site import Site
from benchmarks.tables import Column, Table

AT_ONCE = 16
COLUMNS = [Column("requests/s"), Column("p50 ms", 2), Column("p99 ms", 2), Column("CPU ms each", 2)]
BODY = {"workflow": "flow", "input_data": {"question": "why?"}}


def reader(site: Site, path: str) -> Request:
    """GET, with the whole answer taken."""
    url = site.runs + path

    async def request(_: int) -> None:
        async with site.http.get(url, headers=site.headers) as answer:
            await taken(answer, 200)

    return request


def creator(site: Site, query: str = "") -> Request:
    """Create a run."""
    url = site.runs + query

    async def request(_: int) -> None:
        async with site.http.post(url, headers=site.headers, json=BODY) as answer:
            await taken(answer, 201)

    return request


async def measure(site: Site, seconds: float) -> Table:
    """Each for so many seconds, with AT_ONCE clients."""
    run = await site.create()
    status, listing = reader(site, f"/{run}/status"), reader(site, "?limit=50")

    async def mixed(number: int) -> None:
        await (status if number % 2 else listing)(number)

    table = Table(f"one replica on one core, {AT_ONCE} clients (budget: reads 1,500/s)", COLUMNS)
    requests = {
        "status": status,
        "list of 50": listing,
        "half status, half list": mixed,
        "create": creator(site),
    }
    for title, request in requests.items():
        await loop([request] * AT_ONCE, count=200)  # connections, caches
        before = site.server.cpu_seconds()
        rate = await loop([request] * AT_ONCE, seconds=seconds)
        found, used = rate.figures, (site.server.cpu_seconds() - before) / len(rate.times)
        table.rows.append((title, [rate.per_second, found.p50 * 1000, found.p99 * 1000, used * 1000]))
    return table


async def taken(answer: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    """Read the whole answer; return its JSON object.

    Raises:
        RuntimeError: it has another status.
    """
    body = await answer.read()
    if answer.status != status:
        raise RuntimeError(f"{answer.status}: {body.decode()}")
    said: dict[str, Any] = json.loads(body)
    return said
