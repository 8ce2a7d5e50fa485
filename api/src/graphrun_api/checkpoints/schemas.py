"""Answers about checkpoints."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Json = dict[str, Any]


class CheckpointSummary(BaseModel):
    """A checkpoint in a list, told from its key alone."""

    checkpoint_id: str
    ns: str = Field(description="path of the subgraph; empty for the root graph")
    parent_id: str | None
    step: int | None = Field(description="superstep, from -1 (the input)")
    source: str = Field(description="input, loop, update or fork, as LangGraph says")
    created_at: datetime | None
    bytes: int = Field(description="of its own object; what it shares with others is not in it")


class CheckpointList(BaseModel):
    """One page, newest first."""

    items: list[CheckpointSummary]
    next_cursor: str | None


class PendingWrite(BaseModel):
    """What a task has written that is not in the state yet."""

    task_id: str
    channel: str
    value: Any


class CheckpointDetail(BaseModel):
    """A state. Too large values are `{"$ref": place, "bytes": size}`: ask for one with `path=<place>`."""

    checkpoint_id: str
    ns: str
    parent_id: str | None
    step: int | None
    source: str
    created_at: datetime | None
    values: Json = Field(description="by channel; types beyond JSON as {$type, value}")
    deltas: Json = Field(description="of channels kept as differences: seed, and the writes since")
    metadata: Json
    pending_writes: list[PendingWrite]


class CheckpointValue(BaseModel):
    """One value of a state, whole."""

    path: str
    value: Any


class StateChange(BaseModel):
    """One place at which two states differ; null where there is nothing."""

    path: str = Field(description="JSON Pointer, from the channel on")
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


class CheckpointDiff(BaseModel):
    """From one checkpoint to another."""

    before_id: str
    after_id: str
    changes: list[StateChange]
    complete: bool = Field(description="false where there are more changes than are shown")
