"""A history without a cluster: the real store, reads and upkeep on a real Postgres, by a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from graphrun_api.db import partitions, sql
from graphrun_api.db.database import Database
from graphrun_api.events.batches import read_batch
from graphrun_api.events.feed import Feeds
from graphrun_api.events.following import RunStream
from graphrun_api.events.milestones import milestones
from graphrun_api.events.places import Place
from graphrun_api.events.project_feed import ProjectFeeds, ProjectStream
from graphrun_api.events.project_reads import ProjectReads
from graphrun_api.events.reads import EventQuery, HistoryReads
from graphrun_api.events.run_rows import follow_arguments
from graphrun_api.events.store import EventStore, Source, Statement
from graphrun_api.upkeep import HistoryRetention, Upkeep
from graphrun_core.resources import WorkflowRun
from graphrun_core.times import to_rfc3339

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = HistoryRetention(events=30 * 86400, runs=60 * 86400, tokens=86400, places=7 * 86400)
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """A history without a cluster: the real store, reads and upkeep."""

    database: Database
    store: EventStore
    reads: HistoryReads
    project_reads: ProjectReads
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def keep_up(self, at: datetime, retention: HistoryRetention = KEPT) -> None:
        """One round of upkeep at a moment."""
        await Upkeep(self.database, retention, lambda: at).round()

    async def add(self, run: WorkflowRun, *types: str) -> None:
        """Events of these types, by the run's first attempt."""
        known = await self.admin.fetchval(sql.ATTEMPT_SEQ, run.metadata.uid, 1) or 0
        told = [{"seq": known + at, "type": kind} for at, kind in enumerate(types, 1)]
        await self.store.add_batch(Source(run, 1, "rev"), read_batch({"events": told}, NOW))

    async def follow(self, run: WorkflowRun) -> None:
        """A view of the run, as the follower writes it."""
        view = Statement(sql.RUN_FOLLOW, tuple(follow_arguments(run)))
        await self.store.ensure_run(run)
        await self.store.add_milestones(run.metadata.uid, milestones(run), view)

    async def types(self, run: WorkflowRun) -> list[tuple[int, str]]:
        """Seq and type of a run's events."""
        found = await self.reads.events(run.metadata.uid, EventQuery())
        return [(event.seq, event.type) for event in found]

    async def parts(self, table: partitions.Partitioned) -> set[str]:
        """The names of a table's partitions, without the default one."""
        return {part.name for part in await partitions.parts_of(self.admin, table)}

    async def count(self, table: str) -> int:
        """Its rows."""
        found: int = await self.admin.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of ours
        return found

    def stream(self, run: WorkflowRun, after: int = 0) -> RunStream:
        """A stream of a run on a replica of its own."""
        return RunStream(self.reads, Feeds(self.reads), run.metadata.uid, after)

    def project_stream(self, place: Place) -> ProjectStream:
        """A stream of the runs' project on a replica of its own."""
        return ProjectStream(self.project_reads, ProjectFeeds(self.project_reads), "team", place)


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """A world on a database of the test's own."""
    pool = Database(database, 5)
    admin = await asyncpg.connect(database)
    yield World(pool, EventStore(pool), HistoryReads(pool), ProjectReads(pool), admin)
    await admin.close()
    await pool.aclose()


def a_run(name: str, created: datetime = NOW, version: int = 1, **status: Any) -> WorkflowRun:
    """A run of the project `team`."""
    meta = {
        "name": name,
        "namespace": "team",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": to_rfc3339(created),
    }
    body = {"metadata": meta, "spec": {"workflowRef": {"name": "flow"}}, "status": status}
    return WorkflowRun.parse(body)


def ended(name: str, at: datetime, created: datetime = NOW) -> WorkflowRun:
    """A view of it, completed."""
    return a_run(name, created, 2, phase="Succeeded", attempt=1, completionTime=to_rfc3339(at))
