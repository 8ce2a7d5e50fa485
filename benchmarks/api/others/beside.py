"""The part "others": ours and each other server, one after the other, each alone on its core."""

from dataclasses import dataclass

from benchmarks.api.others.contestants import RUNS, Contestant, Ours
from benchmarks.api.others.servers import KINDS, running
from benchmarks.api.others.trial import COLUMNS, FAILURES, Trial
from benchmarks.api.rates import AT_ONCE
from benchmarks.api.site import Site
from benchmarks.tables import Cell, Table
from graphrun_devcluster.progress import Progress

OURS = "ours"
NAMES = (OURS, *(kind.name for kind in KINDS))


@dataclass(frozen=True)
class Asked:
    """How much is measured.

    Attributes:
        names: Of the servers.
        seconds: Of each loop of requests, and of the events that come once a second.
        clients: Of the streams.
    """

    names: list[str]
    seconds: float
    clients: int


async def measure(site: Site, asked: Asked) -> Table:
    """A row for each server, or why there is none."""
    title = (
        f"side by side, one process on one core: {AT_ONCE} clients; "
        f"{asked.clients} clients on the streams of {RUNS} runs"
    )
    table, progress = Table(title, COLUMNS), Progress()

    async def measured(who: Contestant) -> list[Cell]:
        trial = Trial(who, site.http, asked.seconds, asked.clients, table.notes)
        return await trial.cells()

    if OURS in asked.names:
        table.rows.append((Ours.title, await measured(Ours(site))))
    for kind in KINDS:
        if kind.name not in asked.names:
            continue
        with progress.step(f"measuring {kind.title}"):
            try:
                async with running(kind, site, progress) as other:
                    cells = await measured(other)
            except FAILURES as failed:  # the others can still be measured
                cells = [f"not measured: {failed}"]
        table.rows.append((kind.title, cells))
    table.compare("ours / best of the others", Ours.title, [kind.title for kind in KINDS])
    return table
