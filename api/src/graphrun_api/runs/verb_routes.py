"""Routes of what is done to runs: execute, pause, resume, cancel, fork, delete, one by one and many at a time."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from graphrun_api import standing
from graphrun_api.auth.guard import Access, Guard, needs
from graphrun_api.errors import (
    AlreadyCompleted,
    AlreadyThere,
    ClusterRefused,
    HistoryUnavailable,
    InputInvalid,
    KeyReused,
    NotFinished,
    PreconditionFailed,
    RunNotFound,
    SourceGone,
    StaleView,
    StorageUnavailable,
    VerbRefused,
    WorkflowNotFound,
)
from graphrun_api.finding import RunId
from graphrun_api.runs.bulk import Bulk, BulkRequest, BulkResult
from graphrun_api.runs.run_schemas import RunDetail
from graphrun_api.runs.schemas import (
    Cancelled,
    Created,
    Executed,
    ExecuteRun,
    ForkRun,
    Paused,
    PauseRun,
    Resumed,
    ResumeRun,
)
from graphrun_api.runs.service import Runs
from graphrun_api.runs.verbs import Target, Verbs
from graphrun_api.web.answers import answer
from graphrun_api.web.headers import LOCATION, PREFERENCE_APPLIED, with_headers
from graphrun_api.web.preconditions import (
    IdempotencyKey,
    IfMatch,
    Prefer,
    seconds_to_wait,
    wanted_version,
)
from graphrun_api.web.problem_answers import Responses, problems_of
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows/runs", tags=["runs"])


def _runs(request: Request) -> Runs:
    found: Runs = request.app.state.runs
    return found


def _verbs(request: Request) -> Verbs:
    found: Verbs = request.app.state.verbs
    return found


RunsService = Annotated[Runs, Depends(_runs)]
VerbsService = Annotated[Verbs, Depends(_verbs)]
Creator = Annotated[Access, Depends(needs("create", names.WORKFLOW_RUNS))]
Deleter = Annotated[Access, Depends(needs("delete", names.WORKFLOW_RUNS))]


async def _target(
    run_id: RunId,
    access: Annotated[Access, Depends(needs("patch", names.WORKFLOW_RUNS))],
    idempotency_key: IdempotencyKey = "",
    if_match: IfMatch = "",
) -> Target:
    return Target(access, run_id, idempotency_key, wanted_version(if_match))


Changed = Annotated[Target, Depends(_target)]

_REFUSED: Final = (RunNotFound, VerbRefused, KeyReused, PreconditionFailed, StaleView, ClusterRefused)
_NOT_MADE: Final = (
    RunNotFound,
    SourceGone,
    WorkflowNotFound,
    KeyReused,
    AlreadyThere,
    ClusterRefused,
    HistoryUnavailable,
)


def _accepted(model: type[BaseModel]) -> Responses:
    """For the document: 200 when it is so, 202 when it is on its way."""
    return {
        200: {"model": model},
        202: {"model": model, "description": "on its way"},
        **problems_of(*_REFUSED),
    }


@router.post(
    "/{run_id}/execute",
    status_code=202,
    summary="Execute a run",
    response_model=Executed,
    responses={
        200: {
            "model": RunDetail,
            "description": "with `Prefer: wait`: the run, which has ended or stands",
            **with_headers(PREFERENCE_APPLIED),
        },
        **problems_of(
            *_REFUSED,
            AlreadyCompleted,
            WorkflowNotFound,
            InputInvalid,
            HistoryUnavailable,
            StorageUnavailable,
        ),
    },
)
async def execute_run(
    request: Request,
    target: Changed,
    verbs: VerbsService,
    service: RunsService,
    prefer: Prefer = "",
    body: ExecuteRun | None = None,
) -> Response:
    """Start a PENDING run; 400 where it is executing or cannot be, 409 where it has completed.

    With `Prefer: wait=N` the answer waits up to N seconds (300 at most) for the run to end or to ask for input, and is
    then 200 with all that is known of it, which takes the right to read it.
    """
    seconds = seconds_to_wait(prefer)
    if seconds:
        await _may_read(request)
    done = await verbs.execute(target, body or ExecuteRun())
    if not seconds:
        return answer(done, 202)
    stands = await verbs.until_it_stands(target, seconds)
    found = answer(await service.detail(target.access, target.name), 200) if stands else answer(done, 202)
    found.headers[PREFERENCE_APPLIED] = f"wait={seconds:.0f}"
    return found


@router.post("/{run_id}/pause", summary="Pause a run", response_model=Paused, responses=_accepted(Paused))
async def pause_run(
    target: Changed,
    verbs: VerbsService,
    body: PauseRun | None = None,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for the pause")] = 10.0,
) -> Response:
    """Store a RUNNING run's state and free its pod: 200 once that is so, 202 PAUSING after `wait`."""
    done = await verbs.pause(target, body or PauseRun(), wait)
    return answer(done, 202 if done.status == standing.PAUSING else 200)


