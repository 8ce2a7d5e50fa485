"""What has become of the current attempt: claimed or not, over or not, and how it ended.

Evidence, best first: the outcome that the runner reported; its container's exit code and termination message; the
pod's own end; the pod's absence. Rule 3 of the architecture: a claimed attempt is over only with such proof.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from graphrun_core import names, protocol
from graphrun_core.resources import OutcomeStatus
from graphrun_operator.model import Observation
from graphrun_operator.views import JobView, PodView, Termination

# A node that lets the grace of a deletion run out, and this on top, is out of reach.
NODE_PATIENCE: Final = timedelta(seconds=60)
_SIGKILL: Final = 137

Kind = Literal[
    "Succeeded", "Failed", "Paused", "AwaitingInput", "Interrupted", "Cancelled", "Refused", "Crashed"
]


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended.

    `Failed` is the run's own failure (the graph's error, what cannot be loaded), `Crashed` all that befell it and
    counts against retries.limit, `Refused` an attempt that was not let in. `reported` is false for what only the
    pod tells.
    """

    kind: Kind
    reason: str
    message: str = ""
    reported: bool = False


@dataclass(frozen=True)
class AttemptState:
    """The current attempt, its Job and its pod as they are now."""

    number: int
    claimed: bool
    job: JobView | None
    pod: PodView | None
    end: AttemptEnd | None
    stopped: bool  # the runner has reported that the graph's processes are gone
    node_lost: bool

    @property
    def over(self) -> bool:
        """Whether there is proof that nothing of a claimed attempt runs, or an unclaimed one has come to nothing."""
        return self.end is not None or self.stopped

    @property
    def runs(self) -> bool:
        """Whether it is claimed and, for all that is known, at work."""
        return self.claimed and not self.over


def attempt_state(seen: Observation) -> AttemptState:
    """Judge the current attempt."""
    run = seen.run
    claimed = run.is_claimed
    job = find_job(seen, run.attempt)
    pod = _claimer(seen) if claimed else _pod_of(seen.pods, job)
    return AttemptState(
        number=run.attempt,
        claimed=claimed,
        job=job,
        pod=pod,
        end=_claimed_end(run.status.runner.outcome, pod) if claimed else _unclaimed_end(job, pod),
        stopped=claimed and run.status.runner.stopped_time is not None,
        node_lost=pod is not None and pod.lost(seen.now, NODE_PATIENCE),
    )


def find_job(seen: Observation, attempt: int) -> JobView | None:
    """The Job of an attempt of this very run, not of one that had its name before."""
    return next((job for job in jobs_of(seen) if job.attempt == attempt), None)


def jobs_of(seen: Observation) -> Iterable[JobView]:
    """The run's Jobs."""
    return (job for job in seen.jobs if job.owner_uid == seen.run.metadata.uid)


def _claimer(seen: Observation) -> PodView | None:
    return next((pod for pod in seen.pods if pod.uid == seen.run.status.runner.pod_uid), None)


def _pod_of(pods: Iterable[PodView], job: JobView | None) -> PodView | None:
    owned = [pod for pod in pods if job and pod.job_uid == job.uid]
    # One that still lives tells more than one that has ended.
    return min(owned, key=lambda pod: (pod.ended, pod.name), default=None)


def ended_at(seen: Observation, state: AttemptState) -> datetime:
    """When the attempt's work stopped, as well as it is known."""
    terminated = state.pod.terminated if state.pod else None
    return seen.run.status.runner.stopped_time or (terminated and terminated.finished_at) or seen.now


# --- how it ended


def _claimed_end(outcome: OutcomeStatus | None, pod: PodView | None) -> AttemptEnd | None:
    if outcome:
        return _from_outcome(outcome, reported=True)
    if pod is None:
        return AttemptEnd("Crashed", "PodLost", "the pod disappeared before it could report an outcome")
    if pod.terminated:
        return _from_exit(pod, pod.terminated)
    return _from_dead_pod(pod) if pod.dead else None


def _unclaimed_end(job: JobView | None, pod: PodView | None) -> AttemptEnd | None:
    if pod and pod.terminated:
        return _from_unclaimed_exit(pod, pod.terminated)
    if pod and pod.dead:
        return _from_dead_pod(pod)
    if pod and pod.deleting and job and not job.suspended:
        # It may linger for long, Pending, and the Job makes no other meanwhile. It has no claim to be waited for.
        return _from_deletion(pod)
    if pod is None and job and job.finished_at:
        return AttemptEnd("Crashed", "PodLost", "the pod disappeared before it could start")
    return None


def _from_deletion(pod: PodView) -> AttemptEnd:
    if pod.disrupted:
        return AttemptEnd("Interrupted", "Interrupted", "the pod was evicted before it could start")
    return AttemptEnd("Crashed", "PodLost", "the pod was deleted before it could start")


