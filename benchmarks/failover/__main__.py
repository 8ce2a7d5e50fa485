"""Break operators and API replicas of the running cluster, time what follows, and print tables."""

import argparse
import asyncio
import sys
import time

from benchmarks.choosing import choice
from benchmarks.cluster.figures import figures
from benchmarks.cluster.site import Site, open_site
from benchmarks.failover.operators import DEPLOYMENT, FAULTS, HandOver, hand_over, holder
from benchmarks.failover.replicas import Loss, lose_replica
from benchmarks.tables import Column, Table
from graphrun_devcluster.faults import Faults
from graphrun_devcluster.progress import Progress

PARTS = (*FAULTS, "api")
COLUMNS = [Column("n"), *(Column(name, 2) for name in ("p50", "p99", "max"))]

BUDGETS = {"SIGKILL": 20.0, "SIGTERM": 3.0}
"""Hand-over allowed, in seconds: after a kill, and after SIGTERM."""


async def measure(asked: argparse.Namespace) -> None:
    """Break, time and print what was asked for."""
    async with open_site("failover") as site:
        chosen = [name for name in asked.only if name in FAULTS]
        if chosen:
            _print(await _operators(site, chosen, asked.n), asked)
        if "api" in asked.only:
            _print(await _replicas(site, asked.n), asked)


def _print(table: Table, asked: argparse.Namespace) -> None:
    print(table.text(markdown=asked.markdown), end="\n\n", flush=True)


async def _operators(site: Site, chosen: list[str], count: int) -> Table:
    table = Table("operator lost → next leader's first decision acted on (seconds)", COLUMNS)
    replicas, lease = await site.replicas(DEPLOYMENT), await holder(site)
    table.notes.append(f"{replicas} replicas; {'a Lease' if lease else 'no Lease: no leader election here'}")
    faults = Faults(site.cluster)
    for fault in chosen:
        seen = [await hand_over(site, faults, fault) for _ in range(count)]
        _add_operator_rows(table, fault, seen)
    return table


def _add_operator_rows(table: Table, fault: str, seen: list[HandOver]) -> None:
    leases = [one.lease for one in seen if one.lease is not None]
    for what, values in (("Job of a new run", [one.decision for one in seen]), ("Lease moved", leases)):
        found = figures(values)
        if found:
            table.rows.append((f"{fault} → {what}", [found.count, *found.cells()]))
    most = max(one.decision for one in seen)
    if fault in BUDGETS:
        held = "held" if most <= BUDGETS[fault] else f"over: max {most:.1f}"
        table.notes.append(f"{fault}: under {BUDGETS[fault]:.0f} s, {held}")


async def _replicas(site: Site, count: int) -> Table:
    table = Table("an API replica killed (seconds)", COLUMNS)
    seen: list[Loss] = [await lose_replica(site) for _ in range(count)]
    for what, values in (
        ("longest silence of an open stream", [one.stream for one in seen]),
        ("run created at the kill → first node", [one.start for one in seen]),
    ):
        found = figures(values)
        if found:
            table.rows.append((what, [found.count, *found.cells()]))
    whole = sum(one.in_order for one in seen)
    table.notes.append(f"{await site.replicas('graphrun-api')} replicas; one killed at random")
    table.notes.append(f"streams with every event once, in order: {whole} of {count}")
    return table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.failover", description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="measurements of each kind; default: %(default)s")
    parser.add_argument("--only", type=choice(PARTS), default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    asked = parser.parse_args()
    progress, began = Progress(), time.monotonic()
    asyncio.run(measure(asked))
    progress.note(f"measured in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
