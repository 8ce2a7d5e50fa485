"""Rows of attempts, made of a view of their run. Pure."""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from graphrun_core.resources import OutcomeStatus, WorkflowRun


@dataclass(frozen=True)
class AttemptRow:
    """What a view tells of one attempt; what is empty or None is not told. In the order of sql.ATTEMPT_FOLLOW."""

    attempt: int
    pod: str = ""
    node: str = ""
    revision: str = ""
    claimed_at: datetime | None = None
    stopped_at: datetime | None = None
    result: str = ""
    exit_code: int | None = None
    reason: str = ""
    message: str = ""

    def arguments(self, uid: str) -> tuple[Any, ...]:
        """For sql.ATTEMPT_FOLLOW."""
        return (uid, *astuple(self))


def attempt_rows(run: WorkflowRun) -> list[AttemptRow]:
    """The attempt that was claimed last, in the runner's words, and the one that ended last, in the operator's."""
    found = []
    runner, ended = run.status.runner, run.status.last_attempt
    if runner.attempt:
        outcome = runner.outcome or OutcomeStatus()
        found.append(
            AttemptRow(
                runner.attempt,
                pod=runner.pod_name,
                revision=run.status.revision if runner.attempt == run.attempt else "",
                claimed_at=runner.claim_time,
                stopped_at=runner.stopped_time,
                result=outcome.result,
                exit_code=outcome.exit_code,
                reason=outcome.reason,
                message=outcome.message,
            )
        )
    if ended.number:
        found.append(
            AttemptRow(
                ended.number,
                node=ended.node_name,
                stopped_at=_stopped_at(run, ended.number),
                exit_code=ended.exit_code,
                reason=ended.reason,
                message=_told(run, ended.number),
            )
        )
    return found


def _stopped_at(run: WorkflowRun, number: int) -> datetime | None:
    """As it was reported; else when the next attempt, or the run's end, was written down."""
    runner = run.status.runner
    if runner.attempt == number and runner.stopped_time:
        return runner.stopped_time
    conditions = [item.last_transition_time for item in run.status.conditions if item.last_transition_time]
    return max(conditions, default=None)


def _told(run: WorkflowRun, number: int) -> str:
    """What the status says of an attempt's end, while it still speaks of it: next to it, or of the run's own end."""
    message = run.status.message
    return message if message.startswith(f"attempt {number} ended by ") or run.is_finished else ""
