"""Routes that tell what a run has done, and what waits for a person."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.auth.guard import Access, needs
from graphrun_api.errors import CursorInvalid, HistoryUnavailable, RunNotFound
from graphrun_api.events.reads import HistoryReads, Visit
from graphrun_api.events.run_page import RunQuery
from graphrun_api.finding import NAME_PATTERN, Finder, RunId, finder_of
from graphrun_api.runs import cursors, examples, timeline
from graphrun_api.runs.timeline import AttemptList, Timeline
from graphrun_api.web.headers import LINK, with_headers
from graphrun_api.web.parameters import CURSOR, LIMIT
from graphrun_api.web.preconditions import link_next
from graphrun_api.web.problem_answers import problems_of
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}", tags=["runs"])
Json = dict[str, Any]


class Question(BaseModel):
    """A run that waits for an answer."""

    run_id: str = Field(description="the run")
    workflow: str = Field(description="name of its workflow")
    interrupts: list[Json] = Field(description="{id, node, value}: what the graph asks by interrupt()")
    since: datetime | None = Field(description="since when it waits")
    created_at: datetime = Field(description="when the run was made")
    requested_by: str = Field(description="who changed what is wanted last, over REST; else empty")
    last_seq: int = Field(description="seq of its newest event")


class QuestionList(BaseModel):
    """One page, the newest run first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.QUESTIONS]})

    items: list[Question] = Field(description="the page's questions")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


def _reads(request: Request) -> HistoryReads:
    found: HistoryReads = request.app.state.reads
    return found


Reader = Annotated[Access, Depends(needs("get", names.WORKFLOW_RUNS))]
Lister = Annotated[Access, Depends(needs("list", names.WORKFLOW_RUNS))]
Reads = Annotated[HistoryReads, Depends(_reads)]
Found = Annotated[Finder, Depends(finder_of)]


@router.get(
    "/workflows/runs/{run_id}/timeline",
    summary="Timeline of a run",
    responses={200: with_headers(LINK), **problems_of(RunNotFound, CursorInvalid, HistoryUnavailable)},
)
async def read_run_timeline(
    request: Request,
    response: Response,
    run_id: RunId,
    access: Reader,
    reads: Reads,
    finder: Found,
    *,
    limit: Annotated[int, Query(ge=1, le=1000, description=LIMIT)] = 200,
    # The namespace of a nested subgraph is in it, as long as the names of its nodes make it.
    cursor: Annotated[str | None, Query(max_length=8192, description=CURSOR)] = None,
) -> Timeline:
    """Each visit of a node, subgraphs' too, in the order in which they began, between its checkpoints."""
    uid = await finder.uid_of(access.namespace, run_id)
    rows = await reads.timeline(uid, cursors.decode_visit(uid, cursor) if cursor else None, limit + 1)
    shown = rows[:limit]
    checkpoints = await reads.checkpoints_of_steps(uid, timeline.steps_of(shown))
    following = cursors.encode_visit(uid, _place_of(shown[-1])) if len(rows) > limit else None
    response.headers.update(link_next(request, following))
    return Timeline(items=timeline.visits(shown, checkpoints), next_cursor=following)


@router.get(
    "/workflows/runs/{run_id}/attempts",
    summary="Attempts of a run",
    responses=problems_of(RunNotFound, HistoryUnavailable),
)
async def list_run_attempts(run_id: RunId, access: Reader, reads: Reads, finder: Found) -> AttemptList:
    """Each attempt: its pod and node, its times, how it ended and why."""
    rows = await reads.attempts(await finder.uid_of(access.namespace, run_id))
    return AttemptList(items=[timeline.attempt_of(row) for row in rows])


@router.get(
    "/interrupts",
    summary="Questions of a project",
    responses={200: with_headers(LINK), **problems_of(CursorInvalid, HistoryUnavailable)},
)
async def list_interrupts(
    request: Request,
    response: Response,
    access: Lister,
    reads: Reads,
    *,
    workflow: Annotated[
        str | None, Query(max_length=253, pattern=NAME_PATTERN, description="only runs of this workflow")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description=LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description=CURSOR)] = None,
) -> QuestionList:
    """Every run that waits for an answer to interrupt(); answer with `resume`."""
    place = cursors.decode(access.namespace, cursor) if cursor else None
    query = RunQuery(access.namespace, older_than=place, workflow=workflow, limit=limit + 1)
    rows = await reads.runs_awaiting_input(query)
    shown = rows[:limit]
    following = (
        cursors.encode(access.namespace, shown[-1]["created_at"], shown[-1]["created_order"])
        if len(rows) > limit
        else None
    )
    response.headers.update(link_next(request, following))
    return QuestionList(items=[_question(row) for row in shown], next_cursor=following)


def _question(row: Any) -> Question:  # noqa: ANN401 - a row of run
    return Question(
        run_id=row["name"],
        workflow=row["workflow"],
        interrupts=json.loads(row["interrupts"]) if row["interrupts"] else [],
        since=row["paused_at"],
        created_at=row["created_at"],
        requested_by=row["requested_by"],
        last_seq=row["last_seq"],
    )


def _place_of(row: Any) -> Visit:  # noqa: ANN401 - a row of node_visit
    return Visit(row["started_at"], row["task_id"], row["ns"])
