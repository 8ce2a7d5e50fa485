"""Routes of runs: they translate, nothing else."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from graphrun_api import standing
from graphrun_api.auth.guard import Access, Guard, needs
from graphrun_api.errors import BodyInvalid
from graphrun_api.events.reads import RunQuery
from graphrun_api.runs.live_view import LiveView
from graphrun_api.runs.schemas import (
    Cancelled,
    Created,
    CreateRun,
    Executed,
    ExecuteRun,
    Paused,
    PauseRun,
    Resumed,
    ResumeRun,
    RunDetail,
    RunList,
    RunStatus,
)
from graphrun_api.runs.service import Runs
from graphrun_api.runs.verbs import Target, Verbs
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs", tags=["runs"])

RunId = Annotated[
    str, Path(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="the run's id")
]
Statuses = Annotated[
    str | None, Query(pattern=f"^({'|'.join(standing.ALL)})$", description="only runs of this status")
]
Label = Annotated[
    list[str] | None, Query(description="only runs with this label, key=value; may be repeated")
]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]


def _runs(request: Request) -> Runs:
    found: Runs = request.app.state.runs
    return found


def _verbs(request: Request) -> Verbs:
    found: Verbs = request.app.state.verbs
    return found


def _live_view(request: Request) -> LiveView:
    found: LiveView = request.app.state.live_view
    return found


def _accepted(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """For the document: 200 when it is so, 202 when it is on its way."""
    return {200: {"model": model}, 202: {"model": model, "description": "on its way"}}


def _answer(body: BaseModel, status_code: int) -> Response:
    return Response(body.model_dump_json(), status_code, media_type="application/json")


RunsService = Annotated[Runs, Depends(_runs)]
VerbsService = Annotated[Verbs, Depends(_verbs)]
Creator = Annotated[Access, Depends(needs("create", names.WORKFLOW_RUNS))]
Lister = Annotated[Access, Depends(needs("list", names.WORKFLOW_RUNS))]
Reader = Annotated[Access, Depends(needs("get", names.WORKFLOW_RUNS))]
Changer = Annotated[Access, Depends(needs("patch", names.WORKFLOW_RUNS))]
Deleter = Annotated[Access, Depends(needs("delete", names.WORKFLOW_RUNS))]


class Filters:
    """The list's filters, as query parameters."""

    def __init__(
        self,
        status: Statuses = None,
        workflow: Annotated[str | None, Query(max_length=253)] = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        label: Label = None,
    ) -> None:
        self.status = status
        self.workflow = workflow
        self.created_after = _with_zone("created_after", created_after)
        self.created_before = _with_zone("created_before", created_before)
        self.labels = dict(_label(item) for item in label) if label else None


@router.post("", status_code=201, summary="Create a run")
async def create(  # noqa: PLR0913 - one parameter a part of the request
    body: CreateRun,
    access: Creator,
    service: RunsService,
    response: Response,
    *,
    execute: Annotated[bool, Query(description="start it at once")] = False,
    idempotency_key: Key = "",
) -> Created:
    """Make a run, PENDING until it is executed. An input over 64 KiB is moved to object storage."""
    made = await service.create(access, body, key=idempotency_key, execute=execute)
    response.headers["Location"] = f"/api/projects/{access.project}/workflows/runs/{made.run_id}"
    return made


@router.get("", summary="List runs")
async def list_runs(
    access: Lister,
    service: RunsService,
    filters: Annotated[Filters, Depends()],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> RunList:
    """The history of the project, newest first, however the runs were made and also when they are gone."""
    return await service.page(RunQuery(access.namespace, limit=limit, **vars(filters)), cursor)


@router.get("/{run_id}", summary="Read a run")
async def read(run_id: RunId, access: Reader, service: RunsService) -> RunDetail:
    """Everything known."""
    return await service.detail(access, run_id)


@router.delete("/{run_id}", status_code=204, summary="Delete a run")
async def delete(
    request: Request,
    run_id: RunId,
    access: Deleter,
    *,
    cancel: Annotated[bool, Query(description="cancel it first where it has not ended")] = False,
) -> Response:
    """Remove a run that has ended (409 otherwise); its history stays."""
    service = _runs(request)
    if cancel:
        guard: Guard = request.app.state.guard
        await guard.admit(request, "patch", names.WORKFLOW_RUNS)
        await _verbs(request).cancel_quietly(Target(access, run_id))
        await service.drop(access, run_id)
    else:
        await service.delete(access, run_id)
    return Response(status_code=204)


@router.get("/{run_id}/status", summary="Status of a run")
async def status(run_id: RunId, access: Reader, view: Annotated[LiveView, Depends(_live_view)]) -> RunStatus:
    """The live view: progress, nodes, why it waits, and the seq from which a stream goes on."""
    return await view.status(access, run_id)


@router.get("/{run_id}/output", summary="Output of a run", response_class=JSONResponse)
async def output(run_id: RunId, access: Reader, service: RunsService) -> Response:
    """The output as the graph left it, of any size; 409 until the run has completed."""
    return Response(await service.output(access, run_id), media_type="application/json")


@router.post("/{run_id}/execute", status_code=202, summary="Execute a run")
async def execute(
    run_id: RunId, access: Changer, verbs: VerbsService, body: ExecuteRun | None = None
) -> Executed:
    """Start a PENDING run; 400 where it is executing or cannot be, 409 where it has completed."""
    return await verbs.execute(Target(access, run_id), body or ExecuteRun())


@router.post("/{run_id}/pause", summary="Pause a run", responses=_accepted(Paused))
async def pause(
    run_id: RunId,
    access: Changer,
    verbs: VerbsService,
    body: PauseRun | None = None,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for the pause")] = 10.0,
) -> Response:
    """Store a RUNNING run's state and free its pod: 200 once that is so, 202 PAUSING after `wait`."""
    done = await verbs.pause(Target(access, run_id), body or PauseRun(), wait)
    return _answer(done, 202 if done.status == standing.PAUSING else 200)


@router.post("/{run_id}/resume", status_code=202, summary="Resume a run")
async def resume(
    run_id: RunId, access: Changer, verbs: VerbsService, body: ResumeRun | None = None
) -> Resumed:
    """Let a PAUSED or INTERRUPTED run go on, from its latest or another checkpoint, with an answer where one is given."""
    return await verbs.resume(Target(access, run_id), body or ResumeRun())


@router.post("/{run_id}/cancel", summary="Cancel a run", responses=_accepted(Cancelled))
async def cancel(run_id: RunId, access: Changer, verbs: VerbsService) -> Response:
    """End a run for good: 200 once nothing of it runs, 202 CANCELLING where the proof takes over a second."""
    done = await verbs.cancel(Target(access, run_id))
    return _answer(done, 200 if done.status == standing.CANCELLED else 202)


def _label(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise BodyInvalid("label: write key=value")
    return key, value


def _with_zone(name: str, moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise BodyInvalid(f"{name}: a time needs its zone, for example 2026-01-31T12:00:00Z")
    return moment
