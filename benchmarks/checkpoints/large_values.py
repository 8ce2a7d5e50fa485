"""Part "large": memory and the event loop while values of many megabytes are stored and read."""

import sys
from pathlib import Path

from benchmarks.checkpoints.bench import MB, Bench
from benchmarks.checkpoints.driver import Measured, SaverFailed
from benchmarks.checkpoints.environments import MEMORY, SaverKind
from benchmarks.checkpoints.savers import Place
from benchmarks.checkpoints.worker import Job
from benchmarks.tables import Cell, Column, Table

_COLUMNS = tuple(
    Column(f"{when}: {what}", digits)
    for when in ("put", "resume")
    for what, digits in (("peak MB over before", 0), ("stall ms", 0), ("wall s", 2))
)


def measure(bench: Bench) -> list[Table]:
    """All savers; the graph alone, with a saver in memory, for comparison."""
    workload = bench.sizes.large
    table = Table(
        f"Large values: {workload.steps} steps, each writes a new value of {workload.size / MB:.0f} MB",
        _COLUMNS,
    )
    for saver, python in [*bench.pythons.items(), (MEMORY, Path(sys.executable))]:
        with bench.progress.step(f"large: {saver.title}"):
            try:
                cells = _cells(bench, saver, python)
            except SaverFailed as failed:
                cells = [f"failed: {failed}"]
        table.rows.append((saver.title, cells))
    bench.compare(table)
    table.notes.append(
        "Stall: how late a task was at worst that sleeps 1 ms at a time on the graph's event loop."
    )
    return [table]


def _cells(bench: Bench, saver: SaverKind, python: Path) -> list[Cell]:
    place = Place() if saver == MEMORY else bench.site.new_place(saver)
    run = bench.site.run(python, Job(saver.name, place, bench.sizes.large, ("run",)))["run"]
    if saver == MEMORY:
        return _shown(run)
    job = Job(saver.name, place, bench.sizes.large, ("resume",))
    return [*_shown(run), *_shown(bench.site.run(python, job)["resume"])]


def _shown(measured: Measured) -> list[Cell]:
    figures = measured.figures
    return [(figures.memory_peak - figures.memory_before) / MB, figures.stall * 1000, figures.wall]