_OWN_FAILURES: Final = {
    protocol.EXIT_GRAPH_ERROR: "GraphError",
    protocol.EXIT_LOAD_FAILED: "LoadFailed",
    protocol.EXIT_FENCE_LOST: "FenceLost",
}
_OTHER_EXITS: Final[dict[int, tuple[Kind, str]]] = {
    protocol.EXIT_SUCCEEDED: ("Succeeded", "GraphCompleted"),
    protocol.EXIT_PAUSED: ("Paused", "PauseCompleted"),
    protocol.EXIT_INTERRUPTED: ("Interrupted", "Interrupted"),
    protocol.EXIT_CANCELLED: ("Cancelled", "CancelCompleted"),
    protocol.EXIT_CLAIM_REFUSED: ("Refused", "ClaimRefused"),
    protocol.EXIT_UNREACHABLE: ("Crashed", "StorageUnavailable"),
}
_RESULTS: Final[dict[str, tuple[Kind, str]]] = {
    protocol.SUCCEEDED: ("Succeeded", "GraphCompleted"),
    protocol.PAUSED: ("Paused", "PauseCompleted"),
    protocol.AWAITING_INPUT: ("AwaitingInput", "InputRequested"),
    protocol.INTERRUPTED: ("Interrupted", "Interrupted"),
    protocol.CANCELLED: ("Cancelled", "CancelCompleted"),
}


def _from_outcome(outcome: OutcomeStatus, *, reported: bool) -> AttemptEnd:
    if outcome.result in _RESULTS:
        kind, reason = _RESULTS[outcome.result]
        return AttemptEnd(kind, outcome.reason or reason, outcome.message, reported)
    code = outcome.exit_code
    if code == protocol.EXIT_UNREACHABLE:
        return AttemptEnd("Crashed", "StorageUnavailable", outcome.message, reported)
    if outcome.reason or code in _OWN_FAILURES:
        fallback = _OWN_FAILURES.get(code or 0, "GraphError")
        return AttemptEnd("Failed", outcome.reason or fallback, outcome.message, reported)
    return AttemptEnd("Crashed", "RunnerCrashed", outcome.message or f"exit code {code}", reported)


def _from_exit(pod: PodView, exited: Termination) -> AttemptEnd:
    told = _told(exited.message)
    if told.result:
        return _from_outcome(told, reported=False)
    if exited.exit_code in _OTHER_EXITS:
        kind, reason = _OTHER_EXITS[exited.exit_code]
        return AttemptEnd(kind, reason, told.message)
    if exited.exit_code in _OWN_FAILURES:
        return AttemptEnd("Failed", told.reason or _OWN_FAILURES[exited.exit_code], told.message)
    return _from_crash(pod, exited, told)


def _from_unclaimed_exit(pod: PodView, exited: Termination) -> AttemptEnd:
    told = _told(exited.message)
    if exited.exit_code in (protocol.EXIT_CLAIM_REFUSED, protocol.EXIT_CANCELLED, protocol.EXIT_PAUSED):
        return AttemptEnd("Refused", "ClaimRefused", told.message)
    if exited.exit_code in (protocol.EXIT_INTERRUPTED, protocol.EXIT_UNREACHABLE):
        kind, reason = _OTHER_EXITS[exited.exit_code]
        return AttemptEnd(kind, reason, told.message)
    if exited.exit_code == protocol.EXIT_SUCCEEDED:
        message = "the container ended without claiming the run; its image must run graphrun's runner"
        return AttemptEnd("Crashed", "RunnerCrashed", message)
    return _from_crash(pod, exited, told)


def _from_crash(pod: PodView, exited: Termination, told: OutcomeStatus) -> AttemptEnd:
    if "OOMKilled" in exited.reason or told.reason == "OutOfMemory":
        limit = pod.memory_limit or "its node's"
        message = f"killed at its memory limit ({limit}); raise spec.resources.limits.memory"
        return AttemptEnd("Crashed", "OutOfMemory", message)
    if pod.disrupted and exited.exit_code == _SIGKILL:
        return AttemptEnd("Interrupted", "Interrupted", "evicted; its grace ran out")
    detail = f": {told.message}" if told.message else ""
    return AttemptEnd("Crashed", "RunnerCrashed", f"exit code {exited.exit_code}{detail}")


def _from_dead_pod(pod: PodView) -> AttemptEnd:
    if pod.disrupted:
        return AttemptEnd("Interrupted", "Interrupted", pod.dead)
    return AttemptEnd("Crashed", "PodLost", pod.dead)


def _told(text: str) -> OutcomeStatus:
    """What a termination message tells: a protocol.Outcome as JSON, or parts of one; anything else is just words."""
    try:
        told: Any = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return OutcomeStatus(message=text)
    fields = {key: told[key] for key in ("result", "reason", "message") if isinstance(told.get(key), str)}
    return OutcomeStatus(
        **fields, exit_code=told["exitCode"] if isinstance(told.get("exitCode"), int) else None
    )


def job_name(seen: Observation, attempt: int) -> str:
    """The name of the Job of that attempt of this run."""
    return names.job_name(seen.run.metadata.name, attempt)
