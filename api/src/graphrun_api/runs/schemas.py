"""Bodies of requests and answers about runs."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Json = dict[str, Any]


class _Body(BaseModel):
    """What people send: unknown fields are refused, so that a slip of the pen is noticed."""

    model_config = ConfigDict(extra="forbid")


class Timeouts(_Body):
    """Clocks in seconds; null means no limit."""

    start_seconds: int | None = None
    active_seconds: int | None = None
    total_seconds: int | None = None


class Retries(_Body):
    """Further attempts after lost pods, crashes and, where asked for, graph errors."""

    limit: int | None = None
    backoff_seconds: int | None = None
    on_node_lost: Literal["Restart", "Wait"] | None = None
    on_graph_error: int | None = None


class PauseOptions(_Body):
    """How long the superstep under way may take once a pause is asked for, and what follows then."""

    deadline_seconds: int | None = Field(default=None, ge=0, le=86400)
    on_deadline: Literal["Wait", "Interrupt"] | None = None


class ResourceAmounts(_Body):
    """Requests and limits as Kubernetes quantities."""

    requests: dict[str, str | int] = {}
    limits: dict[str, str | int] = {}


class Config(_Body):
    """The part of LangGraph's RunnableConfig that a run may set."""

    recursion_limit: int | None = None
    tags: list[str] | None = None
    configurable: Json | None = None


class Options(_Body):
    """Overrides of the workflow's defaults, LangGraph's config and context, labels, and a pinned revision."""

    timeouts: Timeouts | None = None
    retries: Retries | None = None
    pause: PauseOptions | None = None
    durability: Literal["async", "sync"] | None = None
    resources: ResourceAmounts | None = None
    ttl_seconds_after_finished: int | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[Json] | None = None
    priority_class_name: str | None = None
    queue_name: str | None = None
    config: Config | None = None
    context: Json | None = None
    labels: dict[str, str] | None = None
    revision: str | None = None


class CreateRun(_Body):
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


class ExecuteRun(_Body):
    """Start a pending run, optionally with another input."""

    input_data: Json | None = None


class PauseRun(PauseOptions):
    """Pause a run; both fields override the run's options for good."""


class StateUpdate(_Body):
    """An edit of the state, as LangGraph's update_state does it."""

    values: Json = Field(description="by channel; a channel's reducer is applied")
    as_node: str = Field(default="", max_length=256, description="the node that it counts as")


class ResumeRun(_Body):
    """Go on from a pause or an interrupt()."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": {"approved": True}}]})

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


class ForkRun(_Body):
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
