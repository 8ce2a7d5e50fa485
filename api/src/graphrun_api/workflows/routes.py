"""Routes of workflows."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from graphrun_api.auth.guard import Access, needs
from graphrun_api.workflows.schemas import (
    CreateWorkflow,
    ReplaceWorkflow,
    RevisionList,
    WorkflowList,
    WorkflowView,
)
from graphrun_api.workflows.service import Workflows
from graphrun_core import names

router = APIRouter(prefix="/api/projects/{project_id}/workflows", tags=["workflows"])

_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
WorkflowName = Annotated[str, Path(max_length=253, pattern=_PATTERN, description="name of the workflow")]


def _service(request: Request) -> Workflows:
    service: Workflows = request.app.state.workflows
    return service


Service = Annotated[Workflows, Depends(_service)]
Creator = Annotated[Access, Depends(needs("create", names.WORKFLOWS))]
Lister = Annotated[Access, Depends(needs("list", names.WORKFLOWS))]
Reader = Annotated[Access, Depends(needs("get", names.WORKFLOWS))]
Changer = Annotated[Access, Depends(needs("update", names.WORKFLOWS))]
Deleter = Annotated[Access, Depends(needs("delete", names.WORKFLOWS))]


@router.post("", status_code=201, summary="Create a workflow")
async def create(body: CreateWorkflow, access: Creator, service: Service) -> WorkflowView:
    """Make a workflow of an image and an entrypoint."""
    return await service.create(access.namespace, access.project, body)


@router.get("", summary="List workflows")
async def list_workflows(
    access: Lister,
    service: Service,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2048)] = None,
) -> WorkflowList:
    """By name, page by page."""
    return await service.page(access.namespace, access.project, limit, cursor)


@router.get("/{workflow_name}", summary="Read a workflow")
async def read(workflow_name: WorkflowName, access: Reader, service: Service) -> WorkflowView:
    """One workflow with its spec."""
    return await service.get(access.namespace, access.project, workflow_name)


@router.put("/{workflow_name}", summary="Replace a workflow")
async def replace(
    workflow_name: WorkflowName, body: ReplaceWorkflow, access: Changer, service: Service
) -> WorkflowView:
    """New runs use the new spec; runs under way keep theirs."""
    return await service.replace(access.namespace, access.project, workflow_name, body)


@router.delete("/{workflow_name}", status_code=204, summary="Delete a workflow")
async def delete(workflow_name: WorkflowName, access: Deleter, service: Service) -> Response:
    """Its runs stay, and go on."""
    await service.delete(access.namespace, workflow_name)
    return Response(status_code=204)


@router.get("/{workflow_name}/revisions", summary="List a workflow's revisions")
async def revisions(workflow_name: WorkflowName, access: Reader, service: Service) -> RevisionList:
    """The frozen specs that runs were pinned to, newest first."""
    return await service.revisions(access.namespace, workflow_name)
