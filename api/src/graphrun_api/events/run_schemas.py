"""What is asked and answered of events over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.finding import RunName

Json = dict[str, Any]
_EVENT: Final[Json] = {
    "seq": 3,
    "run_id": "research-x7k2p",
    "attempt": 1,
    "type": "node_started",
    "at": "2026-11-25T09:00:04.127Z",
    "node_id": "search",
    "data": {"task_id": "0f4e7a0c-8d0f-5b8e-b1a8-3f2d9c6e7a10", "ns": "", "step": 1, "visit": 1},
}
STREAM_EXAMPLE: Final = (
    ': ping\n\nid: 3\nevent: node_started\ndata: {"seq":3,"run_id":"research-x7k2p","attempt":1,'
    '"type":"node_started","at":"2026-11-25T09:00:04.127Z","node_id":"search","data":{}}\n\n'
)


class RunEvent(BaseModel):
    """Something that happened in a run."""

    seq: int = Field(description="place in the run, dense from 1; expired `token` events leave holes")
    run_id: str = Field(description="the run")
    attempt: int = Field(description="the attempt that it belongs to")
    type: str = Field(description="what happened, such as node_completed or run_paused")
    at: datetime = Field(description="when it happened")
    node_id: str | None = Field(description="the node that it is about; null for events of the whole run")
    data: Json = Field(description="by its type")


class EventPage(BaseModel):
    """One page of stored events."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_EVENT], "next_cursor": 3, "last_seq": 14}]}
    )

    items: list[RunEvent] = Field(description="oldest first after a seq, newest first before one")
    next_cursor: int | None = Field(
        description="`after` (or `before`) of the next page; null on the last one"
    )
    last_seq: int = Field(description="seq of the run's newest event: `after` of a stream from here on")


class TicketRequest(BaseModel):
    """What the ticket is for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"project": "demo", "run_id": "research-x7k2p"}]}
    )

    project: str = Field(min_length=1, max_length=63, description="the project's id")
    run_id: Annotated[RunName | None, Field(description="one run; default is all of the project")] = None


class StreamTicket(BaseModel):
    """A ticket: give it as `?ticket=` when opening a stream. It is good once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ticket": "Jm1nq8wq3X0h7yqv2o6m1c0bT4dKz5uE9sRfG8aLwYk",
                    "expires_at": "2026-11-25T09:00:30Z",
                }
            ]
        }
    )

    ticket: str = Field(description="good once, on any replica")
    expires_at: datetime = Field(description="until when it must be used: 30 s from now")
