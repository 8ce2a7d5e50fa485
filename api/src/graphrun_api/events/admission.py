"""Who may follow a stream: by bearer token or by ticket, from an allowed origin, and for how long."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from graphrun_api.auth.guard import Access, Guard
from graphrun_api.auth.tokens import Identity, bearer_of
from graphrun_api.errors import NotAuthenticated, OriginRefused
from graphrun_api.events.tickets import Tickets, session_end
from graphrun_core import names


@dataclass(frozen=True)
class _Entry:
    """Who came in, and until when they may stay, in seconds of the epoch."""

    who: Identity
    until: float


class Admitted:
    """Somebody who follows a stream, for as long as `check` holds."""

    def __init__(self, access: Access, admission: "Admission", entry: _Entry, token: str, run: str) -> None:
        self.access = access
        self._admission, self._entry, self._token, self._run = admission, entry, token, run

    async def check(self) -> Access:
        """The right, asked for again.

        Raises:
            NotAuthenticated: the token has expired or was revoked.
            RightMissing, ProjectNotFound: the right is gone.
        """
        if time.time() >= self._entry.until:
            raise NotAuthenticated("the token that the stream was opened with has expired")
        if self._token:
            await self._admission.guard.identify_token(self._token)
        return await self._admission.allow(self._entry.who, self.access.project, self._run)

    async def allow(self, run: str) -> Access:
        """The right to one more run on the same stream; raises as `check` does."""
        if self._run and run != self._run:
            raise NotAuthenticated("the ticket is for another run")
        return await self._admission.allow(self._entry.who, self.access.project, run)


class Admission:
    """The gate in front of streams."""

    def __init__(self, guard: Guard, tickets: Tickets, origins: Collection[str]) -> None:
        self.guard, self._tickets, self._origins = guard, tickets, frozenset(origins)

    async def admit(self, connection: HTTPConnection, run: str) -> Admitted:
        """Let through who may watch the run; with an empty one, all runs of the project.

        Raises:
            NotAuthenticated, ProjectNotFound, RightMissing: as for every call.
            OriginRefused: a page of a foreign site opened it.
            HistoryUnavailable: a ticket was given, and Postgres is away.
        """
        self._check_origin(connection)
        project = connection.path_params["project_id"]
        text = connection.query_params.get("ticket", "")
        if text:
            ticket = await self._tickets.take(text)
            if ticket.project != project or (ticket.run and ticket.run != run):
                raise NotAuthenticated("the ticket is for another stream")
            access = await self.allow(ticket.who, project, run)
            return Admitted(access, self, _Entry(ticket.who, ticket.until), "", ticket.run)
        token = bearer_of(connection.headers.get("authorization", ""))
        who = await self.guard.identify_token(token)
        access = await self.allow(who, project, run)
        # A token's end is seen by its review, which says more: revoked ones, too.
        return Admitted(access, self, _Entry(who, float("inf")), token, "")

    async def allow(self, who: Identity, project: str, run: str) -> Access:
        """The right of someone to watch a run, or all."""
        return await self.guard.admit_as(who, project, "watch", names.WORKFLOW_RUNS, run)

    def end_of(self, connection: HTTPConnection) -> float:
        """When a stream that this request's token stands for ends at the latest."""
        return session_end(bearer_of(connection.headers.get("authorization", "")))

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Browsers send whose page it is, and open sockets to anywhere: only those that are named may come."""
        origin = connection.headers.get("origin", "")
        if not origin or origin in self._origins or "*" in self._origins:
            return
        if _host_of(origin) == connection.headers.get("host", "").lower():
            return
        raise OriginRefused(f"pages of {origin[:200]} may not open streams here; add it to api.corsOrigins")


def _host_of(origin: str) -> str | None:
    """Host and port; None where it is no URL, as the `null` of sandboxed pages."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
