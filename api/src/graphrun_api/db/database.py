"""The pool of Postgres connections. Nothing else may need Postgres to be there: a failure is one error, at once."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import asyncpg

from graphrun_api.errors import HistoryUnavailable

log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 3.0
_STATEMENT_SECONDS: Final = 10.0

# What means "Postgres is away, or not ready for us", as against a mistake in a statement.
AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.ReadOnlySQLTransactionError,
    # a row on its way into the default partition, from which its own partition was just cut out: send it again
    asyncpg.CheckViolationError,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Database:
    """Connections on demand; made lazily, so that the program starts and serves without Postgres."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool.

        Raises:
            HistoryUnavailable: Postgres is away, or lacks our tables.
        """
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=_CONNECT_SECONDS) as connection:
                yield connection
        except AWAY as error:
            raise HistoryUnavailable(_why(error)) from error

    async def dedicated(self) -> Connection:
        """A connection outside the pool, for LISTEN and for locks that last; raises HistoryUnavailable."""
        connecting = asyncio.ensure_future(
            asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS)
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # Cancelled at the wrong moment, asyncpg loses a connection that it has just made.
            await asyncio.wait([connecting])
            if not connecting.exception():
                connecting.result().terminate()
            raise
        except AWAY as error:
            raise HistoryUnavailable(_why(error)) from error

    async def aclose(self) -> None:
        """Close what is open, at once where it does not end by itself."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), _CONNECT_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def _opened(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._size,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_STATEMENT_SECONDS,
                    init=_prepare,
                )
        return self._pool


async def _prepare(connection: Any) -> None:  # noqa: ANN401 - a pool's proxy of a connection
    # jsonb (labels) as Python values; json (events' data, outputs) stays text, which is sent on as it is.
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


def _why(error: BaseException) -> str:
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return "the history's tables are not those of this version: run 'python -m graphrun_api migrate'"
    return ""
