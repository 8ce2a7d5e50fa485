"""A run's events as they come over the WebSocket."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from graphrun_devcluster.demo.errors import RefusedError


@dataclass(frozen=True)
class Event:
    """One event, with the moment at which it came out of the socket."""

    seq: int
    type: str
    at: datetime
    attempt: int
    node: str
    data: dict[str, Any]
    received: datetime

    @classmethod
    def parse(cls, message: str | bytes, received: datetime) -> Self:
        """Read a message of the socket."""
        body = json.loads(message)
        return cls(
            seq=body["seq"],
            type=body["type"],
            at=datetime.fromisoformat(body["at"]),
            attempt=body.get("attempt") or 0,
            node=body.get("node_id") or "",
            data=body.get("data") or {},
            received=received,
        )

    @property
    def delay_seconds(self) -> float:
        """From the moment it happened to the moment it was here; both clocks must be the same machine's."""
        return (self.received - self.at).total_seconds()


async def events(base: str, token: str, run: str, *, after: int = 0) -> AsyncGenerator[Event]:
    """A run's events from `after` on: what is stored, then what comes, until the server or the caller ends it.

    Args:
        base: the project's address, http://host:port/api/projects/{project}.
        token: the bearer token.
        run: the run's id.
        after: the `seq` that is already known.

    Raises:
        RefusedError: the server did not accept the socket.
    """
    address = f"ws{base.removeprefix('http')}/workflows/runs/{run}/stream?after={after}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # No proxy: see rest.py.
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            async for message in socket:
                yield Event.parse(message, datetime.now(UTC))
    except InvalidStatus as error:
        body = {"detail": bytes(error.response.body or b"").decode(errors="replace")[:500]}
        raise RefusedError(f"WebSocket of {run}", error.response.status_code, body) from error
