"""Routes of runs: they translate, nothing else."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import WithJsonSchema

from graphrun_api import standing
from graphrun_api.auth.guard import Access, needs
from graphrun_api.errors import (
    AlreadyThere,
    BodyInvalid,
    ClusterRefused,
    CursorInvalid,
    HistoryUnavailable,
    InputInvalid,
    KeyReused,
    NotFinished,
    OutputNotFound,
    RangeUnsatisfiable,
    RunNotFound,
    StorageUnavailable,
    WorkflowNotFound,
)
from graphrun_api.events.run_page import RunQuery
from graphrun_api.finding import NAME_PATTERN, RunId
from graphrun_api.runs import examples
from graphrun_api.runs.live_view import LiveView
from graphrun_api.runs.output_answers import answer_with
from graphrun_api.runs.run_schemas import RunDetail, RunList, RunStatus
from graphrun_api.runs.schemas import Created, CreateRun
from graphrun_api.runs.service import Runs
from graphrun_api.web.answers import answer
from graphrun_api.web.headers import LINK, LOCATION, with_headers
from graphrun_api.web.parameters import CURSOR, LABEL_PATTERN, LIMIT, Moment
from graphrun_api.web.preconditions import IF_NONE_MATCH, VERSIONED, IdempotencyKey, link_next, unless_known
from graphrun_api.web.problem_answers import problems_of
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs", tags=["runs"])

Statuses = Annotated[
    str | None, Query(pattern=f"^({'|'.join(standing.ALL)})$", description="only runs of this status")
]
_LabelText = Annotated[str, WithJsonSchema({"type": "string", "pattern": LABEL_PATTERN})]
Label = Annotated[
    list[_LabelText] | None, Query(description="only runs with this label, key=value; may be repeated")
]


def _runs(request: Request) -> Runs:
    found: Runs = request.app.state.runs
    return found


def _live_view(request: Request) -> LiveView:
    found: LiveView = request.app.state.live_view
    return found


RunsService = Annotated[Runs, Depends(_runs)]
Creator = Annotated[Access, Depends(needs("create", names.WORKFLOW_RUNS))]
Lister = Annotated[Access, Depends(needs("list", names.WORKFLOW_RUNS))]
Reader = Annotated[Access, Depends(needs("get", names.WORKFLOW_RUNS))]


class Filters:
    """The list's filters, as query parameters."""

    def __init__(
        self,
        status: Statuses = None,
        workflow: Annotated[
            str | None,
            Query(max_length=253, pattern=NAME_PATTERN, description="only runs of this workflow"),
        ] = None,
        created_after: Annotated[Moment | None, Query(description="only runs made after this moment")] = None,
        created_before: Annotated[
            Moment | None, Query(description="only runs made before this moment")
        ] = None,
        label: Label = None,
    ) -> None:
        self.status = status
        self.workflow = workflow
        self.created_after = created_after
        self.created_before = created_before
        self.labels = dict(_label(item) for item in label) if label else None


@router.post(
    "",
    status_code=201,
    summary="Create a run",
    responses={
        201: with_headers(LOCATION),
        **problems_of(
            WorkflowNotFound, InputInvalid, KeyReused, AlreadyThere, ClusterRefused, StorageUnavailable
        ),
    },
)
async def create_run(
    body: CreateRun,
    access: Creator,
    service: RunsService,
    response: Response,
    *,
    execute: Annotated[bool, Query(description="start it at once")] = False,
    idempotency_key: IdempotencyKey = "",
) -> Created:
    """Make a run, PENDING until it is executed. An input over 64 KiB is moved to object storage."""
    made = await service.create(access, body, key=idempotency_key, execute=execute)
    response.headers[LOCATION] = f"/api/projects/{access.project}/workflows/runs/{made.run_id}"
    return made


@router.get(
    "",
    summary="List runs",
    response_model=RunList,
    responses={200: with_headers(LINK), **problems_of(CursorInvalid, HistoryUnavailable)},
)
async def list_runs(
    request: Request,
    access: Lister,
    service: RunsService,
    filters: Annotated[Filters, Depends()],
    *,
    limit: Annotated[int, Query(ge=1, le=200, description=LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description=CURSOR)] = None,
) -> Response:
    """The history of the project, newest first, however the runs were made and also when they are gone.

    `stream_cursor` is where the project's stream goes on without a gap from what this page shows.
    """
    found = await service.page(RunQuery(access.namespace, limit=limit, **vars(filters)), cursor)
    return answer(found, headers=link_next(request, found.next_cursor))


@router.get(
    "/{run_id}",
    summary="Read a run",
    response_model=RunDetail,
    responses={
        **VERSIONED,
        **problems_of(RunNotFound, HistoryUnavailable),
    },
    openapi_extra=IF_NONE_MATCH,
)
async def read_run(request: Request, run_id: RunId, access: Reader, service: RunsService) -> Response:
    """Everything known. The ETag is what If-Match of the verbs compares."""
    found = await service.detail(access, run_id)
    return unless_known(request, found, found.version)


@router.get(
    "/{run_id}/status",
    summary="Status of a run",
    response_model=RunStatus,
    responses=problems_of(RunNotFound, HistoryUnavailable),
)
async def read_run_status(
    run_id: RunId, access: Reader, view: Annotated[LiveView, Depends(_live_view)]
) -> Response:
    """The live view: progress, nodes, why it waits, and the seq from which a stream goes on."""
    return answer(await view.status(access, run_id))


@router.head("/{run_id}/output", include_in_schema=False)
@router.get(
    "/{run_id}/output",
    summary="Output of a run",
    response_class=JSONResponse,
    responses={
        200: {"content": {"application/json": {"example": examples.DETAIL["output"]}}},
        206: {"description": "the part that Range asks for"},
        **problems_of(
            RunNotFound,
            OutputNotFound,
            NotFinished,
            RangeUnsatisfiable,
            HistoryUnavailable,
            StorageUnavailable,
        ),
    },
)
async def read_run_output(request: Request, run_id: RunId, access: Reader, service: RunsService) -> Response:
    """The output as the graph left it, of any size; 409 until the run has completed.

    It comes from storage as it is read. One range of bytes is served, and HEAD tells the size.
    """
    return await answer_with(await service.output(access, run_id), request)


def _label(text: str) -> tuple[str, str]:
    if not re.fullmatch(LABEL_PATTERN, text):
        raise BodyInvalid(f"label: write key=value, as labels of Kubernetes are, not {text[:100]!r}")
    key, _, value = text.partition("=")
    return key, value
