"""Events as clients get them. They are stored and sent as they came: nothing passes through these models on its way."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from graphrun_api.events.data_schemas import (
    AcceptedData,
    AwaitingData,
    CheckpointData,
    CompletedData,
    CustomData,
    EndData,
    ErrorData,
    LoadedData,
    NoData,
    NodeEndData,
    PausedData,
    ProgressData,
    RetryData,
    TokenData,
)

_EXAMPLE: Final[dict[str, Any]] = {
    "seq": 3,
    "run_id": "research-x7k2p",
    "attempt": 1,
    "type": "node_started",
    "at": "2026-11-25T09:00:01.740000Z",
    "node_id": "plan",
    "data": {},
}

STREAM_EXAMPLE: Final = (
    ': ping\n\nid: 3\nevent: node_started\ndata: {"seq":3,"run_id":"research-x7k2p","attempt":1,'
    '"type":"node_started","at":"2026-11-25T09:00:01.740000Z","node_id":"plan","data":{}}\n\n'
)


class _Event(BaseModel):
    seq: int = Field(ge=1, description="place in the run, dense; tokens that are no longer kept leave holes")
    run_id: str = Field(description="the run")
    attempt: int = Field(ge=0, description="0 before the first")
    at: datetime = Field(description="when it happened")


class _OfRun(_Event):
    node_id: None = Field(description="it is not one of a node")


class _OfNode(_Event):
    node_id: str = Field(description="the node's name, also of one in a subgraph")


class _OfAnyNode(_Event):
    node_id: str | None = Field(description="null where it cannot be told which node it came from")


class RunAccepted(_OfRun):
    """The run was checked and will be executed. First of a run."""

    type: Literal["run_accepted"] = Field(description="what happened")
    data: AcceptedData = Field(description="the details")


class RunStarted(_OfRun):
    """The first attempt has loaded the graph."""

    type: Literal["run_started"] = Field(description="what happened")
    data: LoadedData = Field(description="the details")


class RunResumed(_OfRun):
    """A further attempt has loaded the graph: after a pause, an answer or a failure of the one before."""

    type: Literal["run_resumed"] = Field(description="what happened")
    data: LoadedData = Field(description="the details")


class NodeStarted(_OfNode):
    """A visit of a node began."""

    type: Literal["node_started"] = Field(description="what happened")
    data: NoData = Field(description="the details")


class NodeProgress(_OfAnyNode):
    """A node told how far it is."""

    type: Literal["node_progress"] = Field(description="what happened")
    data: ProgressData = Field(description="the details")


class NodeCompleted(_OfNode):
    """A visit of a node ended without an error."""

    type: Literal["node_completed"] = Field(description="what happened")
    data: NodeEndData = Field(description="the details")


class NodeFailed(_OfNode):
    """A visit of a node ended by an error, its retries used up."""

    type: Literal["node_failed"] = Field(description="what happened")
    data: ErrorData = Field(description="the details")


class NodeRetrying(_OfNode):
    """A try of a node failed, and the next one begins."""

    type: Literal["node_retrying"] = Field(description="what happened")
    data: RetryData = Field(description="the details")


class CheckpointSaved(_OfRun):
    """A checkpoint is in object storage: what happened before it is not done again."""

    type: Literal["checkpoint_saved"] = Field(description="what happened")
    data: CheckpointData = Field(description="the details")


class Custom(_OfAnyNode):
    """An event of the graph's own."""

    type: Literal["custom"] = Field(description="what happened")
    data: CustomData = Field(description="the details")


class Token(_OfAnyNode):
    """A piece of a model's answer, as it came. Kept for a day at most, other events for much longer."""

    type: Literal["token"] = Field(description="what happened")
    data: TokenData = Field(description="the details")


class RunPaused(_OfRun):
    """Nothing runs any more; the state is stored."""

    type: Literal["run_paused"] = Field(description="what happened")
    data: PausedData = Field(description="the details")


class RunAwaitingInput(_OfRun):
    """The graph asks by interrupt(); nothing runs until `resume` brings an answer."""

    type: Literal["run_awaiting_input"] = Field(description="what happened")
    data: AwaitingData = Field(description="the details")


class RunCompleted(_OfRun):
    """The graph ran to its end. Last of a run."""

    type: Literal["run_completed"] = Field(description="what happened")
    data: CompletedData = Field(description="the details")


class RunFailed(_OfRun):
    """The run failed for good. Last of a run; nodes that still ran count as cancelled."""

    type: Literal["run_failed"] = Field(description="what happened")
    data: EndData = Field(description="the details")


class RunCancelled(_OfRun):
    """The run was cancelled, or its resource deleted, and nothing of it runs. Last of a run."""

    type: Literal["run_cancelled"] = Field(description="what happened")
    data: EndData = Field(description="the details")


class RunEvent(
    RootModel[
        Annotated[
            RunAccepted
            | RunStarted
            | RunResumed
            | NodeStarted
            | NodeProgress
            | NodeCompleted
            | NodeFailed
            | NodeRetrying
            | CheckpointSaved
            | Custom
            | Token
            | RunPaused
            | RunAwaitingInput
            | RunCompleted
            | RunFailed
            | RunCancelled,
            Field(discriminator="type"),
        ]
    ]
):
    """One event; `type` tells which."""


class EventPage(BaseModel):
    """Stored events of a run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_EXAMPLE], "next_cursor": 3, "last_seq": 14}]}
    )

    items: list[RunEvent] = Field(description="oldest first after a seq, newest first before one")
    next_cursor: int | None = Field(description="the `after` (or `before`) of the next page")
    last_seq: int = Field(ge=0, description="of the run's newest event; 0 where there is none yet")
