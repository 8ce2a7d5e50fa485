"""Events as clients get them: for each type what its `data` holds. Fields may be added to `data`; none is taken away.

They describe what is stored and sent as it came: nothing passes through these models on its way to a client.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel


# --- what `data` holds
class NoData(BaseModel):
    """Nothing beyond the event itself."""


class AcceptedData(BaseModel):
    """What will be executed."""

    workflow: str
    revision: str = Field(description="the frozen spec that the run is pinned to; empty where it is not yet")


class Topology(BaseModel):
    """The graph as the runner loaded it, without LangGraph's `__start__` and `__end__` among the nodes."""

    nodes: list[str]
    edges: list[list[str]] = Field(description="[from, to]; `__start__` and `__end__` may stand there")
    cyclic: bool
    mermaid: str = Field(description="the drawing, as Mermaid text; empty where the graph cannot be drawn")
    input_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema of the input by the graph's own types; null where they tell none",
    )


class LoadedData(BaseModel):
    """An attempt has loaded the graph."""

    graph: Topology
    checkpoint_id: str = Field(description="the checkpoint that it goes on from; empty: from the input")


class ProgressData(BaseModel):
    """What a node told by `graphrun_runner.progress()`."""

    progress: float = Field(ge=0, le=1, description="the share of the visit that is done")


class NodeEndData(BaseModel):
    """How a visit ended."""

    interrupted: bool | None = Field(
        default=None, description="true where it stopped at interrupt(): the node runs again with the answer"
    )


class ErrorData(BaseModel):
    """Why a visit failed."""

    error: str = Field(description="`TypeName: text`, in one line")


class RetryData(BaseModel):
    """Why a visit is tried again."""

    error: str = Field(description="`TypeName: text` of the try that failed, in one line")
    attempt: int = Field(ge=2, description="the try that begins, of the node's own retry policy")


class CheckpointData(BaseModel):
    """A checkpoint that is stored."""

    id: str
    ns: str = Field(description="path of the subgraph; empty for the root graph")
    step: int = Field(ge=-1, description="superstep, from -1 (the input)")
    source: str = Field(description="input, loop, update or fork, as LangGraph says")
    bytes: int = Field(ge=0, description="of its own object; what it shares with others is not in it")


class CustomData(BaseModel):
    """What a node wrote to LangGraph's stream writer."""

    payload: Any = Field(description="as JSON; over 32 KiB the beginning of its text")


class TokenData(BaseModel):
    """A piece of a model's answer."""

    text: str
    message_id: str | None = Field(description="the same for all pieces of one message")


class PausedData(BaseModel):
    """Where the run stands still."""

    checkpoint_id: str | None = Field(description="the latest that is known; null where there is none")
    reason: str = Field(description="as in the run's status")


class Interrupt(BaseModel):
    """One open question."""

    id: str = Field(description="key of its answer; empty at a breakpoint, which asks nothing")
    node: str
    value: Any = Field(
        description="what the graph gave to interrupt(); all questions share 1 KiB: what is longer is cut, as text"
    )


class AwaitingData(BaseModel):
    """What the graph asks."""

    interrupts: list[Interrupt]


class CompletedData(BaseModel):
    """The end of a run that succeeded."""

    reason: str
    message: str
    output: Any = Field(default=None, description="the output, where it is small")
    output_ref: str | None = Field(
        default=None, description="instead of `output`: its key in object storage; read it by `…/output`"
    )


class EndData(BaseModel):
    """The end of a run that did not succeed."""

    reason: str = Field(description="as in the run's status")
    message: str


# --- the events
class _Event(BaseModel):
    seq: int = Field(ge=1, description="place in the run, dense; tokens that are no longer kept leave holes")
    run_id: str
    attempt: int = Field(ge=0, description="0 before the first")
    at: datetime


class _OfRun(_Event):
    node_id: None


class _OfNode(_Event):
    node_id: str = Field(description="the node's name, also of one in a subgraph")


class _OfAnyNode(_Event):
    node_id: str | None = Field(description="null where it cannot be told which node it came from")


class RunAccepted(_OfRun):
    """The run was checked and will be executed. First of a run."""

    type: Literal["run_accepted"]
    data: AcceptedData


class RunStarted(_OfRun):
    """The first attempt has loaded the graph."""

    type: Literal["run_started"]
    data: LoadedData


class RunResumed(_OfRun):
    """A further attempt has loaded the graph: after a pause, an answer or a failure of the one before."""

    type: Literal["run_resumed"]
    data: LoadedData


class NodeStarted(_OfNode):
    """A visit of a node began."""

    type: Literal["node_started"]
    data: NoData


class NodeProgress(_OfAnyNode):
    """A node told how far it is."""

    type: Literal["node_progress"]
    data: ProgressData


class NodeCompleted(_OfNode):
    """A visit of a node ended without an error."""

    type: Literal["node_completed"]
    data: NodeEndData


class NodeFailed(_OfNode):
    """A visit of a node ended by an error, its retries used up."""

    type: Literal["node_failed"]
    data: ErrorData


class NodeRetrying(_OfNode):
    """A try of a node failed, and the next one begins."""

    type: Literal["node_retrying"]
    data: RetryData


class CheckpointSaved(_OfRun):
    """A checkpoint is in object storage: what happened before it is not done again."""

    type: Literal["checkpoint_saved"]
    data: CheckpointData


class Custom(_OfAnyNode):
    """An event of the graph's own."""

    type: Literal["custom"]
    data: CustomData


class Token(_OfAnyNode):
    """A piece of a model's answer, as it came. Kept for a day at most, other events for much longer."""

    type: Literal["token"]
    data: TokenData


class RunPaused(_OfRun):
    """Nothing runs any more; the state is stored."""

    type: Literal["run_paused"]
    data: PausedData


class RunAwaitingInput(_OfRun):
    """The graph asks by interrupt(); nothing runs until `resume` brings an answer."""

    type: Literal["run_awaiting_input"]
    data: AwaitingData


class RunCompleted(_OfRun):
    """The graph ran to its end. Last of a run."""

    type: Literal["run_completed"]
    data: CompletedData


class RunFailed(_OfRun):
    """The run failed for good. Last of a run; nodes that still ran count as cancelled."""

    type: Literal["run_failed"]
    data: EndData


class RunCancelled(_OfRun):
    """The run was cancelled, or its resource deleted, and nothing of it runs. Last of a run."""

    type: Literal["run_cancelled"]
    data: EndData


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

    items: list[RunEvent]
    next_cursor: int | None = Field(description="the `after` (or `before`) of the next page")
    last_seq: int = Field(ge=0, description="of the run's newest event; 0 where there is none yet")
