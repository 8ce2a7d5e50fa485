"""Part "long": one thread that goes on for thousands of checkpoints; nothing may grow with their number."""

import statistics
from dataclasses import dataclass

from benchmarks.checkpoints.bench import Bench
from benchmarks.checkpoints.driver import Measured
from benchmarks.checkpoints.savers import Place
from benchmarks.checkpoints.worker import Job
from benchmarks.checkpoints.workloads import Workload
from benchmarks.tables import Cell, Column, Table

_COLUMNS = (
    Column("async: ms/step", 2),
    Column("first", 2),
    Column("last", 2),
    Column("sync: ms/step", 2),
    Column("requests/step", 2),
    Column("bytes/step", 0),
    Column("objects", 0),
    Column("peak MB", 0),
    Column("resume: requests", 0),
    Column("resume: KB", 1),
    Column("resume: ms", 1),
)
_ENDS = 200  # super-steps at either end of a stretch whose median is shown
_STRETCH_SECONDS = 400.0


@dataclass(frozen=True)
class _Stretch:
    """What was seen between one mark and the next."""

    steps: int
    run: Measured
    sync: Measured
    resumes: list[Measured]
    objects: int | None

    def cells(self) -> list[Cell]:
        gaps = self.run.figures.steps
        return [
            self.run.figures.wall / self.steps * 1000,
            statistics.median(gaps[:_ENDS]) * 1000,
            statistics.median(gaps[-_ENDS:]) * 1000,
            statistics.median(self.sync.figures.steps) * 1000,
            self.run.traffic.requests / self.steps,
            self.run.traffic.up / self.steps,
            self.objects,
            self.run.figures.memory_peak / 1e6,
            max(each.traffic.requests for each in self.resumes),
            max(each.traffic.down for each in self.resumes) / 1000,
            statistics.median(each.figures.wall for each in self.resumes) * 1000,
        ]


def measure(bench: Bench) -> list[Table]:
    """Ours alone: the thread is run up to each mark, and its newest state read there in new processes."""
    ours = bench.ours()
    if ours is None:
        return []
    saver, _ = ours
    place = bench.site.new_place(saver)
    table = Table("One thread with a small state, up to each number of checkpoints", _COLUMNS)
    reached = 0
    for mark in bench.sizes.marks:
        with bench.progress.step(f"long: {mark:,} checkpoints"):
            table.rows.append((f"{mark:,}", _stretch(bench, place, reached, mark).cells()))
        reached = mark
    table.notes += [
        f"async: wall time of the stretch with its close, over its steps; first, last: medians of {_ENDS} steps, without waiting.",
        f"sync: median of the last {bench.sizes.sync_steps} steps before the mark, each waiting for its checkpoint.",
    ]
    return [table]


def _stretch(bench: Bench, place: Place, reached: int, mark: int) -> _Stretch:
    saver, python = next(bench.savers())  # ours is the first
    until_sync = Workload("counter", steps=mark - bench.sizes.sync_steps)
    run = Job(saver.name, place, until_sync, ("run",))
    sync = Job(saver.name, place, Workload("counter", steps=mark), ("run",), durability="sync")
    resume = Job(saver.name, place, Workload("counter", steps=mark), ("resume",))
    return _Stretch(
        until_sync.steps - reached,
        bench.site.run(python, run, seconds=_STRETCH_SECONDS)["run"],
        bench.site.run(python, sync)["run"],
        [bench.site.run(python, resume)["resume"] for _ in range(bench.sizes.resumes)],
        bench.site.stored(place).objects,
    )
