"""Who may run: the rule of the claim, the one gate in front of every graph process.

Rules 1 and 2 of architecture.md, section 4. The caller makes the compare-and-set: it writes a grant with the
resourceVersion of the very view that was judged here, and judges again on a conflict.
"""

from dataclasses import dataclass

from graphrun_core import phases
from graphrun_core.resources import WorkflowRun

# The first (and today only) turn on a thread of the run's own; see docs/architecture.md, section 4.
_TURN = 1


@dataclass(frozen=True)
class ClaimGranted:
    """This pod may take the attempt; write the claim."""


@dataclass(frozen=True)
class ClaimRepeated:
    """This pod already holds the attempt (its first answer got lost): answer the same, write nothing."""


@dataclass(frozen=True)
class ClaimDenied:
    """Nothing may run in this pod. `state` is what is wanted of the run instead."""

    state: str
    message: str


ClaimDecision = ClaimGranted | ClaimRepeated | ClaimDenied


def decide_claim(run: WorkflowRun, *, attempt: int, pod_uid: str) -> ClaimDecision:
    """Judge the claim of `attempt` by the pod `pod_uid` on this view of the run."""
    denied = _denial(run, attempt)
    if denied:
        return ClaimDenied(state=_wanted(run), message=denied)
    held = run.status.runner
    if held.attempt < attempt:
        return ClaimGranted()
    if held.pod_uid == pod_uid and held.outcome is None and held.stopped_time is None:
        return ClaimRepeated()
    return ClaimDenied(state=_wanted(run), message=f"attempt {attempt} is held by pod {held.pod_name}")


def _denial(run: WorkflowRun, attempt: int) -> str:
    if run.is_deleting:
        return "the run is being deleted"
    if run.spec.state != phases.STATE_RUNNING:
        return f"spec.state is {run.spec.state}"
    if attempt != run.attempt:
        return f"attempt {attempt} is superseded: the current one is {run.attempt}"
    if run.status.phase in phases.CLOSED_TO_CLAIMS:
        return f"the run is {run.status.phase}"
    return ""


def _wanted(run: WorkflowRun) -> str:
    return phases.STATE_CANCELLED if run.is_deleting else run.spec.state


def fence_of(attempt: int) -> int:
    """The storage fence of an attempt: 64 bits at most, growing with each attempt of the run."""
    return _TURN << 24 | attempt
