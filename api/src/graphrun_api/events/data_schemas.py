"""What the `data` of each type of event holds. Fields may be added; none is taken away."""

from typing import Any

from pydantic import BaseModel, Field


class NoData(BaseModel):
    """Nothing beyond the event itself."""


class AcceptedData(BaseModel):
    """What will be executed."""

    workflow: str = Field(description="its name")
    revision: str = Field(description="the frozen spec that the run is pinned to; empty where it is not yet")


class Topology(BaseModel):
    """The graph as the runner loaded it, without LangGraph's `__start__` and `__end__` among the nodes."""

    nodes: list[str] = Field(description="names")
    edges: list[list[str]] = Field(description="[from, to]; `__start__` and `__end__` may stand there")
    cyclic: bool = Field(description="whether a way leads back to a node")
    mermaid: str = Field(description="the drawing, as Mermaid text; empty where the graph cannot be drawn")
    input_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema of the input by the graph's own types; null where they tell none",
    )


class LoadedData(BaseModel):
    """An attempt has loaded the graph."""

    graph: Topology = Field(description="what was loaded")
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

    id: str = Field(description="the checkpoint")
    ns: str = Field(description="path of the subgraph; empty for the root graph")
    step: int = Field(ge=-1, description="superstep, from -1 (the input)")
    source: str = Field(description="input, loop, update or fork, as LangGraph says")
    bytes: int = Field(ge=0, description="of its own object; what it shares with others is not in it")


class CustomData(BaseModel):
    """What a node wrote to LangGraph's stream writer."""

    payload: Any = Field(description="as JSON; over 32 KiB the beginning of its text")


class TokenData(BaseModel):
    """A piece of a model's answer."""

    text: str = Field(description="the piece")
    message_id: str | None = Field(description="the same for all pieces of one message")


class PausedData(BaseModel):
    """Where the run stands still."""

    checkpoint_id: str | None = Field(description="the latest that is known; null where there is none")
    reason: str = Field(description="as in the run's status")


class Interrupt(BaseModel):
    """One open question."""

    id: str = Field(description="key of its answer; empty at a breakpoint, which asks nothing")
    node: str = Field(description="the node that asks")
    value: Any = Field(
        description="what the graph gave to interrupt(); all questions share 1 KiB: what is longer is cut, as text"
    )


class AwaitingData(BaseModel):
    """What the graph asks."""

    interrupts: list[Interrupt] = Field(description="every open question, 20 at most")


class CompletedData(BaseModel):
    """The end of a run that succeeded."""

    reason: str = Field(description="as in the run's status")
    message: str = Field(description="the reason in words, where there is more to say")
    output: Any = Field(default=None, description="the output, where it is small")
    output_ref: str | None = Field(
        default=None, description="instead of `output`: its key in object storage; read it by `…/output`"
    )


class EndData(BaseModel):
    """The end of a run that did not succeed."""

    reason: str = Field(description="as in the run's status")
    message: str = Field(description="the reason in words, where there is more to say")
