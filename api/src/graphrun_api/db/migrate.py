"""Bring the database to the newest schema: `python -m graphrun_api migrate`, before the program serves."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from graphrun_api.db import partitions, sql
from graphrun_api.db.database import AWAY
from graphrun_api.errors import HistoryUnavailable

log = logging.getLogger(__name__)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_RETRY_SECONDS: Final = 1.0


async def migrate(dsn: str, patience: float = 60.0) -> None:
    """Migrate under a lock, so that replicas starting together do it once; waits for Postgres to come up.

    Raises:
        HistoryUnavailable: Postgres did not answer within `patience` seconds.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn, timeout=5), poolclass=NullPool
    )
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            async with engine.connect() as connection:
                await _upgrade(connection)
                return
        except AWAY as error:
            if asyncio.get_running_loop().time() > deadline:
                raise HistoryUnavailable(f"Postgres did not answer within {patience:.0f} s") from error
            log.info("waiting for Postgres", extra={"error": str(error)})
            await asyncio.sleep(_RETRY_SECONDS)


async def _upgrade(connection: AsyncConnection) -> None:
    # The lock lives as long as the session, so it outlasts the transactions of the single migrations.
    await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": sql.MIGRATION_LOCK})
    await connection.commit()
    await connection.run_sync(_to_head)
    await connection.commit()
    raw = await connection.get_raw_connection()
    try:
        await partitions.make_ahead(raw.driver_connection, datetime.now(UTC))
    except asyncpg.LockNotAvailableError:
        # A statement of those who serve meanwhile takes long. The default partitions do until upkeep makes the others.
        log.warning("partitions are left to be made later")
    log.info("database is at the newest schema")


def _to_head(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's synchronous face of the connection
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
