"""Part "latency": what a put and a resume take when each request takes longer, as over a network."""

import statistics
from pathlib import Path

from benchmarks.checkpoints.bench import Bench
from benchmarks.checkpoints.driver import SaverFailed
from benchmarks.checkpoints.environments import SaverKind
from benchmarks.checkpoints.worker import Job
from benchmarks.tables import Cell, Column, Table

_FIGURES = (("sync ms/step", 1), ("async ms/step", 1), ("resume ms", 0))


def measure(bench: Bench) -> list[Table]:
    """Ours and the peers on S3."""
    workload, added_ms = bench.sizes.latency, bench.sizes.added_ms
    columns = [Column(f"{what} (+{added} ms)", digits) for added in added_ms for what, digits in _FIGURES]
    table = Table(
        f"Latency: {workload.steps} steps, messages of {workload.size:,} B, ms added to each request",
        columns,
    )
    for saver, python in bench.savers("s3"):
        with bench.progress.step(f"latency: {saver.title}"):
            try:
                cells = [
                    cell for added in added_ms for cell in _latencies(bench, saver, python, added / 1000)
                ]
            except SaverFailed as failed:
                cells = [f"failed: {failed}"]
        table.rows.append((saver.title, cells))
    bench.compare(table)
    table.notes.append("sync: the median from step to step; async: the run with its close, over its steps.")
    return [table]


def _latencies(bench: Bench, saver: SaverKind, python: Path, latency: float) -> list[Cell]:
    workload = bench.sizes.latency
    sync = Job(saver.name, bench.site.new_place(saver), workload, ("run",), durability="sync")
    steps = bench.site.run(python, sync, latency=latency)["run"].figures.steps
    place = bench.site.new_place(saver)
    run = bench.site.run(python, Job(saver.name, place, workload, ("run",)), latency=latency)["run"]
    resume = bench.site.run(python, Job(saver.name, place, workload, ("resume",)), latency=latency)["resume"]
    return [
        statistics.median(steps) * 1000,
        run.figures.wall / workload.steps * 1000,
        resume.figures.wall * 1000,
    ]
