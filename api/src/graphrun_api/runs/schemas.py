"""Bodies of requests about runs, and what the verbs answer."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphrun_api.runs import examples
from graphrun_api.runs.options import Body, Options, PauseOptions
from graphrun_api.runs.run_schemas import RunName, Status

Json = dict[str, Any]
_GIVEN: Final[Json] = {"not": {"type": "null"}}
_Message = Annotated[str, Field(description="the same for a person")]


class CreateRun(Body):
    """A new run of a workflow."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [examples.CREATE_RUN]},
    )

    workflow: str = Field(min_length=1, max_length=52, description="name of the workflow in this project")
    input_data: Json = Field(default_factory=dict, description="the graph's input, of any size")
    options: Options = Field(default=Options(), description="where it differs from the workflow's defaults")


class ExecuteRun(Body):
    """Start a pending run, optionally with another input."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"input_data": {"question": "Why is grass green?"}}]}
    )

    input_data: Annotated[Json | None, Field(description="instead of the one that the run was made with")] = (
        None
    )


class PauseRun(PauseOptions):
    """Pause a run; both fields override the run's options for good."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"deadline_seconds": 60, "on_deadline": "Interrupt"}]}
    )


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
            "examples": [
                {"checkpoint_id": examples.EARLIER_CHECKPOINT, "update": {"values": {"draft": "Once more."}}}
            ]
        },
    )

    checkpoint_id: str = Field(default="", max_length=64, description="default is the latest")
    update: Annotated[StateUpdate | None, Field(description="edit the state first")] = None
    input_data: Json | None = Field(
        default=None, description="a new input on top of the state; default is none"
    )
    revision: str = Field(default="", max_length=63, description="default is the workflow's current one")
    options: Options = Field(default=Options(), description="instead of those of the source run")


class Created(BaseModel):
    """A run that was just made."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CREATED]})

    run_id: RunName
    status: Status
    project: str = Field(description="its project")
    workflow: str = Field(description="name of its workflow")
    created_at: datetime | None = Field(description="when it was made")
    message: _Message


class Executed(BaseModel):
    """A run that was started."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.EXECUTED]})

    run_id: RunName
    status: Status
    started_at: datetime = Field(description="when it started, or was accepted to")
    message: _Message


class Paused(BaseModel):
    """A run that is paused, or on its way (status PAUSING, answered with 202)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PAUSED]})

    run_id: RunName
    status: Status
    paused_at: datetime | None = Field(description="null while it is on its way")
    checkpoint_id: str | None = Field(description="the latest checkpoint: where a resume goes on")
    message: _Message


class Resumed(BaseModel):
    """A run that goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESUMED]})

    run_id: RunName
    status: Status
    resumed_at: datetime = Field(description="when the resume was accepted")
    message: _Message


class Cancelled(BaseModel):
    """A run that is cancelled, or on its way (status CANCELLING, answered with 202)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CANCELLED]})

    run_id: RunName
    status: Status
    cancelled_at: datetime | None = Field(description="when nothing of it ran any more; null until then")
    message: _Message
