"""Bodies of requests and answers about runs."""

from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphrun_api.runs.options import Body, Options, PauseOptions

Json = dict[str, Any]
_GIVEN: Final[Json] = {"not": {"type": "null"}}


class CreateRun(Body):
    """A new run of a workflow."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"workflow": "research", "input_data": {"question": "Why is the sky blue?"}}]
        },
    )

    workflow: str = Field(min_length=1, max_length=52, description="name of the workflow in this project")
    input_data: Json = Field(default_factory=dict, description="the graph's input, of any size")
    options: Options = Options()


class ExecuteRun(Body):
    """Start a pending run, optionally with another input."""

    input_data: Json | None = None


class PauseRun(PauseOptions):
    """Pause a run; both fields override the run's options for good."""


class StateUpdate(Body):
    """An edit of the state, as LangGraph's update_state does it."""

    values: Json = Field(description="by channel; a channel's reducer is applied")
    as_node: str = Field(default="", max_length=256, description="the node that it counts as")


class ResumeRun(Body):
    """Go on from a pause or an interrupt()."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"value": {"approved": True}}],
            "not": {"required": ["value", "update"], "properties": {"value": _GIVEN, "update": _GIVEN}},
        },
    )

    checkpoint_id: str = Field(
        default="", max_length=64, description="an earlier checkpoint; default is the latest"
    )
    value: Any = Field(default=None, description="what interrupt() returns; any JSON but null")
    update: StateUpdate | None = Field(
        default=None, description="edit the state first; open questions are asked anew, so not with a value"
    )
    revision: str = Field(default="", max_length=63, description="go on with another frozen revision")

    @model_validator(mode="after")
    def _value_or_update(self) -> Self:
        if self.value is not None and self.update is not None:
            message = "give value or update, not both: after an update open questions are asked anew"
            raise ValueError(message)
        return self


class ForkRun(Body):
    """A new run that begins from a checkpoint of this one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"checkpoint_id": "", "update": {"values": {"draft": "Once more."}}}]
        },
    )

    checkpoint_id: str = Field(default="", max_length=64, description="default is the latest")
    update: StateUpdate | None = None
    input_data: Json | None = Field(
        default=None, description="a new input on top of the state; default is none"
    )
    revision: str = Field(default="", max_length=63, description="default is the workflow's current one")
    options: Options = Field(default=Options(), description="instead of those of the source run")


class Created(BaseModel):
    """A run that was just made."""

    run_id: str
    status: str
    project: str
    workflow: str
    created_at: datetime | None
    message: str


class Executed(BaseModel):
    """A run that was started."""

    run_id: str
    status: str
    started_at: datetime
    message: str


class Paused(BaseModel):
    """A run that is paused, or on its way (status PAUSING, answered with 202)."""

    run_id: str
    status: str
    paused_at: datetime | None
    checkpoint_id: str | None
    message: str


class Resumed(BaseModel):
    """A run that goes on."""

    run_id: str
    status: str
    resumed_at: datetime
    message: str


class Cancelled(BaseModel):
    """A run that is cancelled, or on its way (status CANCELLING, answered with 202)."""

    run_id: str
    status: str
    cancelled_at: datetime | None
    message: str


class Node(BaseModel):
    """A node of the graph: its latest visit and how often it was visited."""

    node_id: str
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
    progress: float
    started_at: datetime | None
    completed_at: datetime | None
    attempt: int
    visits: int
    error: str | None


class Waiting(BaseModel):
    """Why nothing runs, and what may help."""

    kind: str
    text: str
    since: datetime | None
    hint: str


class RunStatus(BaseModel):
    """The live view of a run."""

    run_id: str
    status: str
    phase: str
    reason: str
    message: str
    progress: float
    current_node: str | None
    attempt: int
    started_at: datetime | None
    paused_at: datetime | None
    completed_at: datetime | None
    estimated_completion: datetime | None
    checkpoint_id: str | None
    node_states: list[Node]
    waiting: Waiting | None
    interrupts: list[Json]
    last_seq: int | None
    # What is missing from this answer because a part of the system is away: "history".
    degraded: list[str]


class RunSummary(BaseModel):
    """A run in a list."""

    run_id: str
    uid: str
    workflow: str
    revision: str
    status: str
    phase: str
    reason: str
    message: str
    attempt: int
    progress: float
    labels: dict[str, str]
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    last_seq: int
    archived: bool


class RunDetail(BaseModel):
    """Everything known of a run."""

    run_id: str
    uid: str
    version: str = Field(description="changes with every change of the run: the text of its ETag")
    project: str
    workflow: str
    revision: str
    status: str
    phase: str
    reason: str
    message: str
    attempt: int
    progress: float
    labels: dict[str, str]
    requested_by: str
    created_at: datetime | None
    started_at: datetime | None
    paused_at: datetime | None
    completed_at: datetime | None
    checkpoint: Json | None
    input_data: Json | None
    options: Json
    output: Any
    # Where the output is too large to stand here: ask for …/output.
    output_url: str | None
    interrupts: list[Json]
    allowed: list[str]
    # The resource is gone; this is what the history keeps.
    archived: bool


class RunList(BaseModel):
    """One page, newest first."""

    items: list[RunSummary]
    next_cursor: str | None
    stream_cursor: str = Field(description="from where the project's stream goes on from this page")
