"""Which verb a run's status allows, and what it then means. One table, pure."""

from enum import Enum
from typing import Final

from graphrun_api import standing
from graphrun_api.errors import AlreadyCompleted, VerbRefused
from graphrun_api.standing import is_settling, reported_result, status_of
from graphrun_core import protocol
from graphrun_core.resources import WorkflowRun

EXECUTE: Final = "execute"
PAUSE: Final = "pause"
RESUME: Final = "resume"
CANCEL: Final = "cancel"
DELETE: Final = "delete"


class Verdict(Enum):
    """What a verb does in an allowed state."""

    APPLY = "apply"  # change what is wanted
    JOIN = "join"  # it was asked for already: wait with whoever asked
    DONE = "done"  # it is so already: answer the same again


# A pair that is missing here is refused.
TABLE: Final[dict[str, dict[str, Verdict]]] = {
    EXECUTE: {standing.PENDING: Verdict.APPLY},
    PAUSE: {standing.RUNNING: Verdict.APPLY, standing.PAUSING: Verdict.JOIN},
    RESUME: {standing.PAUSED: Verdict.APPLY, standing.INTERRUPTED: Verdict.APPLY},
    CANCEL: {
        standing.PENDING: Verdict.APPLY,
        standing.RUNNING: Verdict.APPLY,
        standing.PAUSING: Verdict.APPLY,
        standing.PAUSED: Verdict.APPLY,
        standing.INTERRUPTED: Verdict.APPLY,
        standing.CANCELLING: Verdict.JOIN,
        standing.CANCELLED: Verdict.DONE,
    },
    DELETE: dict.fromkeys(standing.ENDED, Verdict.APPLY),
}
_NEEDS: Final = {
    EXECUTE: "only a PENDING run can be executed",
    PAUSE: "only a RUNNING run can be paused",
    RESUME: "only a PAUSED or INTERRUPTED run can be resumed",
    CANCEL: "a run that has ended cannot be cancelled",
    DELETE: "only a run that has ended can be deleted; add ?cancel=true to cancel it first",
}


def judge(verb: str, status: str) -> Verdict:
    """What `verb` means for a run of this REST status.

    Raises:
        AlreadyCompleted: execute on a completed run.
        VerbRefused: the status does not allow the verb.
    """
    verdict = TABLE[verb].get(status)
    if verdict is not None:
        return verdict
    if verb == EXECUTE and status == standing.COMPLETED:
        raise AlreadyCompleted(
            "the run has already completed; create a new run to execute the workflow again"
        )
    raise VerbRefused(f"cannot {verb} this run: it is {_words(verb, status)}; {_NEEDS[verb]}")


def effective_status(run: WorkflowRun) -> str:
    """The status that verbs are judged by: a reported success counts before the operator has drawn its conclusion."""
    if is_settling(run) and reported_result(run) == protocol.SUCCEEDED:
        return standing.COMPLETED
    return status_of(run)


def allowed(run: WorkflowRun) -> list[str]:
    """The verbs that would be accepted now."""
    status = effective_status(run)
    return [verb for verb, row in TABLE.items() if status in row]


def _words(verb: str, status: str) -> str:
    if verb == EXECUTE and status not in standing.ENDED:
        return f"{status} (already executing)"
    return f"already {status}" if status in standing.ENDED else status
