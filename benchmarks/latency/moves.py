"""Starts, pauses and resumes runs, one at a time, and takes the times."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from benchmarks.cluster.figures import ARGO_START, PAUSE, RESUME, START, Budget, figures
from benchmarks.cluster.processes import looking_at
from benchmarks.cluster.site import Site
from benchmarks.latency.phases import STEPS, has_phase
from benchmarks.tables import Cell, Column, Table
from graphrun_devcluster.demo.errors import RefusedError

NODE_SECONDS = 60
SHORT_MOMENT = 0.3
"""A run works so long, at least, before it is paused: its nodes take 50 ms."""

Samples = dict[str, list[float]]


async def first_node(site: Site, run: str, attempt: int) -> datetime:
    """Return when the first node of an attempt began, by the runner's clock, which is this machine's.

    Raises:
        TimeoutError: none did, or the API did not tell of it, within NODE_SECONDS.
    """
    params = {"types": "node_started", "limit": "200"}
    if attempt > 1:  # the newest first: a run of short nodes has many visits in its earlier attempts
        params["before"] = str(2**53)
    async with asyncio.timeout(NODE_SECONDS):
        while True:
            with contextlib.suppress(httpx.TransportError, RefusedError):  # a replica of the API may be gone
                answer = await site.client.rest.call("GET", f"/workflows/runs/{run}/events", params=params)
                found = [item for item in answer["items"] if item["attempt"] == attempt]
                if found:
                    return min(datetime.fromisoformat(item["at"]) for item in found)
            await asyncio.sleep(0.1)


async def _start(site: Site, samples: Samples) -> str:
    began = datetime.now(UTC)
    run = await site.client.start("steps", STEPS)
    _add(
        samples,
        "create+execute by rest → first node",
        (await first_node(site, run, 1) - began).total_seconds(),
    )
    return run


async def _pause(site: Site, run: str, by: str, samples: Samples) -> None:
    async with looking_at(site, run) as presence:
        began = time.monotonic()
        if by == "rest":
            answer = await site.client.rest.verb(run, "pause", wait="30")
            if answer["status"] != "PAUSED":
                raise RuntimeError(f"pause of {run}: {answer}")
            _add(samples, "pause by rest → 200 PAUSED", time.monotonic() - began)
        else:
            await site.kube.patch_run(run, state="Paused")
        shown = await site.runs.until(run, _paused_after(began), NODE_SECONDS)
        await presence.until_empty(NODE_SECONDS)
    _add(samples, f"pause by {by} → status says Paused", shown - began)
    _add(samples, f"pause by {by} → process gone", max(presence.all_gone - began, 0.0))


def _paused_after(began: float) -> Callable[[Any], bool]:
    paused = has_phase("Paused")
    return lambda heard: heard.at >= began and paused(heard)


async def _resume(site: Site, run: str, by: str, samples: Samples) -> None:
    attempt = (await site.kube.run(run))["status"]["attempt"] + 1
    began = datetime.now(UTC)
    if by == "rest":
        await site.client.rest.verb(run, "resume")
    else:
        await site.kube.patch_run(run, state="Running")
    _add(
        samples, f"resume by {by} → next node", (await first_node(site, run, attempt) - began).total_seconds()
    )


def _add(samples: Samples, what: str, seconds: float) -> None:
    samples.setdefault(what, []).append(seconds)


async def measure(site: Site, count: int) -> tuple[Table, Samples]:
    """Start `count` runs, pause and resume each by REST and by kubectl."""
    samples: Samples = {}
    for _ in range(count):
        run = await _start(site, samples)
        for by in ("rest", "kubectl"):
            await asyncio.sleep(SHORT_MOMENT)
            await _pause(site, run, by, samples)
            await _resume(site, run, by, samples)
        await site.kube.patch_run(run, state="Cancelled")
        await site.runs.until(run, has_phase("Cancelled"), NODE_SECONDS)
    return _table(samples), samples


BUDGETS: dict[str, Budget] = {"create": START, "pause": PAUSE, "resume": RESUME}


def _table(samples: Samples) -> Table:
    columns = [Column("n"), *(Column(name, 3) for name in ("p50", "p99", "max")), Column("Argo/ours", 1)]
    table = Table("start, pause of a graph with nodes of 50 ms, resume (seconds)", columns)
    for what, values in samples.items():
        found = figures(values)
        if found:
            ratio: Cell = ARGO_START / found.p50 if what.startswith("create") else None
            table.rows.append((what, [found.count, *found.cells(), ratio]))
            table.notes.append(
                f"{what}: budget {BUDGETS[what.partition(' ')[0].partition('+')[0]].verdict(found)}"
            )
    return table
