"""One LISTEN connection a replica: hints that a run has new events. A hint may get lost; who waits also polls."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from graphrun_api.db import sql
from graphrun_api.db.database import AWAY, Connection, Database
from graphrun_api.errors import HistoryUnavailable

log = logging.getLogger(__name__)

_FIRST_BACKOFF: Final = 0.2
_MAX_BACKOFF: Final = 2.0
# An idle connection that died without a word is found by asking it something this often, in seconds.
_PROBE_SECONDS: Final = 10.0


class Hints:
    """Calls `on_hint(uid, namespace)` for each hint, as long as `run` runs."""

    def __init__(self, database: Database, on_hint: Callable[[str, str], None]) -> None:
        self._database = database
        self._on_hint = on_hint

    async def run(self) -> None:
        """Until cancelled."""
        backoff = _FIRST_BACKOFF
        while True:
            try:
                connection = await self._database.dedicated()
            except HistoryUnavailable:
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _MAX_BACKOFF)
                continue
            backoff = _FIRST_BACKOFF
            try:
                await self._listen(connection)
            except AWAY as error:
                log.warning("hints broke, connecting again", extra={"error": str(error)})
            finally:
                connection.terminate()

    async def _listen(self, connection: Connection) -> None:
        broken = asyncio.Event()
        connection.add_termination_listener(lambda *_: broken.set())
        await connection.add_listener(sql.CHANNEL, self._receive)
        while not broken.is_set():
            try:
                await asyncio.wait_for(broken.wait(), _PROBE_SECONDS)
            except TimeoutError:
                await connection.execute("SELECT 1")

    def _receive(self, *told: Any) -> None:  # noqa: ANN401 - asyncpg's callback: connection, pid, channel, payload
        # uid:seq:namespace; a replica of the version before leaves out the last
        uid, _, rest = str(told[-1]).partition(":")
        self._on_hint(uid, rest.partition(":")[2])
