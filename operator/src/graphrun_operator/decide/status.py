"""The status that a decision wants, as a merge patch of what differs from the present one, or nothing."""

from datetime import datetime
from typing import Any, Final

from graphrun_core import phases, reasons
from graphrun_core.resources import AttemptEndStatus, Condition, ResumeStatus, WorkflowRun, WorkflowRunStatus
from graphrun_core.times import to_rfc3339

Json = dict[str, Any]

# The CRD's limits, in characters; a longer message would have the whole status refused.
MESSAGE_MAX: Final = 300
NODE_NAME_MAX: Final = 63
_CONDITION_MESSAGE_MAX: Final = 256

_RUNS: Final = {phases.RUNNING, phases.PAUSING, phases.CANCELLING}
# Which condition says why a phase is not the one hoped for; the API server lets only one of them explain at length.
_EXPLAINS: Final = {
    phases.PENDING: reasons.CONDITION_RUNNING,
    phases.QUEUED: reasons.CONDITION_RUNNING,
    phases.STARTING: reasons.CONDITION_RUNNING,
    phases.PAUSED: reasons.CONDITION_PAUSED,
    phases.AWAITING_INPUT: reasons.CONDITION_PAUSED,
    phases.FAILED: reasons.CONDITION_COMPLETE,
}
_UNJUDGED: Final = {phases.PENDING, phases.CANCELLED}
REFUSALS: Final = {
    "WorkflowNotFound",
    "RevisionNotFound",
    "WorkflowInvalid",
    "InputInvalid",
    "InputTooLarge",
    "StartFromNotFound",
}
_CAMEL: Final = {name: field.alias or name for name, field in WorkflowRunStatus.model_fields.items()}


def status_patch(
    run: WorkflowRun, now: datetime, *, phase: str, reason: str, message: str = "", **fields: object
) -> Json | None:
    """The merge patch that brings the status to `phase` and `fields` (snake_case); None where it is so already.

    A field given as None is removed. `status.runner` is never touched.
    """
    wanted = {"phase": phase, "reason": reason, "message": clip(message), **fields}
    wanted["observed_generation"] = run.metadata.generation
    patch = {
        _CAMEL[name]: _plain(value) for name, value in wanted.items() if value != getattr(run.status, name)
    }
    conditions = _explained(_conditions(run, phase, reason), phase, message)
    if [_bare(item) for item in conditions] != [_bare(item) for item in run.status.conditions]:
        patch["conditions"] = [_stamped(item, run, now) for item in conditions]
    return patch or None


def clip(message: str, most: int = MESSAGE_MAX) -> str:
    """Cut to what the CRD allows, on one line."""
    line = " ".join(message.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def condition(run: WorkflowRun, kind: str) -> Condition | None:
    """The run's condition of that type."""
    return next((item for item in run.status.conditions if item.type == kind), None)


def _conditions(run: WorkflowRun, phase: str, reason: str) -> list[Condition]:
    facts = {
        reasons.CONDITION_RUNNING: phase in _RUNS,
        reasons.CONDITION_PAUSED: phase in phases.SETTLED,
        reasons.CONDITION_COMPLETE: phase == phases.SUCCEEDED,
    }
    generation = run.metadata.generation
    return [
        _accepted(run, phase, reason),
        *(
            Condition(
                type=kind, status="True" if fact else "False", reason=reason, observed_generation=generation
            )
            for kind, fact in facts.items()
        ),
    ]


def _explained(conditions: list[Condition], phase: str, message: str) -> list[Condition]:
    refused = next((each for each in conditions if each.status == "False" and each.reason in REFUSALS), None)
    kind = refused.type if refused else _EXPLAINS.get(phase)
    told = {"message": clip(message, _CONDITION_MESSAGE_MAX)}
    return [each.model_copy(update=told) if each.type == kind else each for each in conditions]


def _accepted(run: WorkflowRun, phase: str, reason: str) -> Condition:
    kind, generation = reasons.CONDITION_ACCEPTED, run.metadata.generation
    if phase == phases.FAILED and reason in REFUSALS:
        return Condition(type=kind, status="False", reason=reason, observed_generation=generation)
    before = condition(run, kind)
    if phase in _UNJUDGED and not (before and before.status == "True") and not run.is_claimed:
        return Condition(type=kind, status="Unknown", reason=reason, observed_generation=generation)
    return Condition(type=kind, status="True", reason="Accepted", observed_generation=generation)


def _bare(item: Condition) -> tuple[str, str, str, str, int | None]:
    return item.type, item.status, item.reason, item.message, item.observed_generation


def _stamped(item: Condition, run: WorkflowRun, now: datetime) -> Json:
    before = condition(run, item.type)
    kept = before.last_transition_time if before and before.status == item.status else None
    told = {"message": item.message} if item.message else {}
    return told | {
        "type": item.type,
        "status": item.status,
        "reason": item.reason,
        "lastTransitionTime": to_rfc3339(kept or now),
        "observedGeneration": item.observed_generation,
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return to_rfc3339(value)
    return value.to_manifest() if isinstance(value, ResumeStatus | AttemptEndStatus) else value
