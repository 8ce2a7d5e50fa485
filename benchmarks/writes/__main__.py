"""Count the writes to the API server that runs cost, by the audit log, and print a table."""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter

from benchmarks.choosing import choice
from benchmarks.cluster.figures import WRITES
from benchmarks.cluster.site import Site, open_site
from benchmarks.tables import Column, Table
from benchmarks.writes.scenarios import SCENARIOS, live
from graphrun_devcluster.audit import AuditLog, Kind, Write, counted
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.local.cluster import LocalCluster

OURS = ("graphrun-operator", "graphrun-api")
OTHERS = ("kubelet", "kube-controller-manager", "kube-scheduler")
WANTED = {"is cancelled": "Cancelled"}
"""How a scenario ends, unless it succeeds."""

SETTLE_SECONDS = 4.0
"""How long after a run's end its last writes may come; its Job is removed a minute later, not counted."""


async def measure(asked: argparse.Namespace) -> None:
    """Have runs live, one at a time in a namespace of their own, and print what they cost."""
    columns = [Column("n"), *(Column(name, 1) for name in ("graphrun", *OURS, *OTHERS, "refused"))]
    table = Table("writes to the API server for one run (mean)", columns)
    async with open_site("writes") as site:
        counter = _Counter(site)
        for scenario in ("succeeds", "is cancelled"):  # the first run of a Workflow also writes its revision
            await counter.writes_of(scenario)
        for scenario in asked.only:
            seen = [await counter.writes_of(scenario) for _ in range(asked.n)]
            table.rows.append((scenario, [len(seen), *_cells(seen)]))
            if asked.each:
                table.notes += _each(scenario, seen[-1])
    table.notes += counter.surprises
    table.notes.append(f"budget: graphrun at most {WRITES} for a short run that succeeds")
    table.notes.append(
        "reads, leases, reviews of tokens and rights, and the Job's removal a minute later are not in it"
    )
    print(table.text(markdown=asked.markdown))


class _Counter:
    """Has runs live one after another; knows the earlier ones, whose Jobs go while a later one runs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._log = AuditLog(LocalCluster(site.cluster, Progress()).audit_log)
        self._earlier: list[str] = []
        self.surprises: list[str] = []

    async def writes_of(self, scenario: str) -> list[Write]:
        """Return the writes in the namespace while a run lived, those about earlier runs left out."""
        mark = self._log.mark()
        ended = await live(self._site, scenario)
        if ended.phase != WANTED.get(scenario, "Succeeded"):
            self.surprises.append(f"{scenario}: a run ended as {ended.phase}")
        await asyncio.sleep(SETTLE_SECONDS)
        namespace, earlier = self._site.kube.namespace, [*self._earlier]
        self._earlier.append(ended.run)
        return [
            write
            for write in await asyncio.to_thread(self._log.writes, mark)
            if write.namespace == namespace and not any(write.concerns(namespace, run) for run in earlier)
        ]


def _cells(seen: list[list[Write]]) -> list[float]:
    by_writer = [Counter(write.writer for write in writes if write.stored) for writes in seen]
    refused = [sum(not write.stored for write in writes if write.writer in OURS) for writes in seen]
    ours = [sum(one[name] for name in OURS) for one in by_writer]
    others = [statistics.mean(one[name] for one in by_writer) for name in (*OURS, *OTHERS)]
    return [statistics.mean(ours), *others, statistics.mean(refused)]


def _each(scenario: str, writes: list[Write]) -> list[str]:
    kinds: Counter[Kind] = counted(write for write in writes if write.stored and write.writer in OURS)
    return [f"{scenario}: {count} of {' '.join(kind)}" for kind, count in sorted(kinds.items())]


def main() -> int:
    """Measure and print."""
    names = list(SCENARIOS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writes", description=__doc__)
    parser.add_argument("-n", type=int, default=3, help="runs of each kind; default: %(default)s")
    parser.add_argument("--only", type=choice(names), default=names, help=f"of {','.join(names)}")
    parser.add_argument("--each", action="store_true", help="tell graphrun's writes one by one")
    parser.add_argument("--markdown", action="store_true", help="a table for a document")
    asked = parser.parse_args()
    progress, began = Progress(), time.monotonic()
    asyncio.run(measure(asked))
    progress.note(f"measured in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
