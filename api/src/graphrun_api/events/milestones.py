"""Which milestones a view of a run proves. Pure, and the same for every view that proves them."""

from typing import Any, Final

from graphrun_api.events.model import Milestone
from graphrun_core import events, phases
from graphrun_core.reasons import CONDITION_ACCEPTED
from graphrun_core.resources import WorkflowRun

Json = dict[str, Any]

ACCEPTED_KEY: Final = "accepted"
END_KEY: Final = "end"
_ENDS: Final = {
    phases.SUCCEEDED: events.RUN_COMPLETED,
    phases.FAILED: events.RUN_FAILED,
    phases.CANCELLED: events.RUN_CANCELLED,
}
END_TYPES: Final = frozenset(_ENDS.values())


def milestones(run: WorkflowRun) -> list[Milestone]:
    """In the order in which they happened."""
    found = [accepted(run)] if is_accepted(run) else []
    if run.status.phase == phases.PAUSED:
        found.append(_paused(run))
    elif run.status.phase == phases.AWAITING_INPUT:
        found.append(_awaiting(run))
    elif run.status.phase in _ENDS:
        found.append(_ended(run))
    return found


def is_accepted(run: WorkflowRun) -> bool:
    """Whether the run was checked and found fit; a claim proves it too."""
    said = any(item.type == CONDITION_ACCEPTED and item.status == "True" for item in run.status.conditions)
    return said or run.is_claimed


def accepted(run: WorkflowRun) -> Milestone:
    """The milestone of a run that will be executed."""
    at = run.status.start_time or run.status.runner.claim_time
    data = {"workflow": run.spec.workflow_ref.name, "revision": run.status.revision}
    return Milestone(ACCEPTED_KEY, events.RUN_ACCEPTED, run.attempt, at, data)


def deleted(attempt: int) -> Milestone:
    """The milestone of a run whose resource vanished before its end."""
    data = {"reason": "Deleted", "message": "The WorkflowRun was deleted."}
    return Milestone(END_KEY, events.RUN_CANCELLED, attempt, None, data)


def _paused(run: WorkflowRun) -> Milestone:
    checkpoint = run.status.runner.checkpoint
    data: Json = {"checkpoint_id": checkpoint.id if checkpoint else None, "reason": run.status.reason}
    return Milestone(f"paused/{run.attempt}", events.RUN_PAUSED, run.attempt, run.status.paused_time, data)


def _awaiting(run: WorkflowRun) -> Milestone:
    outcome = run.status.runner.outcome
    data: Json = {"interrupts": outcome.interrupts if outcome else []}
    at = run.status.runner.stopped_time
    return Milestone(f"awaiting/{run.attempt}", events.RUN_AWAITING_INPUT, run.attempt, at, data)


def _ended(run: WorkflowRun) -> Milestone:
    data: Json = {"reason": run.status.reason, "message": run.status.message}
    outcome = run.status.runner.outcome
    if run.status.phase == phases.SUCCEEDED and outcome is not None:
        data |= {"output_ref": outcome.output_ref} if outcome.output_ref else {"output": outcome.output}
    return Milestone(END_KEY, _ENDS[run.status.phase], run.attempt, run.status.completion_time, data)
