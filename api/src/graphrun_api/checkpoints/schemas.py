"""Answers about checkpoints."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.checkpoints import examples

Json = dict[str, Any]
_NS: Final = "path of the subgraph; empty for the root graph"
_STEP: Final = "superstep, from -1 (the input)"
_SOURCE: Final = "input, loop, update or fork, as LangGraph says"


class CheckpointSummary(BaseModel):
    """A checkpoint in a list, told from its key alone."""

    checkpoint_id: str = Field(description="id of the checkpoint")
    ns: str = Field(description=_NS)
    parent_id: str | None = Field(description="the checkpoint before it; null for the first")
    step: int | None = Field(description=_STEP)
    source: str = Field(description=_SOURCE)
    created_at: datetime | None = Field(description="when it was stored")
    bytes: int = Field(description="of its own object; what it shares with others is not in it")


class CheckpointList(BaseModel):
    """One page, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LIST]})

    items: list[CheckpointSummary] = Field(description="the page's checkpoints")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class PendingWrite(BaseModel):
    """What a task has written that is not in the state yet."""

    task_id: str = Field(description="LangGraph's id of the task")
    channel: str = Field(description="where it goes")
    value: Any = Field(description="what was written")


class CheckpointDetail(BaseModel):
    """A state. Too large values are `{"$ref": place, "bytes": size}`: ask for one with `path=<place>`."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DETAIL]})

    checkpoint_id: str = Field(description="id of the checkpoint")
    ns: str = Field(description=_NS)
    parent_id: str | None = Field(description="the checkpoint before it; null for the first")
    step: int | None = Field(description=_STEP)
    source: str = Field(description=_SOURCE)
    created_at: datetime | None = Field(description="when it was stored")
    values: Json = Field(description="by channel; types beyond JSON as {$type, value}")
    deltas: Json = Field(description="of channels kept as differences: seed, and the writes since")
    metadata: Json = Field(description="what LangGraph keeps of the superstep")
    pending_writes: list[PendingWrite] = Field(
        description="of tasks of the superstep after it, stored already"
    )


class CheckpointValue(BaseModel):
    """One value of a state, whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.VALUE]})

    path: str = Field(description="its place, as asked for")
    value: Any = Field(description="the value as JSON; types beyond JSON as {$type, value}")


class StateChange(BaseModel):
    """One place at which two states differ; null where there is nothing."""

    path: str = Field(description="JSON Pointer, from the channel on")
    kind: Literal["added", "removed", "changed"] = Field(description="what happened there")
    before: Any = Field(description="what was there; large values are named by their place")
    after: Any = Field(description="what is there")


class CheckpointDiff(BaseModel):
    """From one checkpoint to another."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DIFF]})

    before_id: str = Field(description="the first checkpoint")
    after_id: str = Field(description="the second")
    changes: list[StateChange] = Field(description="500 at most")
    complete: bool = Field(description="false where there are more changes than are shown")
