"""What all parts of the benchmark share: the savers that are there, the servers, the sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkpoints.environments import SaverKind
from benchmarks.checkpoints.servers import Site
from benchmarks.checkpoints.workloads import Workload
from benchmarks.tables import Table
from graphrun_devcluster.progress import Progress

MB = 1_000_000
OURS = "ours"


@dataclass(frozen=True)
class Sizes:
    """How much work each part is.

    Attributes:
        cost: The workloads (a) to (d), by letter.
        latency: The workload of the latency part.
        added_ms: What is added to each request there, one after the other.
        marks: Checkpoints in one thread at which it is looked at.
        sync_steps: Super-steps before each mark that wait for their checkpoints.
        resumes: Processes that read the newest state at each mark.
        large: The workload of the large values.
        imports: Processes of each import measurement.
    """

    cost: dict[str, Workload]
    latency: Workload
    added_ms: tuple[int, ...]
    marks: tuple[int, ...]
    sync_steps: int
    resumes: int
    large: Workload
    imports: int


FULL = Sizes(
    cost={
        "a": Workload("conversation", steps=100, size=10_000),
        "b": Workload("fan-out", steps=20, size=1_000, width=20),
        "c": Workload("large value", steps=50, size=20 * MB),
        "d": Workload("delta", steps=95, size=10_000),
    },
    latency=Workload("conversation", steps=30, size=1_000),
    added_ms=(1, 20),
    marks=(1_000, 10_000, 20_000),
    sync_steps=200,
    resumes=3,
    large=Workload("rewritten value", steps=3, size=20 * MB),
    imports=9,
)
QUICK = Sizes(
    cost={
        "a": Workload("conversation", steps=20, size=10_000),
        "b": Workload("fan-out", steps=6, size=1_000, width=8),
        "c": Workload("large value", steps=10, size=2 * MB),
        "d": Workload("delta", steps=15, size=10_000),
    },
    latency=Workload("conversation", steps=8, size=1_000),
    added_ms=(20,),
    marks=(60,),
    sync_steps=10,
    resumes=1,
    large=Workload("rewritten value", steps=2, size=2 * MB),
    imports=1,
)


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark.

    Attributes:
        site: The servers.
        pythons: The savers to measure, each with its interpreter, ours first if it is among them.
        sizes: How much work.
        progress: For people, on stderr.
    """

    site: Site
    pythons: dict[SaverKind, Path]
    sizes: Sizes
    progress: Progress

    def savers(self, *stores: str) -> Iterator[tuple[SaverKind, Path]]:
        """Those that store in one of these, or all."""
        for saver, python in self.pythons.items():
            if not stores or saver.store in stores:
                yield saver, python

    def ours(self) -> tuple[SaverKind, Path] | None:
        """Ours, if it is measured."""
        return next((each for each in self.pythons.items() if each[0].name == OURS), None)

    def compare(self, table: Table) -> None:
        """Add our figures over those of the best peer on S3, and over those of Postgres."""
        titles = {store: [saver.title for saver, _ in self.savers(store)] for store in ("s3", "postgres")}
        if (ours := self.ours()) is not None:
            title = ours[0].title
            table.compare("ours / best on S3", title, [each for each in titles["s3"] if each != title])
            table.compare("ours / Postgres", title, titles["postgres"])
