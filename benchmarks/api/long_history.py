"""Lists over a long history: each filter, the first page and one deep down."""

import time
from datetime import UTC, datetime

import asyncpg

from benchmarks.api.load import loop
from benchmarks.api.rates import reader
from benchmarks.api.site import Site
from benchmarks.tables import Column, Table
from graphrun_api.runs import cursors
from graphrun_devcluster.progress import Progress

COLUMNS = [
    Column(f"{page} {name}", 2) for page in ("first page", "deep page") for name in ("p50 ms", "p99 ms")
]
PAGE, ASKED = 50, 300
CHUNK = 50_000
FILTERS = {
    "no filter": "",
    "status, 1 in 20": "&status=FAILED",
    "workflow, 1 in 100": "&workflow=flow-7",
    "status and workflow": "&status=FAILED&workflow=flow-7",
    "label, 1 in 3": "&label=team%3Dred",
    "label, 1 in 1,000": "&label=customer%3Dc-77",
    "created within a day": "&created_after=2026-01-10T00:00:00Z&created_before=2026-01-11T00:00:00Z",
}
RUNS = """
    INSERT INTO run (uid, namespace, name, workflow, revision, status, phase, labels, created_at, created_order,
                     started_at, completed_at, gone_at, last_seq, resource_version)
    SELECT 'seed-' || n, $1, 'run-' || n, 'flow-' || n % 100, 'flow-' || n % 100 || '-1',
           CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'Succeeded',
           jsonb_build_object('team', (ARRAY['red', 'green', 'blue'])[n % 3 + 1], 'customer', 'c-' || n % 1000),
           $2::timestamptz + n * interval '1 second', n, $2, $2, $2, 20, n
    FROM generate_series($3::bigint, $4::bigint) AS n"""
EVENTS = """
    INSERT INTO run_event (run_uid, day, seq, attempt, type, at, node_id, data)
    SELECT 'seed-' || n, ($2::timestamptz + n * interval '1 second')::date, s, 1, 'node_completed', $2, 'node-' || s,
           '{"a": 1}'
    FROM generate_series($3::bigint, $4::bigint) AS n, generate_series(1, $5::int) AS s WHERE $1::text <> ''"""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


async def seed(site: Site, runs: int, events: int) -> None:
    """Make runs of the past, and their events, in bulk."""
    progress, began = Progress(), time.monotonic()
    connection = await asyncpg.connect(site.dsn)
    namespace = site.project.namespace
    try:
        for first in range(1, runs + 1, CHUNK):
            last = min(first + CHUNK - 1, runs)
            await connection.execute(RUNS, namespace, FIRST, first, last)
            if events:
                await connection.execute(EVENTS, namespace, FIRST, first, last, events // runs)
            progress.note(f"{last:,} of {runs:,} runs after {time.monotonic() - began:.0f} s")
        await connection.execute("VACUUM ANALYZE run")
        await connection.execute("ANALYZE run_event")
    finally:
        await connection.close()


async def measure(site: Site, runs: int, events: int) -> Table:
    """Each filter, one client after another."""
    await seed(site, runs, events)
    table = Table(f"lists of {PAGE} over {runs:,} runs with {events:,} events (budget: p99 20 ms)", COLUMNS)
    place = cursors.encode(site.project.namespace, *_deep(runs))
    for title, query in FILTERS.items():
        cells = []
        for cursor in ("", f"&cursor={place}"):
            request = reader(site, f"?limit={PAGE}{query}{cursor}")
            await loop([request], count=10)
            found = (await loop([request], count=ASKED)).figures
            cells += [found.p50 * 1000, found.p99 * 1000]
        table.rows.append((title, cells))
    table.notes.append(f"deep page: after {runs // 2:,} runs, which is page {runs // 2 // PAGE:,}")
    return table


def _deep(runs: int) -> tuple[datetime, int]:
    """The place in the middle of the list."""
    number = runs - runs // 2
    return datetime.fromtimestamp(FIRST.timestamp() + number, UTC), number
