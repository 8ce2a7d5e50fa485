"""How the runs of a workflow ended, and how long they took, over time. Pure, made of rows of the rollup."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api import standing
from graphrun_api.workflows import examples

Row = Any  # asyncpg.Record: a mapping by column
Step = Literal["hour", "day"]

# The rollup's scale of seconds (totals_sql.HOUR_ADD): bucket n ends at FIRST * RATIO ** n.
_FIRST: Final = 0.1
_RATIO: Final = math.sqrt(2)


class Durations(BaseModel):
    """Seconds from start to end of completed runs. Percentiles are of a scale of which each step is 1.41 of the last."""

    mean: float = Field(description="on average")
    p50: float = Field(description="the median")
    p95: float = Field(description="what 95 of 100 did not exceed")
    active_mean: float = Field(description="seconds at work: pauses left out")


class Period(BaseModel):
    """The runs that ended from `start` on, up to `end`."""

    start: datetime = Field(description="from this moment on")
    end: datetime = Field(description="up to this moment")
    completed: int = Field(description="how many completed")
    failed: int = Field(description="how many failed")
    cancelled: int = Field(description="how many were cancelled")
    durations: Durations | None = Field(description="null where none has completed")


class WorkflowStats(BaseModel):
    """Outcomes and durations of a workflow's runs: in all, and by hour or day (those without a run left out)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STATS]})

    workflow: str = Field(description="name of the workflow")
    total: Period = Field(description="the whole span")
    periods: list[Period] = Field(description="its hours or days, in order")


def stats(workflow: str, rows: Sequence[Row], since: datetime, until: datetime, step: Step) -> WorkflowStats:
    """Add up the rows of a workflow from `since` to `until`."""
    width = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    by_start: dict[datetime, list[Row]] = {}
    for row in rows:
        start = row["hour"] if step == "hour" else row["hour"].replace(hour=0)
        by_start.setdefault(start, []).append(row)
    periods = [_period(found, start, start + width) for start, found in sorted(by_start.items())]
    return WorkflowStats(workflow=workflow, total=_period(rows, since, until), periods=periods)


def _period(rows: Iterable[Row], start: datetime, end: datetime) -> Period:
    counts: Counter[str] = Counter()
    buckets: Counter[int] = Counter()
    seconds = active = 0.0
    for row in rows:
        counts[row["status"]] += row["runs"]
        if row["status"] == standing.COMPLETED:
            buckets[row["bucket"]] += row["runs"]
            seconds += row["seconds"]
            active += row["active_seconds"]
    done = counts[standing.COMPLETED]
    durations = (
        Durations(
            mean=seconds / done,
            p50=_percentile(buckets, 0.5),
            p95=_percentile(buckets, 0.95),
            active_mean=active / done,
        )
        if done
        else None
    )
    return Period(
        start=start,
        end=end,
        completed=done,
        failed=counts[standing.FAILED],
        cancelled=counts[standing.CANCELLED],
        durations=durations,
    )


def _percentile(buckets: Counter[int], share: float) -> float:
    """The middle, on the scale, of the bucket in which it lies."""
    wanted = share * buckets.total()
    passed = 0
    for bucket, count in sorted(buckets.items()):
        passed += count
        if passed >= wanted:
            return round(_FIRST * math.pow(_RATIO, bucket - 0.5), 3)
    return 0.0
