"""Routes of events: replay as JSON, and the stream."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response, WebSocket

from graphrun_api.auth.guard import Access, Guard, needs
from graphrun_api.errors import RunNotFound
from graphrun_api.events.feed import Feeds
from graphrun_api.events.reads import EventQuery, HistoryReads
from graphrun_api.events.socket import EventSocket, Subject
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs/{run_id}", tags=["events"])

RunId = Annotated[str, Path(max_length=253, description="the run's id")]
Seq = Annotated[int, Query(ge=0, le=2**62, description="a seq that is known already")]
Before = Annotated[
    int | None, Query(ge=0, le=2**62, description="go back from this seq instead, newest first")
]
Types = Annotated[str | None, Query(description="only these types, separated by commas")]


class EventRooms:
    """What events are read from."""

    def __init__(self, live: LiveRuns, reads: HistoryReads, feeds: Feeds) -> None:
        self.live = live
        self.reads = reads
        self.feeds = feeds

    async def uid_of(self, namespace: str, name: str) -> str:
        """The run that a name means now, also when its resource is gone; raises RunNotFound, HistoryUnavailable."""
        try:
            run = await self.live.get(namespace, name)
        except RunNotFound:
            row = await self.reads.run_row(namespace, name)
            if row is None:
                raise
            uid: str = row["uid"]
            return uid
        return run.metadata.uid


def _rooms(request: Request) -> EventRooms:
    found: EventRooms = request.app.state.events
    return found


@router.get("/events", summary="Events of a run")
async def replay(  # noqa: PLR0913 - one parameter a part of the request
    run_id: RunId,
    access: Annotated[Access, Depends(needs("get", names.WORKFLOW_RUNS))],
    rooms: Annotated[EventRooms, Depends(_rooms)],
    *,
    after: Seq = 0,
    before: Before = None,
    types: Types = None,
    node: Annotated[str | None, Query(max_length=256, description="only events of this node")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Stored events, oldest first after a seq, or newest first before one; `next_cursor` is the seq to go on from."""
    uid = await rooms.uid_of(access.namespace, run_id)
    wanted = [item for item in types.split(",") if item] if types else None
    found = await rooms.reads.events(uid, EventQuery(after, before, wanted, node, limit + 1))
    last = await rooms.reads.last_seq(uid)
    page = found[:limit]
    following = str(page[-1].seq) if len(found) > limit else "null"
    items = ",".join(event.to_json(run_id) for event in page)
    text = f'{{"items":[{items}],"next_cursor":{following},"last_seq":{last}}}'
    return Response(text, media_type="application/json")


@router.websocket("/stream")
async def stream(socket: WebSocket, run_id: RunId, after: Seq = 0) -> None:
    """Events after a seq: those that are stored, then each as it comes, until the run has ended."""
    guard: Guard = socket.app.state.guard
    rooms: EventRooms = socket.app.state.events
    stopping: asyncio.Event = socket.app.state.stopping

    async def may_watch() -> Access:
        return await guard.admit(socket, "watch", names.WORKFLOW_RUNS)

    access = await may_watch()
    uid = await rooms.uid_of(access.namespace, run_id)
    await rooms.reads.last_seq(uid)  # refuse now, with 503, what could not be served
    await socket.accept()
    session = EventSocket(socket, rooms.reads, rooms.feeds)
    with socket.app.state.metrics.streams.track_inprogress():
        await session.serve(Subject(uid, run_id, after, may_watch, stopping))
