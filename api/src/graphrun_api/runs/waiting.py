"""Why nothing of a run runs at present, in words, and what may help. Pure."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from graphrun_api import standing
from graphrun_api.runs.run_schemas import Waiting
from graphrun_api.standing import status_of
from graphrun_core import phases
from graphrun_core.reasons import CONDITION_PAUSED, CONDITION_RUNNING, REASONS
from graphrun_core.resources import WorkflowRun

# status.reason → (kind, hint)
_KINDS: Final[dict[str, tuple[str, str]]] = {
    "Unschedulable": ("unschedulable", "Ask for less in options.resources, or add nodes."),
    "ImagePullFailed": ("image", "Check the workflow's image and the pull secrets of its namespace."),
    "PodNotCreated": ("quota", "Check quotas and admission policies of the namespace."),
    "RetryBackoff": ("backoff", "Nothing to do; the next attempt starts by itself."),
    "NodeLost": ("node", "Bring the node back, or remove it from the cluster."),
    "ConcurrencyLimit": (
        "queue",
        "The run starts when others of its workflow end, or raise maxConcurrentRuns.",
    ),
    "JobSuspended": (
        "suspended",
        "Unsuspend the run's Job, or make room in its queue; a paused run can be resumed over it.",
    ),
    "IncompatibleRevision": ("revision", "Resume with another revision, or accept this one by its name."),
    "CheckpointNotFound": ("checkpoint", "Resume from another checkpoint."),
    "UpdateRefused": ("update", "Resume with another update, or without one."),
    "RevisionNotFound": ("revision", "Resume with a revision that exists."),
    "AttemptStarting": ("starting", "Nothing to do; the pod is being started."),
}
_STARTING: Final = ("starting", "Nothing to do; the run starts as soon as its pod does.")
_INPUT: Final = ("input", "Answer with POST …/resume and a value.")
_EXECUTE: Final = ("execute", "Start it with POST …/execute.")


def waiting_for(run: WorkflowRun, line: Collection[WorkflowRun] = ()) -> Waiting | None:
    """None where something runs, or nothing is to come. `line`: the runs of its workflow that wait for their turn."""
    status, phase = status_of(run), run.status.phase
    if phase == phases.QUEUED and status == standing.RUNNING and line:
        found = _waiting(run, _KINDS["ConcurrencyLimit"], run.status.message, _since(run, CONDITION_RUNNING))
        return found.model_copy(update={"text": f"{found.text}; {place_in(run, line)}"})
    if status == standing.PENDING:
        return _waiting(run, _EXECUTE, REASONS["WaitingToStart"], run.metadata.creation_timestamp)
    if status == standing.INTERRUPTED and run.status.reason not in _KINDS:
        return _waiting(run, _INPUT, REASONS["InputRequested"], _since(run, CONDITION_PAUSED))
    if run.status.reason in _KINDS and status not in standing.ENDED:
        return _waiting(
            run, _KINDS[run.status.reason], REASONS[run.status.reason], _since(run, CONDITION_RUNNING)
        )
    if status == standing.RUNNING and phase != phases.RUNNING and not _holds(run):
        return _waiting(run, _STARTING, REASONS["AttemptStarting"], run.status.start_time)
    return None


def place_in(run: WorkflowRun, line: Collection[WorkflowRun]) -> str:
    """In words. Among runs of one priority the oldest goes first; what another priority is worth is the cluster's to say."""
    alike = [each for each in line if each.spec.priority_class_name == run.spec.priority_class_name]
    older = sum(_age_order(each) < _age_order(run) for each in alike)
    place = f"it is number {older + 1} of {max(len(alike), older + 1)} by age"
    others = len(line) - len(alike)
    return f"{place}, besides {others} of another priority" if others else place


def _age_order(run: WorkflowRun) -> tuple[str, str]:
    made = run.metadata.creation_timestamp
    return (made.isoformat() if made else "", run.metadata.name)


def _waiting(run: WorkflowRun, kind: tuple[str, str], text: str, since: datetime | None) -> Waiting:
    told = run.status.message if run.status.reason in _KINDS else ""
    return Waiting(kind=kind[0], text=told or text, since=since, hint=kind[1])


def _since(run: WorkflowRun, condition: str) -> datetime | None:
    found = [item.last_transition_time for item in run.status.conditions if item.type == condition]
    return found[0] if found else None


def _holds(run: WorkflowRun) -> bool:
    """Whether a pod has claimed the attempt and not yet ended it."""
    runner = run.status.runner
    return run.is_claimed and runner.outcome is None and runner.stopped_time is None
