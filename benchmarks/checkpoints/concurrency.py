"""Part "concurrency": LangGraph's `max_concurrency` also limits a saver's calls; fan-out must not suffer from it."""

from dataclasses import dataclass

from benchmarks.checkpoints.bench import Bench
from benchmarks.checkpoints.driver import Measured
from benchmarks.checkpoints.worker import Job
from benchmarks.tables import Column, Table

_COLUMNS = (Column("PUTs", 0), Column("requests", 0), Column("wall s", 2))


@dataclass(frozen=True)
class Puts:
    """PUTs of the fan-out."""

    unlimited: int
    one_at_a_time: int


def measure(bench: Bench) -> tuple[list[Table], Puts | None]:
    """Ours alone, on workload (b)."""
    ours = bench.ours()
    if ours is None:
        return [], None
    saver, python = ours
    workload = bench.sizes.cost["b"]
    seen: dict[int | None, Measured] = {}
    table = Table(f"Fan-out of (b) under max_concurrency, {workload.steps} steps", _COLUMNS)
    for limit in (None, 1):
        with bench.progress.step(f"concurrency: {limit or 'without limit'}"):
            job = Job(saver.name, bench.site.new_place(saver), workload, ("run",), max_concurrency=limit)
            run = seen[limit] = bench.site.run(python, job)["run"]
        title = f"max_concurrency={limit}" if limit else "without limit"
        table.rows.append((title, [run.traffic.puts, run.traffic.requests, run.figures.wall]))
    return [table], Puts(seen[None].traffic.puts, seen[1].traffic.puts)