@router.post("/{run_id}/resume", status_code=202, summary="Resume a run", responses=problems_of(*_REFUSED))
async def resume_run(target: Changed, verbs: VerbsService, body: ResumeRun | None = None) -> Resumed:
    """Let a PAUSED or INTERRUPTED run go on, from its latest or another checkpoint, with an answer where one is given."""
    return await verbs.resume(target, body or ResumeRun())


@router.post(
    "/{run_id}/cancel", summary="Cancel a run", response_model=Cancelled, responses=_accepted(Cancelled)
)
async def cancel_run(target: Changed, verbs: VerbsService) -> Response:
    """End a run for good: 200 once nothing of it runs, 202 CANCELLING where the proof takes over a second."""
    done = await verbs.cancel(target)
    return answer(done, 200 if done.status == standing.CANCELLED else 202)


@router.post(
    "/{run_id}/fork",
    status_code=201,
    summary="Fork a run",
    responses={201: with_headers(LOCATION), **problems_of(*_NOT_MADE, InputInvalid, StorageUnavailable)},
)
async def fork_run(
    request: Request,
    run_id: RunId,
    access: Creator,
    service: RunsService,
    response: Response,
    *,
    execute: Annotated[bool, Query(description="start it at once")] = True,
    idempotency_key: IdempotencyKey = "",
    body: ForkRun | None = None,
) -> Created:
    """Make a run that begins from a checkpoint of this one, with the state edited first where that is asked for."""
    await _may_read(request)
    made = await service.fork(access, run_id, body or ForkRun(), key=idempotency_key, execute=execute)
    response.headers[LOCATION] = _location(access, made)
    return made


@router.post(
    "/{run_id}/retry",
    status_code=201,
    summary="Retry a run",
    responses={201: with_headers(LOCATION), **problems_of(*_NOT_MADE)},
)
async def retry_run(
    request: Request,
    run_id: RunId,
    access: Creator,
    service: RunsService,
    response: Response,
    idempotency_key: IdempotencyKey = "",
) -> Created:
    """A fork from the latest checkpoint, started at once: goes on in a new run where this one failed or was cancelled."""
    await _may_read(request)
    made = await service.fork(access, run_id, ForkRun(), key=idempotency_key, execute=True)
    response.headers[LOCATION] = _location(access, made)
    return made


@router.delete(
    "/{run_id}",
    status_code=204,
    summary="Delete a run",
    responses=problems_of(RunNotFound, NotFinished, PreconditionFailed, StaleView, ClusterRefused),
)
async def delete_run(
    request: Request,
    run_id: RunId,
    access: Deleter,
    service: RunsService,
    verbs: VerbsService,
    *,
    cancel: Annotated[bool, Query(description="cancel it first where it has not ended")] = False,
    if_match: IfMatch = "",
) -> Response:
    """Remove a run that has ended (409 otherwise); its history stays."""
    target = Target(access, run_id, version=wanted_version(if_match))
    if cancel:
        await _guard(request).admit(request, "patch", names.WORKFLOW_RUNS)
        await verbs.cancel_quietly(target)
        await service.drop(access, run_id)
    else:
        await service.delete(access, run_id, target.version)
    return Response(status_code=204)


@router.post("/bulk", summary="Pause, resume, cancel or delete many runs")
async def change_runs(
    request: Request,
    access: Annotated[Access, Depends(needs("list", names.WORKFLOW_RUNS))],
    body: BulkRequest,
    idempotency_key: IdempotencyKey = "",
) -> BulkResult:
    """The same for each of up to 200 runs, each judged by itself: a status and a body each, in their order."""
    found: Bulk = request.app.state.bulk
    return await found.carry_out(access, body, idempotency_key)


async def _may_read(request: Request) -> None:
    """Refuse who may not read the run: a fork shows what its source has stored, and an answer at its end all of it."""
    await _guard(request).admit(request, "get", names.WORKFLOW_RUNS)


def _guard(request: Request) -> Guard:
    found: Guard = request.app.state.guard
    return found


def _location(access: Access, made: Created) -> str:
    return f"/api/projects/{access.project}/workflows/runs/{made.run_id}"
