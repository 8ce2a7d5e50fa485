"""What a run has done: its visits of nodes, its attempts. Pure, made of rows of the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.events.batches import INTERRUPTED
from graphrun_api.runs import examples
from graphrun_api.runs.run_schemas import SHARE
from graphrun_core import phases

Row = Any  # asyncpg.Record: a mapping by column


class NodeVisit(BaseModel):
    """One visit of a node; loops and `Send` make several."""

    task_id: str = Field(description="LangGraph's id of the task")
    node_id: str = Field(description="name of the node")
    ns: str = Field(description="path of the subgraph; empty for the root graph")
    step: int = Field(description="superstep")
    visit: int = Field(description="the how-many-eth of this node in its attempt, from 1")
    attempt: int = Field(description="in which it was made")
    status: str = Field(description="PENDING: it asked for input, and is made again with the answer")
    progress: float = Field(description="as the node told", json_schema_extra=SHARE)
    started_at: datetime = Field(description="when it began")
    completed_at: datetime | None = Field(description="when it ended; null while it is under way")
    error: str | None = Field(description="what it failed with")
    checkpoint_before: str | None = Field(description="the state that it began from")
    checkpoint_after: str | None = Field(description="the state that its superstep left; null until stored")


class Timeline(BaseModel):
    """One page of visits, in the order in which they began."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.VISITS]})

    items: list[NodeVisit] = Field(description="the page's visits")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class Attempt(BaseModel):
    """One attempt: its pod, its times, and how it ended; empty or null where that is not known (yet)."""

    attempt: int = Field(description="from 1")
    pod: str = Field(description="name of its pod")
    node: str = Field(description="the cluster's node that it ran on")
    revision: str = Field(description="the frozen revision that it ran")
    claimed_at: datetime | None = Field(description="when its pod took it over")
    stopped_at: datetime | None = Field(description="when its processes were gone")
    outcome: str = Field(description="as the runner reported it; empty where it could not")
    exit_code: int | None = Field(description="of its container")
    reason: str = Field(description="why it ended, in one word")
    message: str = Field(description="the same for a person")


class AttemptList(BaseModel):
    """Every attempt, the first one first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ATTEMPTS]})

    items: list[Attempt] = Field(description="all of them")


def visits(rows: Sequence[Row], checkpoints: Sequence[Row]) -> list[NodeVisit]:
    """Visits with the checkpoints between which they lie: that of the superstep before, and that of their own."""
    saved: dict[tuple[str, int], list[Row]] = {}
    for each in checkpoints:
        saved.setdefault((each["ns"], each["step"]), []).append(each)
    return [_visit(row, saved) for row in rows]


def steps_of(rows: Sequence[Row]) -> list[int]:
    """The supersteps whose checkpoints `visits` needs."""
    return sorted({step for row in rows for step in (row["step"] - 1, row["step"])})


def attempt_of(row: Row) -> Attempt:
    """An attempt of a row of run_attempt."""
    return Attempt(
        attempt=row["attempt"],
        pod=row["pod"],
        node=row["node"],
        revision=row["revision"],
        claimed_at=row["claimed_at"],
        stopped_at=row["stopped_at"],
        outcome=row["result"],
        exit_code=row["exit_code"],
        reason=row["reason"],
        message=row["message"],
    )


def _visit(row: Row, saved: dict[tuple[str, int], list[Row]]) -> NodeVisit:
    before = saved.get((row["ns"], row["step"] - 1), [])
    # Stored while the next superstep runs already, one of the same attempt may be younger than the visit. A superstep
    # that another attempt did again has a checkpoint of each: then the newest that there was counts.
    own = [each for each in before if each["attempt"] == row["attempt"]]
    earlier = own or [
        each for each in before if each["attempt"] < row["attempt"] and each["at"] <= row["started_at"]
    ]
    after = [each for each in saved.get((row["ns"], row["step"]), []) if each["attempt"] == row["attempt"]]
    return NodeVisit(
        task_id=row["task_id"],
        node_id=row["node_id"],
        ns=row["ns"],
        step=row["step"],
        visit=row["visit"],
        attempt=row["attempt"],
        status=phases.NODE_PENDING if row["status"] == INTERRUPTED else row["status"],
        progress=row["progress"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        error=row["error"],
        checkpoint_before=earlier[-1]["id"] if earlier else None,
        checkpoint_after=after[-1]["id"] if after else None,
    )
