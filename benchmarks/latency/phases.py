"""Brings runs into each phase in which they can be cancelled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from benchmarks.cluster.kube import Object
from benchmarks.cluster.processes import graph_processes
from benchmarks.cluster.site import Site
from benchmarks.cluster.watching import Heard, TooSlow
from support.waiting import eventually

START_SECONDS = 120
SETTLE_SECONDS = 30

STEPS = {"rounds": 100_000, "seconds": 0.05}
"""Input of the graph `steps` for a run that does not end by itself: nodes of 50 ms."""


def has_phase(*phases: str) -> Callable[[Heard], bool]:
    """Return whether a state shows one of these phases."""
    return lambda heard: heard.state.get("status", {}).get("phase") in phases


@dataclass(frozen=True)
class Phase:
    """A phase in which runs are cancelled.

    Attributes:
        title: for the tables.
        prepare: brings a new run into it; returns its name.
        needs_api: whether it can be reached while the API is up only.
        batch: how many runs are made ready together; they are cancelled one after another.
        spare: how many more of a batch do not come into it.
        holds: whether a run is in it at the moment at which it is to be cancelled.
    """

    title: str
    prepare: Callable[[Site], Awaitable[str]]
    needs_api: bool = True
    batch: int = 8
    spare: int = 0
    holds: Callable[[Site, str], bool] = lambda _site, _run: True


async def _pending(site: Site) -> str:
    run = await site.kube.create_run("blocking", site.name("pending"), state="Pending")
    await site.runs.until(run, has_phase("Pending"), SETTLE_SECONDS)
    return run


async def _queued(site: Site) -> str:
    run = await site.kube.create_run("line", site.name("queued"))
    # The first one of all is at the head of the line, and runs.
    await site.runs.until(run, has_phase("Queued", "Starting", "Running"), START_SECONDS)
    return run


async def _starting(site: Site) -> str:
    """Make a run whose Job is there; its pod is created, scheduled, started meanwhile."""
    run = await site.kube.create_run("blocking", site.name("starting"))
    await site.jobs.until(f"{run}-1", lambda _: True, SETTLE_SECONDS)
    return run


async def _running(site: Site, workflow: str, **spec: object) -> str:
    run = await site.kube.create_run(workflow, site.name(workflow), **spec)
    await site.runs.until(run, has_phase("Running"), START_SECONDS)
    await _node_runs(site, run)
    return run


async def _node_runs(site: Site, run: str) -> None:
    async def node() -> str:
        with contextlib.suppress(httpx.TransportError):  # a kept connection that was closed while it was idle
            return str((await site.client.rest.status(run))["current_node"] or "")
        return ""

    await eventually(node, seconds=START_SECONDS, what=f"a node of {run} runs")


async def _pausing(site: Site) -> str:
    run = await _running(site, "blocking")
    await site.kube.patch_run(run, state="Paused")
    await site.runs.until(run, has_phase("Pausing"), SETTLE_SECONDS)
    return run


async def _paused(site: Site) -> str:
    run = await _running(site, "steps", input=STEPS)
    await site.kube.patch_run(run, state="Paused")
    await site.runs.until(run, has_phase("Paused"), SETTLE_SECONDS)
    return run


async def _awaiting(site: Site) -> str:
    run = await site.kube.create_run("asking", site.name("asking"))
    await site.runs.until(run, has_phase("AwaitingInput"), START_SECONDS)
    return run


def is_claimed(run: Object) -> bool:
    """Return whether the run's present attempt was claimed by a pod."""
    status = run.get("status", {})
    runner = status.get("runner", {})
    return bool(runner.get("claimTime")) and runner.get("attempt") == status.get("attempt", 1)


def _is_unclaimed(site: Site, run: str) -> bool:
    return not is_claimed(site.runs.last(run))


def _shows(phase: str) -> Callable[[Site, str], bool]:
    return lambda site, run: site.runs.last(run).get("status", {}).get("phase") == phase


def _graph_runs(site: Site, run: str) -> bool:
    return bool(graph_processes(site, run))


PHASES: dict[str, Phase] = {
    "pending": Phase("Pending", _pending, needs_api=False),
    "queued": Phase("Queued", _queued, holds=_shows("Queued"), needs_api=False, spare=1),
    "starting": Phase("Starting, unclaimed", _starting, needs_api=False, batch=1, holds=_is_unclaimed),
    "sync": Phase("Running, sync node blocks", lambda site: _running(site, "blocking"), holds=_graph_runs),
    "async": Phase("Running, async node", lambda site: _running(site, "sleeping"), holds=_graph_runs),
    "pausing": Phase("Pausing", _pausing, holds=_graph_runs),
    "paused": Phase("Paused", _paused, holds=_shows("Paused")),
    "awaiting": Phase("AwaitingInput", _awaiting, holds=_shows("AwaitingInput")),
}


async def batch_of(site: Site, phase: Phase, count: int) -> list[str]:
    """Bring `count` runs into a phase together, and the spare ones as far as they come; those that did not get there in time are left out."""
    made = await asyncio.gather(
        *(phase.prepare(site) for _ in range(count + phase.spare)), return_exceptions=True
    )
    broken = [one for one in made if isinstance(one, BaseException)]
    unexpected = [one for one in broken if not isinstance(one, TooSlow)]
    if unexpected:
        raise unexpected[0]
    for one in broken:
        print(f"left out: {one}")
    return [one for one in made if isinstance(one, str)]
