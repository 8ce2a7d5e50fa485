"""Routes of workflows."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.convertors import Convertor, register_url_convertor

from graphrun_api.auth.guard import Access, needs
from graphrun_api.errors import (
    AlreadyThere,
    BodyInvalid,
    ClusterRefused,
    CursorInvalid,
    GraphNotFound,
    HistoryUnavailable,
    PreconditionFailed,
    StaleView,
    WorkflowNotFound,
)
from graphrun_api.events.reads import HistoryReads
from graphrun_api.web.headers import ETAG, LINK, with_headers
from graphrun_api.web.parameters import CURSOR, LIMIT, Moment
from graphrun_api.web.preconditions import (
    IF_NONE_MATCH,
    VERSIONED,
    IfMatch,
    etag_of,
    link_next,
    unless_known,
    wanted_version,
)
from graphrun_api.web.problem_answers import problems_of
from graphrun_api.workflows.graphs import Graphs, WorkflowGraph
from graphrun_api.workflows.schemas import (
    CreateWorkflow,
    ReplaceWorkflow,
    RevisionList,
    WorkflowList,
    WorkflowView,
)
from graphrun_api.workflows.service import Workflows
from graphrun_api.workflows.stats import Step, WorkflowStats, stats
from graphrun_core import names


class _NameInPath(Convertor[str]):
    """`/workflows/runs` is another thing's path, whatever the method."""

    regex = "(?!runs(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("workflow", _NameInPath())
router = APIRouter(prefix="/api/projects/{project_id}/workflows", tags=["workflows"])

_WEEK: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=400)
_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
_OR_NONE = f"^({_PATTERN[1:-1]})?$"
WorkflowName = Annotated[
    str, Path(max_length=names.MAX_NAME_LENGTH, pattern=_PATTERN, description="name of the workflow")
]


def _service(request: Request) -> Workflows:
    service: Workflows = request.app.state.workflows
    return service


Service = Annotated[Workflows, Depends(_service)]
Creator = Annotated[Access, Depends(needs("create", names.WORKFLOWS))]
Lister = Annotated[Access, Depends(needs("list", names.WORKFLOWS))]
Reader = Annotated[Access, Depends(needs("get", names.WORKFLOWS))]
Changer = Annotated[Access, Depends(needs("update", names.WORKFLOWS))]
Deleter = Annotated[Access, Depends(needs("delete", names.WORKFLOWS))]


@router.post(
    "", status_code=201, summary="Create a workflow", responses=problems_of(AlreadyThere, ClusterRefused)
)
async def create_workflow(body: CreateWorkflow, access: Creator, service: Service) -> WorkflowView:
    """Make a workflow of an image and an entrypoint."""
    return await service.create(access.namespace, access.project, body)


@router.get("", summary="List workflows", responses={200: with_headers(LINK), **problems_of(CursorInvalid)})
async def list_workflows(
    request: Request,
    response: Response,
    access: Lister,
    service: Service,
    *,
    limit: Annotated[int, Query(ge=1, le=200, description=LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=2048, description=CURSOR)] = None,
) -> WorkflowList:
    """By name, page by page."""
    found = await service.page(access.namespace, access.project, limit, cursor)
    response.headers.update(link_next(request, found.next_cursor))
    return found


@router.get(
    "/{workflow_name:workflow}",
    summary="Read a workflow",
    response_model=WorkflowView,
    responses={
        **VERSIONED,
        **problems_of(WorkflowNotFound),
    },
    openapi_extra=IF_NONE_MATCH,
)
async def read_workflow(
    request: Request, workflow_name: WorkflowName, access: Reader, service: Service
) -> Response:
    """One workflow with its spec. The ETag is what If-Match of PUT and DELETE compares."""
    found = await service.get(access.namespace, access.project, workflow_name)
    return unless_known(request, found, found.version)


@router.put(
    "/{workflow_name:workflow}",
    summary="Replace a workflow",
    responses={
        200: with_headers(ETAG),
        **problems_of(WorkflowNotFound, PreconditionFailed, StaleView, ClusterRefused),
    },
)
async def replace_workflow(
    response: Response,
    workflow_name: WorkflowName,
    body: ReplaceWorkflow,
    access: Changer,
    service: Service,
    if_match: IfMatch = "",
) -> WorkflowView:
    """New runs use the new spec; runs under way keep theirs."""
    version = wanted_version(if_match)
    found = await service.replace(access.namespace, access.project, workflow_name, body, version)
    response.headers[ETAG] = etag_of(found.version)
    return found


@router.delete(
    "/{workflow_name:workflow}",
    status_code=204,
    summary="Delete a workflow",
    responses=problems_of(WorkflowNotFound, PreconditionFailed, ClusterRefused),
)
async def delete_workflow(
    workflow_name: WorkflowName, access: Deleter, service: Service, if_match: IfMatch = ""
) -> Response:
    """Its runs stay, and go on."""
    await service.delete(access.namespace, workflow_name, wanted_version(if_match))
    return Response(status_code=204)


@router.get(
    "/{workflow_name:workflow}/graph",
    summary="Graph of a workflow",
    responses=problems_of(WorkflowNotFound, GraphNotFound, HistoryUnavailable),
)
async def read_workflow_graph(
    request: Request,
    workflow_name: WorkflowName,
    access: Reader,
    revision: Annotated[
        str, Query(max_length=63, pattern=_OR_NONE, description="of this frozen revision")
    ] = "",
) -> WorkflowGraph:
    """Nodes, edges, a Mermaid drawing and the input's JSON Schema, as known since a run has loaded the graph."""
    graphs: Graphs = request.app.state.graphs
    return await graphs.get(access.namespace, workflow_name, revision)


@router.get(
    "/{workflow_name:workflow}/stats",
    summary="Outcomes and durations of a workflow",
    responses=problems_of(HistoryUnavailable),
)
async def read_workflow_stats(
    request: Request,
    workflow_name: WorkflowName,
    access: Annotated[Access, Depends(needs("list", names.WORKFLOW_RUNS))],
    *,
    since: Annotated[Moment | None, Query(description="default: a week before `until`")] = None,
    until: Annotated[Moment | None, Query(description="default: now")] = None,
    step: Annotated[Step, Query(description="how long a period is")] = "day",
) -> WorkflowStats:
    """How its runs ended and what they took, by the hour or day of their end; also of a workflow that is gone."""
    reads: HistoryReads = request.app.state.reads
    start, end = _span(since, until)
    rows = await reads.outcomes(access.namespace, workflow_name, start, end)
    return stats(workflow_name, rows, start, end, step)


def _span(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """From the beginning of an hour; raises BodyInvalid for what is no span of time."""
    end = until or datetime.now(UTC)
    try:
        start = (since or end - _WEEK).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        is_span = start < end and end - start <= _LONGEST
    except OverflowError:  # a week before the year 1
        is_span = False
    if not is_span:
        raise BodyInvalid("since: give a time before `until`, 400 days at most")
    return start, end


@router.get("/{workflow_name:workflow}/revisions", summary="List a workflow's revisions")
async def list_workflow_revisions(
    workflow_name: WorkflowName, access: Reader, service: Service
) -> RevisionList:
    """The frozen specs that runs were pinned to, newest first."""
    return await service.revisions(access.namespace, workflow_name)
