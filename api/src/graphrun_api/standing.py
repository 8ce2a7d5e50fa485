"""What REST says of a run, from what is wanted (`spec`) and what is so (`status`). Pure.

A wish that has been accepted shows at once (PAUSING, CANCELLING, RUNNING after a resume), so that who writes reads
what they wrote; an end, and PAUSED, show only once `status` proves them.
"""

from typing import Final

from graphrun_core import phases, protocol, reasons
from graphrun_core.resources import WorkflowRun

PENDING: Final = "PENDING"
RUNNING: Final = "RUNNING"
PAUSING: Final = "PAUSING"
PAUSED: Final = "PAUSED"
INTERRUPTED: Final = "INTERRUPTED"
CANCELLING: Final = "CANCELLING"
CANCELLED: Final = "CANCELLED"
COMPLETED: Final = "COMPLETED"
FAILED: Final = "FAILED"

ALL: Final = (PENDING, RUNNING, PAUSING, PAUSED, INTERRUPTED, CANCELLING, CANCELLED, COMPLETED, FAILED)
ENDED: Final = frozenset({CANCELLED, COMPLETED, FAILED})

_NOT_STARTED: Final = {"", phases.PENDING}


def status_of(run: WorkflowRun) -> str:
    """The run's REST status."""
    phase, wanted = run.status.phase, run.spec.state
    if phase in phases.TERMINAL:
        return phases.REST_STATUS[phase]
    if wanted == phases.STATE_CANCELLED or run.is_deleting:
        return CANCELLING
    if _is_held(run) or (phase == phases.AWAITING_INPUT and not run.has_new_resume):
        return phases.REST_STATUS[phase]
    if wanted == phases.STATE_PAUSED:
        return PAUSED if phase == phases.PAUSED else PAUSING
    if phase in _NOT_STARTED and wanted == phases.STATE_PENDING:
        return PENDING
    # Running is wanted. A pause or cancel still being left behind counts as running again.
    return CANCELLING if phase == phases.CANCELLING else RUNNING


def is_settling(run: WorkflowRun) -> bool:
    """Whether an end was reported that the operator has not yet drawn its conclusion from."""
    return not run.is_finished and reported_result(run) in {protocol.SUCCEEDED, protocol.FAILED}


def reported_result(run: WorkflowRun) -> str:
    """The outcome reported for the current attempt; empty where there is none."""
    outcome = run.status.runner.outcome
    return outcome.result if outcome is not None and run.status.runner.attempt == run.attempt else ""


def _is_held(run: WorkflowRun) -> bool:
    """Whether it stands, though it is wanted to run: the last resume led nowhere, or its Job is suspended from outside."""
    reason = run.status.reason
    if run.status.phase not in phases.SETTLED:
        return False
    return reason == "RevisionNotFound" or (reason in reasons.HELD and not run.has_new_resume)
