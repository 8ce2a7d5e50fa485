"""Bodies of requests and answers about workflows. `spec` is the resource's own, so that YAML and REST read the same."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.web.parameters import Labels
from graphrun_api.workflows import examples

Json = dict[str, Any]
_SPEC: Final = (
    "as in the resource (`kubectl explain workflow.spec`): graph, image, env, inputSchema, defaults"
)


class CreateWorkflow(BaseModel):
    """A new workflow."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": examples.NAME, "labels": {"team": "physics"}, "spec": examples.SPEC}]
        },
    )

    name: str = Field(
        min_length=1,
        max_length=52,
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        description="its name in the project; not `runs`",
        json_schema_extra={"not": {"const": "runs"}},
    )
    labels: Labels = Field(default={}, description="of the resource")
    spec: Json = Field(description=_SPEC)


class ReplaceWorkflow(BaseModel):
    """A workflow's new spec, and its labels where they are given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"spec": examples.SPEC}]})

    labels: Annotated[Labels | None, Field(description="all of them anew; left out, they stay")] = None
    spec: Json = Field(description=_SPEC)


class WorkflowView(BaseModel):
    """A workflow."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.WORKFLOW]})

    name: str = Field(description="its name in the project, and of its resource")
    project: str = Field(description="its project")
    labels: dict[str, str] = Field(description="of the resource")
    spec: Json = Field(description=_SPEC)
    generation: int = Field(description="counts the changes of the spec")
    version: str = Field(description="changes with every change of the workflow: the text of its ETag")
    created_at: datetime | None = Field(description="when it was made")


class WorkflowList(BaseModel):
    """Workflows by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.WORKFLOWS]})

    items: list[WorkflowView] = Field(description="the page's workflows")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class Revision(BaseModel):
    """A frozen spec of a workflow that runs were pinned to."""

    name: str = Field(description="`<workflow>-<hash>`: the same spec has the same name")
    created_at: datetime | None = Field(description="when it was frozen")


class RevisionList(BaseModel):
    """Newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REVISIONS]})

    items: list[Revision] = Field(description="all of them")
    next_cursor: str | None = Field(default=None, description="null: there is one page")
