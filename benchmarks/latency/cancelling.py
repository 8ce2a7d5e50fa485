"""Cancels runs, one at a time, and takes the time until it is true and until it is told."""

import asyncio
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from benchmarks.cluster.figures import ARGO_ENDED, ARGO_SIGTERM, CANCEL, figures
from benchmarks.cluster.processes import graph_processes, looking_at
from benchmarks.cluster.site import Site
from benchmarks.latency.phases import PHASES, Phase, batch_of, has_phase, is_claimed
from benchmarks.tables import Cell, Column, Table

CANCELLED_SECONDS = 60
WATCHED_ON_SECONDS = 1.0
"""How long after the last run of a batch is gone all of it are looked at again: nothing may have started any more."""

OUTAGE_BATCH = 34
"""Runs of a batch for each of which the API has to go away, and to come back."""

STARTING_SPREAD_SECONDS = 0.8
"""A starting run is cancelled at a random moment of so many seconds after its Job has appeared."""

COLUMNS = [
    Column("n"),
    *(Column(f"gone {name}", 3) for name in ("p50", "p99", "max")),
    *(Column(f"shown {name}", 3) for name in ("p50", "p99", "max")),
    *(Column(f"both {name}", 3) for name in ("p50", "p99", "max")),
    Column("pod empty max", 3),
    Column("Argo/ours gone", 0),
    Column("Argo/ours shown", 0),
]


@dataclass(frozen=True)
class Way:
    """How runs are cancelled: "rest" or "kubectl"; with the API up or down."""

    by: str
    api_up: bool = True

    @property
    def title(self) -> str:
        """In words."""
        return f"by {self.by}, API {'up' if self.api_up else 'down'}"


@dataclass(frozen=True)
class Sample:
    """Seconds from the request to each proof; 0 where no process was there to be ended.

    Attributes:
        gone: no process of the graph is left. 0 also where the attempt was never claimed: its graph
            process has imported LangGraph at most, and knows nothing of the run.
        shown: the phase is Cancelled, as a watch hears of it.
        empty: nothing is left in the pod's container, the supervisor included.
        claimed: the attempt was claimed when the phase was Cancelled.
        lied: it was claimed, or a process of a claimed one began, after that.
    """

    gone: float
    shown: float
    empty: float
    claimed: bool
    lied: bool


@dataclass
class Cell_:  # noqa: N801 - `Cell` is a figure of a table
    """The samples of one phase and one way."""

    phase: Phase
    samples: list[Sample] = field(default_factory=list)
    left_out: int = 0

    def row(self) -> tuple[str, list[Cell]]:
        """Return the row of a table."""
        gone = figures([sample.gone for sample in self.samples])
        shown = figures([sample.shown for sample in self.samples])
        both = figures([max(sample.gone, sample.shown) for sample in self.samples])
        empty = figures([sample.empty for sample in self.samples])
        if not (gone and shown and both and empty):
            return self.phase.title, ["not there"]
        ratios = [_ratio(ARGO_SIGTERM, gone.p50), _ratio(ARGO_ENDED, shown.p50)]
        return self.phase.title, [
            both.count,
            *gone.cells(),
            *shown.cells(),
            *both.cells(),
            empty.most,
            *ratios,
        ]

    def notes(self) -> list[str]:
        """Return what is to be said about the budget, and about what should never be."""
        both = figures([max(sample.gone, sample.shown) for sample in self.samples])
        lies = sum(sample.lied for sample in self.samples)
        notes = [f"{self.phase.title}: budget {CANCEL.verdict(both)}"] if both else []
        notes += [f"{self.phase.title}: {lies} RAN ON AFTER BEING SHOWN AS CANCELLED"] if lies else []
        notes += [f"{self.phase.title}: {self.left_out} left out, no longer in it"] if self.left_out else []
        return notes


def _ratio(theirs: float, ours: float) -> Cell:
    return theirs / ours if ours else None


async def measure(
    site: Site, names: list[str], way: Way, count: int
) -> tuple[Table, dict[str, list[Sample]]]:
    """Cancel `count` runs in each phase; return the table, and all that was measured."""
    table = Table(f"cancel → process gone, status says so: {way.title} (seconds)", COLUMNS)
    samples: dict[str, list[Sample]] = {}
    for name in names:
        cell = await _cell(site, PHASES[name], way, count)
        table.rows.append(cell.row())
        table.notes += cell.notes()
        samples[name] = cell.samples
    return table, samples


async def _cell(site: Site, phase: Phase, way: Way, count: int) -> Cell_:
    cell = Cell_(phase)
    away_for_all = not way.api_up and not phase.needs_api
    batch = phase.batch if way.api_up or away_for_all else OUTAGE_BATCH
    async with site.api_away() if away_for_all else nullcontext():
        for _ in range(2 * count // batch + 2):  # runs may leave the phase before their turn: bounded
            wanted = min(batch, count - len(cell.samples))
            if wanted <= 0:
                break
            runs = await batch_of(site, phase, wanted)
            async with site.api_away() if not way.api_up and phase.needs_api else nullcontext():
                await _cancel_all(site, cell, way, runs)
    return cell


async def _cancel_all(site: Site, cell: Cell_, way: Way, runs: list[str]) -> None:
    seen: dict[str, Sample] = {}
    # Those that wait in line before its head, whose end would let the next one run.
    for run in sorted(runs, key=lambda run: not cell.phase.holds(site, run)):
        if cell.phase.batch == 1:
            await asyncio.sleep(random.uniform(0, STARTING_SPREAD_SECONDS))  # noqa: S311 - a moment, no secret
        in_phase = cell.phase.holds(site, run)
        sample = await cancel(site, run, way)
        if in_phase:
            seen[run] = sample
        else:
            cell.left_out += 1
    await asyncio.sleep(WATCHED_ON_SECONDS)
    cell.samples += [
        replace(sample, lied=sample.lied or _came_back(site, run, sample)) for run, sample in seen.items()
    ]


def _came_back(site: Site, run: str, sample: Sample) -> bool:
    claimed = is_claimed(site.runs.last(run))
    return claimed and (not sample.claimed or bool(graph_processes(site, run)))


async def cancel(site: Site, run: str, way: Way) -> Sample:
    """Cancel a run and look at it until nothing of it is left."""
    async with looking_at(site, run) as presence:
        began = time.monotonic()
        if way.by == "rest":
            await site.client.rest.verb(run, "cancel")
        else:
            await site.kube.patch_run(run, state="Cancelled")
        shown = await site.runs.until(run, has_phase("Cancelled"), CANCELLED_SECONDS)
        claimed = is_claimed(site.runs.last(run))
        await presence.until_empty(CANCELLED_SECONDS)
    began_late = any(start > shown for start in presence.graph_starts)
    return Sample(
        gone=max(presence.graph_gone - began, 0.0) if claimed else 0.0,
        shown=shown - began,
        empty=max(presence.all_gone - began, 0.0),
        claimed=claimed,
        lied=claimed and began_late,
    )
