"""Tickets for streams: what a browser, which cannot send headers with them, has instead of a token.

A ticket is good once, for half a minute, for one project or one run of it, and stands for who asked for it. The stream
that it opened ends when that person's token would have.
"""

import base64
import binascii
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.tokens import Identity
from graphrun_api.db import stream_sql
from graphrun_api.db.database import Database
from graphrun_api.errors import NotAuthenticated

TICKET_SECONDS: Final = 30
# How long a stream lives whose token does not tell when it ends, in seconds.
_SESSION_SECONDS: Final = 3600.0
_WORDS: Final = 32


@dataclass(frozen=True)
class Ticket:
    """What a ticket stands for.

    Attributes:
        who: asked for it.
        project: in which it is good.
        run: of which it is good; empty for all runs of the project.
        until: when the stream ends at the latest, in seconds of the epoch.
    """

    who: Identity
    project: str
    run: str
    until: float


class Tickets:
    """Gives out tickets and takes them, on any replica."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, ticket: Ticket) -> str:
        """A new ticket's text; raises HistoryUnavailable."""
        text = secrets.token_urlsafe(_WORDS)
        grant = {
            "username": ticket.who.username,
            "uid": ticket.who.uid,
            "groups": list(ticket.who.groups),
            "extra": {key: list(values) for key, values in ticket.who.extra.items()},
            "project": ticket.project,
            "run": ticket.run,
            "until": ticket.until,
        }
        async with self._database.connection() as connection:
            await connection.execute(
                stream_sql.TICKET_ADD, _digest(text), json.dumps(grant), float(TICKET_SECONDS)
            )
        return text

    async def take(self, text: str) -> Ticket:
        """What the ticket stands for; it is used up.

        Raises:
            NotAuthenticated: it is none, was used, or is too old.
            HistoryUnavailable: Postgres is away.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(stream_sql.TICKET_TAKE, _digest(text))
        if row is None or not row["valid"]:
            message = (
                f"the ticket was used or is over {TICKET_SECONDS} s old; ask for a new one for each stream"
            )
            raise NotAuthenticated(message)
        return _ticket(json.loads(row["grant_"]))


def session_end(token: str) -> float:
    """When a stream opened by this bearer token ends at the latest, in seconds of the epoch."""
    expires = _claims(token).get("exp")
    return float(expires) if isinstance(expires, int | float) else time.time() + _SESSION_SECONDS


def _ticket(grant: dict[str, Any]) -> Ticket:
    extra = {key: tuple(values) for key, values in grant["extra"].items()}
    who = Identity(grant["username"], grant["uid"], tuple(grant["groups"]), extra)
    return Ticket(who, grant["project"], grant["run"], grant["until"])


def _claims(token: str) -> dict[str, Any]:
    """Of a JWT that was judged already; empty for a token of another kind."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _digest(text: str) -> bytes:
    # Only what is derived from it is stored: who reads the table has no tickets.
    return hashlib.sha256(text.encode()).digest()
