"""Lives of a run, each begun by REST and followed to its end, one at a time."""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.cluster.processes import graph_processes
from benchmarks.cluster.site import Site
from benchmarks.latency.phases import STEPS, has_phase
from graphrun_devcluster.processes.identity import send_signal
from support.waiting import eventually

SECONDS = 120
ENDS = ("Succeeded", "Failed", "Cancelled")


@dataclass(frozen=True)
class Ended:
    """A run that is over, and the phase that it ended in."""

    run: str
    phase: str


async def _succeeds(site: Site) -> str:
    return await site.client.start("steps", {"rounds": 3, "seconds": 0.05})


async def _pauses_and_resumes(site: Site) -> str:
    run = await site.client.start("steps", {"rounds": 60, "seconds": 0.05})
    await site.runs.until(run, has_phase("Running"), SECONDS)
    await site.client.rest.verb(run, "pause", wait="30")
    await site.client.rest.verb(run, "resume")
    return run


async def _is_retried(site: Site) -> str:
    """Kill the graph process once: the attempt has crashed, the next one succeeds."""
    run = await site.client.start("steps", {"rounds": 40, "seconds": 0.05})
    await site.runs.until(run, has_phase("Running"), SECONDS)
    for process in graph_processes(site, run):
        send_signal(process.identity, signal.SIGKILL)
    return run


async def _is_cancelled(site: Site) -> str:
    run = await site.client.start("sleeping", {})
    await eventually(
        lambda: site.client.rest.status(run),
        lambda status: status["current_node"],
        seconds=SECONDS,
        what=f"a node of {run} runs",
    )
    await site.client.rest.verb(run, "cancel")
    return run


async def _runs_long(site: Site) -> str:
    """Run for 25 s: progress and checkpoint are refreshed meanwhile, at most every 10 s."""
    return await site.client.start("steps", {**STEPS, "rounds": 50, "seconds": 0.5})


SCENARIOS: dict[str, Callable[[Site], Awaitable[str]]] = {
    "succeeds": _succeeds,
    "runs 25 s": _runs_long,
    "pauses, resumes": _pauses_and_resumes,
    "crashes once": _is_retried,
    "is cancelled": _is_cancelled,
}


async def live(site: Site, scenario: str) -> Ended:
    """Have a run live through a scenario to its end."""
    run = await SCENARIOS[scenario](site)
    await site.runs.until(run, has_phase(*ENDS), SECONDS)
    return Ended(run, site.runs.last(run)["status"]["phase"])
