"""The custom resources as frozen values: read what the API server gave, ignore fields that are newer than this code.

The CRDs under `crds/` are the source of truth; a test holds field names and enums of the two together.
"""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from graphrun_core import phases

Json = dict[str, Any]


class Resource(BaseModel):
    """Base of all: frozen, camelCase outside and snake_case inside, lenient towards unknown fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    def to_manifest(self) -> Json:
        """The JSON form with only what was set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class OwnerReference(Resource):
    """Who owns an object, as far as it is asked here."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(Resource):
    """Object metadata, as far as graphrun reads it."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


class Timeouts(Resource):
    """Clocks in seconds; None: no limit."""

    start_seconds: int | None = None
    active_seconds: int | None = None
    total_seconds: int | None = None


class Retries(Resource):
    """`limit` further attempts after counted failures; `on_graph_error` of them may follow an error of the graph."""

    limit: int | None = None
    backoff_seconds: int | None = None
    on_node_lost: Literal["Restart", "Wait"] | None = None
    on_graph_error: int | None = None


class Pause(Resource):
    """How long the superstep under way may take once a pause is asked for, and what follows then."""

    deadline_seconds: int | None = None
    on_deadline: Literal["Wait", "Interrupt"] | None = None


class ResourceAmounts(Resource):
    """Requests and limits as Kubernetes quantities, for example {"memory": "1Gi"}."""

    requests: dict[str, str | int] = Field(default_factory=dict)
    limits: dict[str, str | int] = Field(default_factory=dict)


class RunOptions(Resource):
    """What a Workflow's `defaults` and a run may both set. Unset fields fall through (options.py)."""

    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    pause: Pause = Pause()
    durability: Literal["async", "sync"] | None = None
    resources: ResourceAmounts = ResourceAmounts()
    ttl_seconds_after_finished: int | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[Json] | None = None
    priority_class_name: str | None = None
    queue_name: str | None = None


class Graph(Resource):
    """Where the graph is: `module:attribute`, and inline sources by relative path."""

    entrypoint: str = ""
    files: dict[str, str] = Field(default_factory=dict)


class WorkflowSpec(Resource):
    """What to run."""

    image: str = ""
    graph: Graph = Graph()
    input_schema: Json = Field(default_factory=dict)
    env: list[Json] = Field(default_factory=list)
    env_from: list[Json] = Field(default_factory=list)
    defaults: RunOptions = RunOptions()
    max_concurrent_runs: int | None = None


class Workflow(Resource):
    """A Workflow as the API server gave it."""

    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()

    @classmethod
    def parse(cls, manifest: Json) -> Self:
        """Read the API server's JSON."""
        return cls.model_validate(manifest)


class WorkflowRef(Resource):
    """The Workflow of a run, and the revision where the run pins one."""

    name: str = ""
    revision: str = ""


class Resume(Resource):
    """How to go on from a pause or an interrupt(). A new `id` is a new resume; a `value` of None means none."""

    id: str = ""
    checkpoint_id: str = Field(default="", alias="checkpointID")
    value: Any = None
    update: Json = Field(default_factory=dict)
    revision: str = ""


class StartFrom(Resource):
    """Begin from another run's checkpoint."""

    run: str = ""
    checkpoint_id: str = Field(default="", alias="checkpointID")
    update: Json = Field(default_factory=dict)


class RunConfig(Resource):
    """The part of LangGraph's RunnableConfig that a run may set."""

    recursion_limit: int = 10000
    tags: list[str] = Field(default_factory=list)
    configurable: Json = Field(default_factory=dict)


class WorkflowRunSpec(RunOptions):
    """What should happen."""

    workflow_ref: WorkflowRef = WorkflowRef()
    state: Literal["Pending", "Running", "Paused", "Cancelled"] = "Running"
    input: Json | None = None
    input_ref: str = ""
    resume: Resume = Resume()
    start_from: StartFrom = StartFrom()
    config: RunConfig = RunConfig()
    context: Json = Field(default_factory=dict)

    def options(self) -> RunOptions:
        """The overrides alone."""
        fields = RunOptions.model_fields.keys() & self.model_fields_set
        return RunOptions.model_validate({name: getattr(self, name) for name in fields})


class CheckpointStatus(Resource):
    """The latest durable checkpoint of the root graph."""

    id: str = ""
    step: int = 0
    time: str = ""


class OutcomeStatus(Resource):
    """How the claimed attempt ended, in the runner's words (protocol.Outcome)."""

    result: str = ""
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    interrupts: list[Json] = Field(default_factory=list)
    output: Any = None
    output_ref: str = ""


class RunnerStatus(Resource):
    """`status.runner`: the runner's half, written by the API alone. `attempt` 0 means: never claimed."""

    attempt: int = 0
    pod_name: str = ""
    pod_uid: str = Field(default="", alias="podUID")
    claim_time: datetime | None = None
    checkpoint: CheckpointStatus | None = None
    progress: float | None = None
    current_nodes: list[str] = Field(default_factory=list)
    stopped_time: datetime | None = None
    outcome: OutcomeStatus | None = None


class Condition(Resource):
    """A standard Kubernetes condition."""

    type: str = ""
    status: Literal["True", "False", "Unknown"] = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


class ResumeStatus(Resource):
    """The last `spec.resume.id` that an attempt was opened for, and the first such attempt."""

    id: str = ""
    attempt: int = 0


class AttemptEndStatus(Resource):
    """How the attempt that ended last did so, as far as the operator knows; `number` 0 means: none has."""

    number: int = 0
    reason: str = ""
    exit_code: int | None = None
    node_name: str = ""


class WorkflowRunStatus(Resource):
    """What has happened. All but `runner` is the operator's."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    revision: str = ""
    attempt: int = 0
    job_name: str = ""
    failures: int = 0  # attempts that count against retries.limit
    next_attempt_time: datetime | None = None  # while backing off
    start_time: datetime | None = None
    paused_time: datetime | None = None
    completion_time: datetime | None = None
    active_seconds: float = 0.0  # claimed time of ended attempts
    resume: ResumeStatus = ResumeStatus()
    last_attempt: AttemptEndStatus = AttemptEndStatus()
    start_from_uid: str = Field(default="", alias="startFromUID")  # of the run that spec.startFrom names
    conditions: tuple[Condition, ...] = ()
    runner: RunnerStatus = RunnerStatus()


class WorkflowRun(Resource):
    """A WorkflowRun as the API server gave it."""

    metadata: Metadata = Metadata()
    spec: WorkflowRunSpec = WorkflowRunSpec()
    status: WorkflowRunStatus = WorkflowRunStatus()

    @classmethod
    def parse(cls, manifest: Json) -> Self:
        """Read the API server's JSON."""
        return cls.model_validate(manifest)

    @property
    def attempt(self) -> int:
        """The current attempt: 1 until the operator opens another."""
        return max(self.status.attempt, 1)

    @property
    def is_claimed(self) -> bool:
        """Whether a pod holds, or held, the current attempt."""
        return self.status.runner.attempt >= self.attempt

    @property
    def is_finished(self) -> bool:
        """Whether the phase is final."""
        return self.status.phase in phases.TERMINAL

    @property
    def has_new_resume(self) -> bool:
        """Whether a resume is asked for that no attempt has been opened for yet."""
        asked = self.spec.resume.id
        return bool(asked) and asked != self.status.resume.id

    @property
    def is_deleting(self) -> bool:
        """Whether the resource is on its way out."""
        return self.metadata.deletion_timestamp is not None
