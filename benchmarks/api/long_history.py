"""Lists over a long history: each filter, the first page and one deep down."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from benchmarks.api.load import loop
from benchmarks.api.rates import reader
from benchmarks.api.site import Site
from benchmarks.tables import Column, Table
from graphrun_api.db import partitions
from graphrun_api.runs import cursors
from graphrun_devcluster.progress import Progress

COLUMNS = [
    Column(f"{page} {name}", 2) for page in ("first page", "deep page") for name in ("p50 ms", "p99 ms")
]
PAGE, ASKED = 50, 300
CHUNK = 50_000
# A run a second, all within the time for which events are kept; `swept`, so that nobody looks for their storage.
RUNS = """
    INSERT INTO run (uid, namespace, name, workflow, revision, status, phase, labels, created_at, created_order,
                     started_at, completed_at, gone_at, swept_at, last_seq, resource_version)
    SELECT 'seed-' || n, $1, 'run-' || n, 'flow-' || n % 100, 'flow-' || n % 100 || '-1',
           CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'Succeeded',
           jsonb_build_object('team', (ARRAY['red', 'green', 'blue'])[n % 3 + 1], 'customer', 'c-' || n % 1000),
           at, n, at, at, at, at, $5, n
    FROM generate_series($3::bigint, $4::bigint) AS n, LATERAL (SELECT $2::timestamptz + n * interval '1 second') AS _(at)"""
EVENTS = """
    INSERT INTO run_event (run_uid, day, seq, attempt, type, at, node_id, data)
    SELECT 'seed-' || n, (at AT TIME ZONE 'UTC')::date, s, 1, 'node_completed', at, 'node-' || s, '{"a": 1}'
    FROM generate_series($2::bigint, $3::bigint) AS n, LATERAL (SELECT $1::timestamptz + n * interval '1 second') AS _(at),
         generate_series(1, $4::int) AS s"""


@dataclass(frozen=True)
class Past:
    """So many runs, the last one now and the others a second apart, and so many events of each.

    Attributes:
        began: A second before the first run.
    """

    runs: int
    events_each: int
    began: datetime

    def created(self, number: int) -> datetime:
        """When the run of that number was."""
        return self.began + timedelta(seconds=number)

    @property
    def deep(self) -> int:
        """The run in the middle."""
        return self.runs - self.runs // 2

    def filters(self) -> dict[str, str]:
        """Queries by title."""
        day = [self.created(self.deep + hours * 3600).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (-12, 12)]
        return {
            "no filter": "",
            "status, 1 in 20": "&status=FAILED",
            "workflow, 1 in 100": "&workflow=flow-7",
            "status and workflow, 1 in 100": "&status=FAILED&workflow=flow-20",
            "status and workflow that never met": "&status=FAILED&workflow=flow-7",
            "label, 1 in 3": "&label=team%3Dred",
            "label, 1 in 1,000": "&label=customer%3Dc-77",
            "label that none has": "&label=customer%3Dnobody",
            "created within a day": f"&created_after={day[0]}&created_before={day[1]}",
            "all of them": f"&status=FAILED&workflow=flow-20&label=team%3Dred&created_after={day[0]}&created_before={day[1]}",
        }


def past(runs: int, events: int, now: datetime) -> Past:
    """Such a history, up to now."""
    return Past(runs, events // runs, now.replace(microsecond=0) - timedelta(seconds=runs))


async def seed(site: Site, what: Past) -> None:
    """Make it in bulk."""
    progress, began = Progress(), time.monotonic()
    connection = await asyncpg.connect(site.dsn)
    try:
        for days in range(what.runs // 86_400 + 2):
            await partitions.make_ahead(connection, what.began + timedelta(days=days), (partitions.EVENTS,))
        for first in range(1, what.runs + 1, CHUNK):
            last = min(first + CHUNK - 1, what.runs)
            await connection.execute(RUNS, site.project.namespace, what.began, first, last, what.events_each)
            await connection.execute(EVENTS, what.began, first, last, what.events_each)
            progress.note(f"{last:,} of {what.runs:,} runs after {time.monotonic() - began:.0f} s")
        await connection.execute("VACUUM ANALYZE run")
        await connection.execute("ANALYZE run_event")
    finally:
        await connection.close()


async def measure(site: Site, runs: int, events: int) -> Table:
    """Each filter, one client after another."""
    what = past(runs, events, datetime.now(UTC))
    await seed(site, what)
    title = f"lists of {PAGE} over {runs:,} runs with {runs * what.events_each:,} events (budget: p99 20 ms)"
    table = Table(title, COLUMNS)
    place = cursors.encode(site.project.namespace, what.created(what.deep), what.deep)
    for name, query in what.filters().items():
        cells = []
        for cursor in ("", f"&cursor={place}"):
            request = reader(site, f"?limit={PAGE}{query}{cursor}")
            await loop([request], count=10)
            found = (await loop([request], count=ASKED)).figures
            cells += [found.p50 * 1000, found.p99 * 1000]
        table.rows.append((name, cells))
    table.notes.append(
        f"deep page: after {runs // 2:,} runs, which is page {runs // 2 // PAGE:,} without a filter"
    )
    return table
