"""Migrations keep what is there, up and down, once and under a lock, whoever begins them."""

import asyncio
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from graphrun_api.db import migrate as migrations
from graphrun_api.db import partitions
from graphrun_api.db.database import Database
from graphrun_api.db.migrate import migrate
from graphrun_api.events.reads import EventQuery, HistoryReads

DAYS = ("2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z", "2026-03-09T12:00:00Z")


async def to_revision(dsn: str, revision: str) -> None:
    """Up or down to a revision."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )

    def go(connection: Any) -> None:
        configuration = Config()
        configuration.set_main_option("script_location", str(migrations._MIGRATIONS))
        configuration.attributes["connection"] = connection
        current = connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar()
        if (
            current
            and revision < connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        ):
            command.downgrade(configuration, revision)
        else:
            command.upgrade(configuration, revision)

    async with engine.connect() as connection:
        await connection.run_sync(go)
        await connection.commit()


async def shape_of(dsn: str) -> list[tuple[Any, ...]]:
    """Tables and columns, partitions aside."""
    admin = await asyncpg.connect(dsn)
    rows = await admin.fetch(
        "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull"
        " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped AND NOT relispartition"
        " ORDER BY relname, attname"
    )
    await admin.close()
    return [tuple(row) for row in rows]


async def fill(dsn: str) -> None:
    """Three runs with events, as the version before stored them."""
    admin = await asyncpg.connect(dsn)
    for order, day in enumerate(DAYS):
        await admin.execute(
            "INSERT INTO run (uid, namespace, name, workflow, status, created_at, created_order, last_seq)"
            " VALUES ($1, 'team', $1, 'flow', 'COMPLETED', $2::text::timestamptz, $3, 3)",
            f"r{order}",
            day,
            order,
        )
        await admin.execute(
            "INSERT INTO run_event (run_uid, seq, attempt, type, at, node_id, data)"
            " SELECT $1, s, 1, CASE s WHEN 2 THEN 'token' ELSE 'custom' END, now(), 'n',"
            "        json_build_object('payload', s) FROM generate_series(1, 3) AS s",
            f"r{order}",
        )
        await admin.execute("INSERT INTO run_attempt VALUES ($1, 1, 3)", f"r{order}")
    await admin.close()


async def events_of(dsn: str) -> list[tuple[Any, ...]]:
    admin = await asyncpg.connect(dsn)
    rows = await admin.fetch(
        "SELECT run_uid, seq, attempt, type, at, node_id, data::text FROM run_event ORDER BY run_uid, seq"
    )
    await admin.close()
    return [tuple(row) for row in rows]


async def test_events_of_the_version_before_are_all_there_and_read(empty_database: str) -> None:
    await to_revision(empty_database, "0002")
    await fill(empty_database)
    before = await events_of(empty_database)
    await migrate(empty_database)

    assert await events_of(empty_database) == before
    assert len(before) == 9
    pool = Database(empty_database, 2)
    reads = HistoryReads(pool)
    for order in range(3):
        found = await reads.events(f"r{order}", EventQuery())
        assert [(event.seq, event.type) for event in found] == [(1, "custom"), (2, "token"), (3, "custom")]
        assert await reads.last_seq(f"r{order}") == 3
    await pool.aclose()


async def test_days_of_old_have_partitions_of_their_own(empty_database: str) -> None:
    await to_revision(empty_database, "0002")
    await fill(empty_database)
    await migrate(empty_database)
    admin = await asyncpg.connect(empty_database)
    for name, runs in (("20260101", ["r0"]), ("20260102", ["r1"]), ("20260309", ["r2"]), ("default", [])):
        rows = await admin.fetch(f"SELECT DISTINCT run_uid FROM run_event_{name}")  # noqa: S608 - a name of ours
        assert [row["run_uid"] for row in rows] == runs
    await admin.close()


async def test_the_way_back_keeps_the_events_and_leads_up_again(empty_database: str) -> None:
    await to_revision(empty_database, "0002")
    shape = await shape_of(empty_database)
    await fill(empty_database)
    before = await events_of(empty_database)
    await migrate(empty_database)
    newest = await shape_of(empty_database)
    admin = await asyncpg.connect(empty_database)
    await admin.execute(
        "INSERT INTO run_token (run_uid, seq, attempt, type, at, data) VALUES ('r0', 4, 1, 'token', now(), '{}')"
    )
    await admin.close()

    await to_revision(empty_database, "0002")
    assert await shape_of(empty_database) == shape
    back = await events_of(empty_database)
    assert [row for row in back if row[:2] != ("r0", 4)] == before
    assert len(back) == len(before) + 1
    await migrate(empty_database)
    assert await shape_of(empty_database) == newest
    assert await events_of(empty_database) == back


async def test_migrating_again_changes_nothing(database: str) -> None:
    admin = await asyncpg.connect(database)
    key = await admin.fetchval("SELECT value FROM installation WHERE name = 'cursor_key'")
    shape = await shape_of(database)
    await migrate(database)
    assert await shape_of(database) == shape
    assert await admin.fetchval("SELECT value FROM installation WHERE name = 'cursor_key'") == key
    await admin.close()


async def test_of_several_that_begin_at_once_one_migrates(empty_database: str) -> None:
    await to_revision(empty_database, "0002")
    await fill(empty_database)
    before = await events_of(empty_database)
    await asyncio.gather(*(migrate(empty_database) for _ in range(3)))
    assert await events_of(empty_database) == before
    admin = await asyncpg.connect(empty_database)
    assert await admin.fetchval("SELECT count(*) FROM installation WHERE name = 'cursor_key'") == 1
    await admin.close()


async def test_a_long_statement_of_others_leaves_partitions_for_later(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty_database)
    admin = await asyncpg.connect(empty_database)
    names = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^run_event_[0-9]+$' AND relkind = 'r'"
    )
    for row in names:
        await admin.execute(f"DROP TABLE {row['relname']}")
    monkeypatch.setattr(partitions, "_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '100ms'")
    async with admin.transaction():
        await admin.execute("LOCK TABLE run_event IN ACCESS SHARE MODE")
        await admin.execute("LOCK TABLE run_event_default IN ACCESS SHARE MODE")
        await migrate(empty_database)
        assert not await admin.fetchval("SELECT to_regclass($1)", names[0]["relname"])
    await migrate(empty_database)
    assert await admin.fetchval("SELECT to_regclass($1)", names[0]["relname"])
    await admin.close()
