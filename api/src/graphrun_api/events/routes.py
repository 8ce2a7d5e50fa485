"""Routes of events: replay as JSON, and streams."""

import asyncio
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, WebSocket

from graphrun_api.auth.guard import needs
from graphrun_api.errors import (
    EventsExpired,
    HistoryUnavailable,
    OriginRefused,
    ProjectNotFound,
    RightMissing,
    RunNotFound,
)
from graphrun_api.events.admission import Admission
from graphrun_api.events.following import RunStream
from graphrun_api.events.multiplex import Multiplex, StreamRooms
from graphrun_api.events.reads import EventQuery
from graphrun_api.events.schemas import STREAM_EXAMPLE, EventPage
from graphrun_api.events.socket import EventSocket, Subject
from graphrun_api.events.sse import MEDIA_TYPE, EventStream
from graphrun_api.events.ticket_schemas import StreamTicket, TicketRequest
from graphrun_api.events.tickets import TICKET_SECONDS, Ticket, Tickets
from graphrun_api.finding import RunId
from graphrun_api.web.parameters import LIMIT, TEXT_PATTERN
from graphrun_api.web.problem_answers import problems_of
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs", tags=["events"])
tickets_router = APIRouter(prefix="/api/stream-tickets", tags=["events"])

Seq = Annotated[int, Query(ge=0, le=2**62, description="a seq that is known already")]
Before = Annotated[
    int | None, Query(ge=0, le=2**62, description="go back from this seq instead, newest first")
]
Types = Annotated[
    str | None,
    Query(max_length=1024, pattern="^[a-z_,]*$", description="only these types, separated by commas"),
]


def _rooms(request: Request) -> StreamRooms:
    found: StreamRooms = request.app.state.streams
    return found


def _open_streams(app: Any) -> AbstractContextManager[Any]:  # noqa: ANN401 - FastAPI's own type of it
    tracked: AbstractContextManager[Any] = app.state.metrics.streams.track_inprogress()
    return tracked


def _listed(types: str | None) -> list[str] | None:
    return [item for item in types.split(",") if item] if types else None


@router.get(
    "/{run_id}/events",
    summary="Events of a run",
    responses={
        200: {
            "description": "a page, or with `Accept: text/event-stream` each event as a block of `id` (its seq), "
            "`event` (its type) and `data` (the event as JSON)",
            "model": EventPage,
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
        },
        204: {"description": "with `Accept: text/event-stream`: the run has ended, and all of it is known"},
        **problems_of(RunNotFound, EventsExpired, OriginRefused, HistoryUnavailable),
    },
    openapi_extra={"security": [{"bearer": []}, {"ticket": []}]},
)
async def list_run_events(
    request: Request,
    run_id: RunId,
    rooms: Annotated[StreamRooms, Depends(_rooms)],
    *,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[
        str,
        Header(
            alias="Last-Event-ID",
            max_length=32,
            pattern="^[0-9]*$",
            description="of a stream that is opened again: the last seq that came, as browsers send it",
        ),
    ] = "",
    after: Seq = 0,
    before: Before = None,
    types: Types = None,
    node: Annotated[
        str | None, Query(max_length=256, pattern=TEXT_PATTERN, description="only events of this node")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description=LIMIT)] = 200,
) -> Response:
    """Stored events, oldest first after a seq, or newest first before one; `next_cursor` is the seq to go on from.

    With `Accept: text/event-stream` the stored ones after the seq, or after Last-Event-ID, then each as it comes; 204
    where the run has ended before it.
    """
    if MEDIA_TYPE in accept:
        return await _follow(request, run_id, rooms, max(after, int(last_event_id or 0)), _listed(types))
    access = await needs("get", names.WORKFLOW_RUNS)(request)
    uid = await rooms.finder.uid_of(access.namespace, run_id)
    last = await rooms.reads.last_seq(uid)
    found = await rooms.reads.events(uid, EventQuery(after, before, _listed(types), node, limit + 1))
    page = found[:limit]
    following = str(page[-1].seq) if len(found) > limit else "null"
    items = ",".join(event.to_json(run_id) for event in page)
    text = f'{{"items":[{items}],"next_cursor":{following},"last_seq":{last}}}'
    return Response(text, media_type="application/json")


async def _follow(
    request: Request, run_id: str, rooms: StreamRooms, after: int, types: list[str] | None
) -> Response:
    admission: Admission = request.app.state.admission
    admitted = await admission.admit(request, run_id)
    uid = await rooms.finder.uid_of(admitted.access.namespace, run_id)
    await rooms.reads.check_after(uid, after)  # refuse now what could not be served
    end = await rooms.reads.end_seq(uid)
    if end is not None and end <= after:
        return Response(status_code=204)
    stream = RunStream(rooms.reads, rooms.feeds, uid, after)
    wanted = frozenset(types) if types else None
    subject = Subject(uid, run_id, after, admitted.check, request.app.state.stopping, wanted)
    return EventStream(stream.batches(), subject, stream.overflowed, lambda: _open_streams(request.app))


@router.websocket("/{run_id}/stream")
async def stream(socket: WebSocket, run_id: RunId, after: Seq = 0, types: Types = None) -> None:
    """Events after a seq: those that are stored, then each as it comes, until the run has ended."""
    rooms: StreamRooms = socket.app.state.streams
    admission: Admission = socket.app.state.admission
    stopping: asyncio.Event = socket.app.state.stopping
    admitted = await admission.admit(socket, run_id)
    uid = await rooms.finder.uid_of(admitted.access.namespace, run_id)
    await rooms.reads.check_after(uid, after)  # refuse now, with 503, what could not be served
    await socket.accept()
    session = EventSocket(socket, rooms.reads, rooms.feeds)
    listed = _listed(types)
    with _open_streams(socket.app):
        subject = Subject(uid, run_id, after, admitted.check, stopping, frozenset(listed) if listed else None)
        await session.serve(subject)


@router.websocket("/stream")
async def multiplexed(socket: WebSocket) -> None:
    """Any number of runs, and the whole project, on one socket."""
    rooms: StreamRooms = socket.app.state.streams
    admission: Admission = socket.app.state.admission
    admitted = await admission.admit(socket, "")
    await rooms.project_reads.horizon()  # refuse now, with 503, what could not be served
    await socket.accept()
    with _open_streams(socket.app):
        await Multiplex(socket, rooms, admitted).serve(socket.app.state.stopping)


@tickets_router.post(
    "",
    status_code=201,
    summary="Get a ticket for a stream",
    responses=problems_of(ProjectNotFound, RightMissing, HistoryUnavailable),
)
async def create_stream_ticket(request: Request, body: TicketRequest) -> StreamTicket:
    """For browsers, whose streams cannot send an Authorization header: good once, for half a minute."""
    tickets: Tickets = request.app.state.tickets
    admission: Admission = request.app.state.admission
    who = await admission.guard.identify(request)
    run = body.run_id or ""
    await admission.allow(who, body.project, run)
    text = await tickets.issue(Ticket(who, body.project, run, admission.end_of(request)))
    return StreamTicket(ticket=text, expires_at=datetime.fromtimestamp(time.time() + TICKET_SECONDS, UTC))
