"""Workflows: kept in the cluster, changed through it."""

from datetime import datetime
from typing import Any, Final

from graphrun_api.errors import (
    AlreadyThere,
    BodyInvalid,
    CursorInvalid,
    FieldError,
    PreconditionFailed,
    WorkflowNotFound,
)
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.errors import AlreadyExists, Conflict, Gone, Invalid, Missing
from graphrun_api.workflows.schema_check import schema_errors
from graphrun_api.workflows.schemas import (
    CreateWorkflow,
    ReplaceWorkflow,
    Revision,
    RevisionList,
    WorkflowList,
    WorkflowView,
)
from graphrun_core import names
from graphrun_core.resources import Metadata, Workflow

Json = dict[str, Any]

# `/workflows/runs` is another thing's path.
_RESERVED: Final = frozenset({"runs"})
_ATTEMPTS: Final = 5


class Workflows:
    """Everything about workflows."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def create(self, namespace: str, project: str, request: CreateWorkflow) -> WorkflowView:
        """Make a workflow; raises AlreadyThere, BodyInvalid or what the API server refuses."""
        if request.name in _RESERVED:
            message = f"{request.name!r} is a word of the API's paths; choose another name"
            raise BodyInvalid(message, fields=[FieldError("name", message)])
        _check_schema(request.spec)
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_KIND,
            "metadata": {"name": request.name, "labels": request.labels},
            "spec": request.spec,
        }
        query = {"fieldManager": names.FIELD_MANAGER_API, "fieldValidation": "Strict"}
        try:
            made = await self._cluster.call("POST", _path(namespace), query=query, body=body)
        except AlreadyExists as error:
            raise AlreadyThere(f"a workflow {request.name!r} exists already; PUT replaces it") from error
        return _view(made, project)

    async def replace(
        self, namespace: str, project: str, name: str, request: ReplaceWorkflow, version: str = ""
    ) -> WorkflowView:
        """Put a new spec in place of the old one; runs under way keep their revision.

        Raises:
            PreconditionFailed: `version` is given, and is not the workflow's resourceVersion any more.
        """
        _check_schema(request.spec)
        for attempt in range(_ATTEMPTS):
            manifest = await self._read(namespace, name)
            _check_version(manifest, version)
            manifest["spec"] = request.spec
            if request.labels is not None:
                manifest["metadata"]["labels"] = request.labels
            query = {"fieldManager": names.FIELD_MANAGER_API, "fieldValidation": "Strict"}
            try:
                done = await self._cluster.call("PUT", _path(namespace, name), query=query, body=manifest)
                return _view(done, project)
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
            except Missing as error:
                raise _unknown(name) from error
        raise AssertionError

    async def get(self, namespace: str, project: str, name: str) -> WorkflowView:
        """One workflow."""
        return _view(await self._read(namespace, name), project)

    async def parsed(self, namespace: str, name: str) -> Workflow:
        """One workflow, as a value."""
        return Workflow.parse(await self._read(namespace, name))

    async def page(self, namespace: str, project: str, limit: int, cursor: str | None) -> WorkflowList:
        """Workflows by name; the cursor is the API server's."""
        query = {"limit": str(limit), **({"continue": cursor} if cursor else {})}
        try:
            found = await self._cluster.get(_path(namespace), query)
        except (Gone, Invalid) as error:
            raise CursorInvalid from error
        items = [_view(manifest, project) for manifest in found["items"]]
        return WorkflowList(items=items, next_cursor=found["metadata"].get("continue") or None)

    async def delete(self, namespace: str, name: str, version: str = "") -> None:
        """Remove the workflow; its runs, also paused ones, keep their revision. Raises as `replace` does."""
        body = {"preconditions": {"resourceVersion": version}} if version else None
        try:
            await self._cluster.call("DELETE", _path(namespace, name), body=body)
        except Missing as error:
            raise _unknown(name) from error
        except Conflict as error:
            raise PreconditionFailed from error

    async def revisions(self, namespace: str, name: str) -> RevisionList:
        """The frozen revisions of a workflow, also of a deleted one."""
        path = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"
        found = await self._cluster.get(path, {"labelSelector": f"{names.LABEL_WORKFLOW}={name}"})
        items = sorted(found["items"], key=lambda item: int(item.get("revision") or 0), reverse=True)
        return RevisionList(
            items=[Revision(name=item["metadata"]["name"], created_at=_made(item)) for item in items]
        )

    async def spec_of(self, namespace: str, name: str, *, optional: bool) -> Json:
        """A workflow's present spec; where it is `optional`, empty for one that is gone. Raises WorkflowNotFound."""
        try:
            return dict((await self._read(namespace, name)).get("spec") or {})
        except WorkflowNotFound:
            if optional:
                return {}
            raise

    async def _read(self, namespace: str, name: str) -> Json:
        try:
            return await self._cluster.get(_path(namespace, name))
        except Missing as error:
            raise _unknown(name) from error


def _check_version(manifest: Json, version: str) -> None:
    if version and manifest["metadata"]["resourceVersion"] != version:
        raise PreconditionFailed


def _check_schema(spec: Json) -> None:
    schema = spec.get("inputSchema") or {}
    wrong = schema_errors(schema) if isinstance(schema, dict) else []
    if wrong:
        raise BodyInvalid(f"{wrong[0].field}: {wrong[0].message}", fields=wrong)


def _unknown(name: str) -> WorkflowNotFound:
    return WorkflowNotFound(f"there is no workflow {name!r} in this project")


def _path(namespace: str, name: str = "") -> str:
    base = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.WORKFLOWS}"
    return f"{base}/{name}" if name else base


def _made(manifest: Json) -> datetime | None:
    return Metadata.model_validate(manifest["metadata"]).creation_timestamp


def _view(manifest: Json, project: str) -> WorkflowView:
    meta = Metadata.model_validate(manifest["metadata"])
    return WorkflowView(
        name=meta.name,
        project=project,
        labels=meta.labels,
        spec=manifest.get("spec") or {},
        generation=meta.generation,
        version=meta.resource_version,
        created_at=meta.creation_timestamp,
    )
