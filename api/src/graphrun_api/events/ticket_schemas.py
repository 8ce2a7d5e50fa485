"""What is asked and answered of tickets for streams."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.finding import RunName


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
