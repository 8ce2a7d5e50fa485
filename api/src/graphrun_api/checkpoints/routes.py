"""Routes of checkpoints: they translate, nothing else."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from graphrun_api.auth.guard import Access, needs
from graphrun_api.checkpoints.schemas import CheckpointDetail, CheckpointDiff, CheckpointList, CheckpointValue
from graphrun_api.checkpoints.service import Checkpoints
from graphrun_api.errors import (
    CheckpointDamaged,
    CheckpointNotFound,
    HistoryUnavailable,
    RunNotFound,
    StorageUnavailable,
)
from graphrun_api.finding import Finder, RunId, finder_of
from graphrun_api.web.headers import LINK, with_headers
from graphrun_api.web.parameters import CURSOR, LIMIT, TEXT_PATTERN
from graphrun_api.web.preconditions import link_next
from graphrun_api.web.problem_answers import problems_of
from graphrun_core import names

router = APIRouter(
    prefix="/api/projects/{project_id}/workflows/runs/{run_id}/checkpoints", tags=["checkpoints"]
)


def _checkpoints(request: Request) -> Checkpoints:
    found: Checkpoints = request.app.state.checkpoints
    return found


_ID = "^(latest|[0-9A-Za-z-]{1,64})$"
CheckpointId = Annotated[str, Path(pattern=_ID, description="a checkpoint's id, or `latest`")]
Reader = Annotated[Access, Depends(needs("get", names.WORKFLOW_RUNS))]
Service = Annotated[Checkpoints, Depends(_checkpoints)]
Found = Annotated[Finder, Depends(finder_of)]
Ns = Annotated[
    str,
    Query(max_length=1024, pattern=TEXT_PATTERN, description="path of a subgraph; default is the root graph"),
]
_NOT_LISTED: Final = (RunNotFound, CheckpointDamaged, HistoryUnavailable, StorageUnavailable)
_NOT_READ: Final = (*_NOT_LISTED, CheckpointNotFound)


@router.get(
    "", summary="List checkpoints of a run", responses={200: with_headers(LINK), **problems_of(*_NOT_LISTED)}
)
async def list_checkpoints(
    request: Request,
    response: Response,
    run_id: RunId,
    access: Reader,
    service: Service,
    finder: Found,
    *,
    ns: Ns = "",
    limit: Annotated[int, Query(ge=1, le=1000, description=LIMIT)] = 100,
    cursor: Annotated[str, Query(max_length=64, pattern="^[0-9A-Za-z-]*$", description=CURSOR)] = "",
) -> CheckpointList:
    """Newest first, read from their keys alone."""
    found = await service.page(await finder.uid_of(access.namespace, run_id), ns, limit, cursor)
    response.headers.update(link_next(request, found.next_cursor))
    return found


@router.get("/{checkpoint_id}", summary="Read a state", responses=problems_of(*_NOT_READ))
async def read_checkpoint(
    run_id: RunId,
    checkpoint_id: CheckpointId,
    access: Reader,
    service: Service,
    finder: Found,
    *,
    ns: Ns = "",
    depth: Annotated[int, Query(ge=0, le=32, description="levels of a large value that are shown")] = 4,
    max_bytes: Annotated[
        int, Query(ge=64, le=1_048_576, description="values up to this size are shown whole")
    ] = 16_384,
) -> CheckpointDetail:
    """The state as JSON, without running any code of the graph; too large values are named by their place."""
    uid = await finder.uid_of(access.namespace, run_id)
    return await service.detail(uid, checkpoint_id, ns, depth=depth, max_bytes=max_bytes)


@router.get("/{checkpoint_id}/value", summary="Read one value of a state", responses=problems_of(*_NOT_READ))
async def read_checkpoint_value(
    run_id: RunId,
    checkpoint_id: CheckpointId,
    access: Reader,
    service: Service,
    finder: Found,
    *,
    path: Annotated[str, Query(max_length=4096, description="its place: a JSON Pointer, as `$ref` has it")],
    ns: Ns = "",
) -> CheckpointValue:
    """A value of any size, whole."""
    uid = await finder.uid_of(access.namespace, run_id)
    return await service.value(uid, checkpoint_id, ns, path)


@router.get(
    "/{checkpoint_id}/diff/{other_id}", summary="Compare two states", responses=problems_of(*_NOT_READ)
)
async def compare_checkpoints(
    run_id: RunId,
    checkpoint_id: CheckpointId,
    other_id: CheckpointId,
    access: Reader,
    service: Service,
    finder: Found,
    ns: Ns = "",
) -> CheckpointDiff:
    """What is different in the second: the smallest places that differ, with what was and is there."""
    uid = await finder.uid_of(access.namespace, run_id)
    return await service.diff(uid, checkpoint_id, other_id, ns)
