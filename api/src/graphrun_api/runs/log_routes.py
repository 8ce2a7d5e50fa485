"""The route of logs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

from graphrun_api.auth.guard import Access, needs
from graphrun_api.errors import HistoryUnavailable, LogNotFound, RunNotFound, StorageUnavailable
from graphrun_api.events.socket import STOPPING, first_close, until, until_right_is_lost
from graphrun_api.finding import RunId
from graphrun_api.runs.pod_log import LogQuery
from graphrun_api.runs.run_logs import RunLogs
from graphrun_api.web.problem_answers import problems_of
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs", tags=["runs"])

_EXAMPLE: Final = "graphrun: attempt 1 claimed\nsearching for: Why is the sky blue?\n"
_MEDIA_TYPE: Final = "text/plain; charset=utf-8"
# What a proxy would keep back is not live; nor may a browser guess that some graph's output is a page.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
_admit = needs("get", f"{names.WORKFLOW_RUNS}/log")


def _run_logs(request: Request) -> RunLogs:
    found: RunLogs = request.app.state.run_logs
    return found


@router.get(
    "/{run_id}/logs",
    summary="Log of a run",
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"example": _EXAMPLE}}},
        **problems_of(RunNotFound, LogNotFound, HistoryUnavailable, StorageUnavailable),
    },
)
async def read_run_log(
    request: Request,
    run_id: RunId,
    access: Annotated[Access, Depends(_admit)],
    logs: Annotated[RunLogs, Depends(_run_logs)],
    *,
    attempt: Annotated[int | None, Query(ge=1, le=2**31, description="default: the latest")] = None,
    tail: Annotated[int | None, Query(ge=1, le=10_000, description="only so many of the last lines")] = None,
    follow: Annotated[bool, Query(description="go on until the attempt's container ends")] = False,
) -> StreamingResponse:
    """What an attempt wrote: from its pod while that is there, later from what was stored of it.

    Also when the run's resource is gone. A line says where bytes were lost. Needs `get` on `workflowruns/log`.
    """
    pieces = await logs.open(access.namespace, run_id, LogQuery(attempt, tail, follow))
    stopping: asyncio.Event = request.app.state.stopping
    text = _until_over(pieces, request, stopping) if follow else pieces
    return StreamingResponse(text, media_type=_MEDIA_TYPE, headers=_HEADERS)


async def _until_over(
    pieces: AsyncGenerator[bytes, None], request: Request, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    """The pieces until they end, the right is lost, or the server stops."""
    over = asyncio.ensure_future(
        first_close(until(stopping, STOPPING), until_right_is_lost(lambda: _admit(request)))
    )
    following: asyncio.Future[bytes] | None = None
    async with aclosing(pieces):
        try:
            while True:
                following = asyncio.ensure_future(_next(pieces))
                await asyncio.wait({following, over}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done() or not (piece := following.result()):
                    return
                yield piece
        finally:
            tasks = [task for task in (over, following) if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes:
    """The next piece; empty at the end."""
    return await anext(pieces, b"")
