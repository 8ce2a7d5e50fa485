"""Bodies of requests and answers about workflows. `spec` is the resource's own, so that YAML and REST read the same."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.web.parameters import Labels

Json = dict[str, Any]


class CreateWorkflow(BaseModel):
    """A new workflow."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "research", "spec": {"graph": {"entrypoint": "research.graph:graph"}}}]
        },
    )

    name: str = Field(
        min_length=1,
        max_length=52,
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        json_schema_extra={"not": {"const": "runs"}},
    )
    labels: Labels = {}
    spec: Json


class ReplaceWorkflow(BaseModel):
    """A workflow's new spec, and its labels where they are given."""

    model_config = ConfigDict(extra="forbid")

    labels: Labels | None = None
    spec: Json


class WorkflowView(BaseModel):
    """A workflow."""

    name: str
    project: str
    labels: dict[str, str]
    spec: Json
    generation: int
    version: str = Field(description="changes with every change of the workflow: the text of its ETag")
    created_at: datetime | None


class WorkflowList(BaseModel):
    """Workflows by name."""

    items: list[WorkflowView]
    next_cursor: str | None


class Revision(BaseModel):
    """A frozen spec of a workflow that runs were pinned to."""

    name: str
    created_at: datetime | None


class RevisionList(BaseModel):
    """Newest first."""

    items: list[Revision]
    next_cursor: str | None = None
