"""What is answered of runs: the live view, the whole of one, lists."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api import standing
from graphrun_api.runs import examples

Json = dict[str, Any]


# For the document alone: an answer is not checked once more for it.
SHARE: Final[dict[str, Any]] = {"minimum": 0, "maximum": 1}

# What fields of several answers mean.
RunName = Annotated[str, Field(description="name of the run in its project, and of its resource")]
Status = Annotated[
    str, Field(description="what is so, or was accepted", json_schema_extra={"enum": list(standing.ALL)})
]
Phase = Annotated[str, Field(description="of the resource; empty until the operator has seen it")]
Reason = Annotated[str, Field(description="why the run is in its phase, in one word; may be empty")]
Words = Annotated[str, Field(description="the same for a person; may be empty")]
Progress = Annotated[float, Field(description="from 0 to 1; never falls", json_schema_extra=SHARE)]
AttemptNumber = Annotated[int, Field(description="the latest attempt, from 1; 0 before the first")]
Started = Annotated[datetime | None, Field(description="when the run started; null until then")]
Completed = Annotated[datetime | None, Field(description="when it ended, in whatever way; null until then")]
PausedAt = Annotated[datetime | None, Field(description="when it was paused last, or asked for input")]
Interrupts = Annotated[
    list[Json],
    Field(description="{id, node, value}: what the graph asks by interrupt(), of an INTERRUPTED run"),
]
Workflow = Annotated[str, Field(description="name of its workflow")]
Revision = Annotated[str, Field(description="the frozen revision that it uses; empty until it is accepted")]
Labels = Annotated[dict[str, str], Field(description="of the resource")]
RequestedBy = Annotated[str, Field(description="who changed what is wanted last, over REST; else empty")]
LastSeq = Annotated[int, Field(description="seq of its newest event; a stream `after` it goes on from here")]
Archived = Annotated[bool, Field(description="the resource is gone; this is what the history keeps")]
Uid = Annotated[str, Field(description="of the resource: tells namesakes apart")]


class Node(BaseModel):
    """A node of the graph: its latest visit and how often it was visited."""

    node_id: str = Field(description="name of the node in the graph")
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] = Field(
        description="of its latest visit; PENDING also where that is made again"
    )
    progress: float = Field(
        description="as the node tells by `progress()`; 1 once it is done", json_schema_extra=SHARE
    )
    started_at: datetime | None = Field(description="when its latest visit began")
    completed_at: datetime | None = Field(description="when its latest visit ended")
    attempt: int = Field(description="the attempt of its latest visit; 0 where there is none")
    visits: int = Field(description="how often it was visited: loops and `Send` make several")
    error: str | None = Field(description="what its latest visit failed with")


class Waiting(BaseModel):
    """Why nothing runs, and what may help."""

    kind: str = Field(description="in one word, such as queue, unschedulable, image, quota or input")
    text: str = Field(description="for a person, in the cluster's own words where it is the cluster's doing")
    since: datetime | None = Field(description="since when, where that is known")
    hint: str = Field(description="what may help")


class RunStatus(BaseModel):
    """The live view of a run."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STATUS]})

    run_id: RunName
    status: Status
    phase: Phase
    reason: Reason
    message: Words
    progress: Progress
    current_node: str | None = Field(description="the first of the nodes that run now")
    attempt: AttemptNumber
    started_at: Started
    paused_at: PausedAt
    completed_at: Completed
    estimated_completion: datetime | None = Field(
        description="by earlier runs of the revision; null until there are three, or where it takes longer"
    )
    checkpoint_id: str | None = Field(description="the latest checkpoint")
    node_states: list[Node] = Field(description="the root graph's nodes, in its order")
    waiting: Waiting | None = Field(
        description="why nothing runs; null where something does, or it has ended"
    )
    interrupts: Interrupts
    last_seq: int | None = Field(description="seq of its newest event; null where `degraded` has `history`")
    degraded: list[str] = Field(
        description="what is missing here because a part of the system is away: `history`"
    )


class RunSummary(BaseModel):
    """A run in a list."""

    run_id: RunName
    uid: Uid
    workflow: Workflow
    revision: Revision
    status: Status
    phase: Phase
    reason: Reason
    message: Words
    attempt: AttemptNumber
    progress: Progress
    labels: Labels
    requested_by: RequestedBy
    created_at: datetime = Field(description="when the run was made")
    started_at: Started
    completed_at: Completed
    last_seq: LastSeq
    archived: Archived


class RunDetail(BaseModel):
    """Everything known of a run."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DETAIL]})

    run_id: RunName
    uid: Uid
    version: str = Field(description="changes with every change of the run: the text of its ETag")
    project: str = Field(description="its project")
    workflow: Workflow
    revision: Revision
    status: Status
    phase: Phase
    reason: Reason
    message: Words
    attempt: AttemptNumber
    progress: Progress
    labels: Labels
    requested_by: RequestedBy
    created_at: datetime | None = Field(description="when the run was made")
    started_at: Started
    paused_at: PausedAt
    completed_at: Completed
    checkpoint: Json | None = Field(description="the latest checkpoint, {id, step, time}")
    input_data: Json | None = Field(
        description="the graph's input; null where it was too large to stand in the resource, or that is gone"
    )
    options: Json = Field(description="what the run sets for itself, as in the resource's spec")
    output: Any = Field(description="of a COMPLETED run, up to 1 MiB; else null")
    output_url: str | None = Field(description="where an output is that is too large to stand here")
    interrupts: Interrupts
    allowed: list[str] = Field(description="the verbs that would be accepted now")
    archived: Archived


class RunList(BaseModel):
    """One page, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RUNS]})

    items: list[RunSummary] = Field(description="the page's runs")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")
    stream_cursor: str = Field(description="from where the project's stream goes on from this page")
