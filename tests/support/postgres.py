"""A real Postgres on loopback, for tests.

    from support.postgres import postgres, empty_database, database  # fixtures, in a conftest.py

`postgres` starts once a session, on first use, in about 2 s; `empty_database` is a DSN of a fresh database, `database`
of one with our tables. The server runs under a small guardian process that ends and removes everything as soon as its
standard input closes, which also happens when pytest is killed. Postgres refuses root, so as root it runs as `nobody`.
"""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from graphrun_api.db.migrate import migrate
from support.guarded import guarded

USER = "graphrun"
_GUARDIAN = Path(__file__).resolve().with_name("postgres_guardian.py")


@dataclass(frozen=True)
class Postgres:
    """Where the server listens."""

    port: int
    pid: int

    def dsn(self, name: str) -> str:
        """How to reach one database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    async def make_database(self, template: str = "template1") -> str:
        """A fresh database; answers its DSN."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.dsn(name)

    async def make_history(self) -> str:
        """A database with our tables, in which what was committed outlasts a crash; answers its DSN."""
        dsn = await self.make_database()
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(f'ALTER DATABASE "{dsn.rpartition("/")[2]}" SET synchronous_commit = on')
        finally:
            await connection.close()
        await migrate(dsn)
        return dsn

    async def crash(self) -> None:
        """Kill one of its processes: it drops all clients, recovers, and is back a moment later. For a server of one's own.

        What was committed is only there afterwards in databases with `synchronous_commit` on.
        """
        connection = await asyncpg.connect(self.dsn("postgres"))
        os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
        connection.terminate()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, started by the first test that asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated(postgres: Postgres) -> str:
    async def prepare() -> str:
        dsn = await postgres.make_database()
        await migrate(dsn)
        return dsn.rpartition("/")[2]

    return asyncio.run(prepare())


@pytest.fixture
async def empty_database(postgres: Postgres) -> str:
    """A database without tables."""
    return await postgres.make_database()


@pytest.fixture
async def database(postgres: Postgres, _migrated: str) -> str:
    """A database with our tables, of this test's own."""
    return await postgres.make_database(_migrated)


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Start a server and end it, outside of pytest fixtures too; a `durable` one waits for its disk."""
    how = ["durable"] if durable else []
    with guarded([sys.executable, str(_GUARDIAN), USER, *how], "Postgres") as answer:
        yield Postgres(**answer)
