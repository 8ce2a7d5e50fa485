"""Part "cost": requests, bytes, objects and CPU of the workloads (a) to (d), and of reading them in a new process."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import zstandard
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from benchmarks.checkpoints.bench import MB, OURS, Bench
from benchmarks.checkpoints.driver import Measured, SaverFailed
from benchmarks.checkpoints.environments import MEMORY, SaverKind
from benchmarks.checkpoints.savers import Place
from benchmarks.checkpoints.servers import Stored
from benchmarks.checkpoints.texts import Writer
from benchmarks.checkpoints.worker import HISTORY, THREAD, Job
from benchmarks.checkpoints.workloads import Workload
from benchmarks.tables import Cell, Column, Table
from graphrun_checkpoints import CheckpointReader, Credentials, MinioStore, StorageConfig

_FEW_REQUESTS = 30
_LATENCIES = (0.25, 0.02)  # seconds added to each request: for few requests and for many

_TITLES = {
    "a": "(a) conversation: {steps} steps, each a message of {size:,} B",
    "b": "(b) fan-out: {steps} steps, {width} tasks of {size:,} B in every other one",
    "c": "(c) {mb:.0f} MB that nothing compresses, set once by the first of {steps} steps",
    "d": "(d) as (a) with DeltaChannel, stopped at step {steps}, before its first snapshot",
}
_COLUMNS = (
    Column("requests/step", 2),
    Column("KB written/step", 1),
    Column("MB stored", 2),
    Column("objects", 0),
    Column("CPU s", 2),
    Column("resume: requests", 0),
    Column("resume: KB", 0),
    Column("resume: round trips", 0),
    Column("resume: ms", 0, compared=False),
    Column(f"{HISTORY} entries: requests", 0),
    Column(f"{HISTORY} entries: MB", 2),
)


@dataclass(frozen=True)
class Cost:
    """One saver on one workload.

    Attributes:
        workload: Which.
        run: The run with its end.
        stored: What it left.
        resume: The newest state, read in a new process.
        history: The ten newest entries, read in that process.
        round_trips: Of the resume: how many requests wait for one another. None where there is no latency to add.
        wal: Bytes of a database's log; None without one.
        listing: Requests of our history without states; None of others.
    """

    workload: Workload
    run: Measured
    stored: Stored
    resume: Measured
    history: Measured
    round_trips: int | None
    wal: int | None
    listing: int | None

    @property
    def requests_per_step(self) -> float:
        """Of the run."""
        return self.run.traffic.requests / self.workload.steps

    @property
    def kb_per_step(self) -> float:
        """Written by the run."""
        return self.run.traffic.up / 1000 / self.workload.steps

    def cells(self) -> list[Cell]:
        """As `_COLUMNS` has them."""
        return [
            self.requests_per_step,
            self.kb_per_step,
            self.stored.bytes / MB,
            self.stored.objects,
            self.run.figures.cpu,
            self.resume.traffic.requests,
            self.resume.traffic.down / 1000,
            self.round_trips,
            self.resume.figures.wall * 1000,
            self.history.traffic.requests,
            self.history.traffic.down / MB,
        ]


Costs = dict[tuple[str, str], Cost]
"""By saver and letter of the workload."""


def measure(bench: Bench) -> tuple[list[Table], Costs]:
    """All workloads on all savers."""
    costs: Costs = {}
    tables = []
    for letter, workload in bench.sizes.cost.items():
        table = Table(_TITLES[letter].format(**vars(workload), mb=workload.size / MB), _COLUMNS)
        for saver, python in bench.savers():
            with bench.progress.step(f"({letter}) {saver.title}"):
                try:
                    cost = costs[saver.name, letter] = _cost(bench, saver, python, workload)
                except SaverFailed as failed:
                    table.rows.append((saver.title, [f"failed: {failed}"]))
                    continue
            table.rows.append((saver.title, cost.cells()))
            if cost.wal is not None:
                table.notes.append(f"{saver.title}: {cost.wal / MB:.1f} MB of write-ahead log besides.")
        table.rows.append((MEMORY.title, _graph_alone(bench, workload)))
        bench.compare(table)
        tables.append(table)
    tables[0].notes += _notes()
    return tables, costs


def _cost(bench: Bench, saver: SaverKind, python: Path, workload: Workload) -> Cost:
    place = bench.site.new_place(saver)
    wal = bench.site.wal_bytes(place) if place.dsn else 0
    run = bench.site.run(python, Job(saver.name, place, workload, ("run",)))["run"]
    wal = bench.site.wal_bytes(place) - wal if place.dsn else 0
    stored = bench.site.stored(place)
    read = bench.site.run(python, Job(saver.name, place, workload, ("resume", "history")))
    resume, history = read["resume"], read["history"]
    entries = min(HISTORY, workload.steps + 2)  # the input's and the start's besides
    if (resume.figures.check, history.figures.check) != (run.figures.check, entries):
        raise SaverFailed(
            f"read {resume.figures.check} of {run.figures.check}, {history.figures.check} entries"
        )
    delayed = Job(saver.name, place, workload, ("resume",))
    return Cost(
        workload,
        run,
        stored,
        resume,
        history,
        round_trips=None if place.dsn else _round_trips(bench, python, delayed, resume),
        wal=wal if place.dsn else None,
        listing=_requests_of_listing(bench, place) if saver.name == OURS else None,
    )


def _graph_alone(bench: Bench, workload: Workload) -> list[Cell]:
    job = Job(MEMORY.name, Place(), workload, ("run",))
    try:
        return [None, None, None, None, bench.site.run(Path(sys.executable), job)["run"].figures.cpu]
    except SaverFailed as failed:
        return [f"failed: {failed}"]


def _round_trips(bench: Bench, python: Path, job: Job, without: Measured) -> int:
    latency = _LATENCIES[without.traffic.requests > _FEW_REQUESTS]
    delayed = bench.site.run(python, job, latency=latency)["resume"]
    return round((delayed.figures.wall - without.figures.wall) / latency)


def _requests_of_listing(bench: Bench, place: Place) -> int:
    """What our reader asks for the whole history, when no state is wanted."""

    async def listing() -> None:
        storage = StorageConfig(
            place.endpoint,
            place.bucket,
            prefix=place.prefix,
            region=place.region,
            credentials=Credentials(place.access_key, place.secret_key),
        )
        store = MinioStore(storage)
        try:
            await CheckpointReader(store, prefix=f"{place.prefix}/checkpoints").list_checkpoints(THREAD)
        finally:
            await store.aclose()

    meter = bench.site.metered()
    meter.restart()
    asyncio.run(listing())
    return meter.restart().requests


def _notes() -> list[str]:
    compressor, serde = zstandard.ZstdCompressor(level=3), JsonPlusSerializer()

    def ratio(count: int, size: int) -> float:
        writer = Writer(1)
        messages = [AIMessage(writer.text(size), id=str(number)) for number in range(count)]
        data = serde.dumps_typed(messages)[1]
        return len(data) / len(compressor.compress(data))

    return [
        f"Text: made-up words from a seed. zstd 3 makes 1,000 messages of 1 KB {ratio(1_000, 1_000):.2f} times smaller, "
        f"100 of 10 KB {ratio(100, 10_000):.2f}, one of 10 KB alone {ratio(1, 10_000):.2f}, one of 1 KB {ratio(1, 1_000):.2f}.",
        "Messages under add_messages; durability async. Requests of Postgres are turns, its bytes are with protocol; "
        "it runs with fsync and full_page_writes off.",
        "CPU is of the run, without its process's start and imports; the graph's own is in it: see the saver in memory.",
        f"Resume is aget_state in a new process; {HISTORY} entries are aget_state_history(limit={HISTORY}) after it, in it.",
        "Round trips: what the resume takes longer with latency added to each request, over that latency.",
    ]
