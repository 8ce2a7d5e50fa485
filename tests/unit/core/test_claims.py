"""The rule of the claim, on values alone."""

from typing import Any

import pytest

from graphrun_core import phases
from graphrun_core.claims import ClaimDenied, ClaimGranted, ClaimRepeated, decide_claim, fence_of
from graphrun_core.resources import WorkflowRun


def run(*, state: str = "Running", deleting: bool = False, **status: Any) -> WorkflowRun:
    metadata: dict[str, Any] = {"name": "r", "uid": "u"}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return WorkflowRun.parse({"metadata": metadata, "spec": {"state": state}, "status": status})


def test_the_first_pod_of_a_fresh_run_is_granted() -> None:
    assert decide_claim(run(), attempt=1, pod_uid="a") == ClaimGranted()


def test_an_opened_attempt_is_granted_over_an_older_claim() -> None:
    view = run(
        attempt=2, phase="Starting", runner={"attempt": 1, "podUID": "old", "outcome": {"result": "Paused"}}
    )
    assert decide_claim(view, attempt=2, pod_uid="new") == ClaimGranted()


def test_the_same_pod_again_gets_the_same_answer() -> None:
    view = run(runner={"attempt": 1, "podUID": "a"})
    assert decide_claim(view, attempt=1, pod_uid="a") == ClaimRepeated()


def test_the_same_pod_is_refused_once_it_has_stopped() -> None:
    view = run(runner={"attempt": 1, "podUID": "a", "stoppedTime": "2026-01-01T00:00:00Z"})
    assert isinstance(decide_claim(view, attempt=1, pod_uid="a"), ClaimDenied)


def test_another_pod_of_a_held_attempt_is_refused() -> None:
    view = run(runner={"attempt": 1, "podUID": "a", "podName": "pod-a"})
    assert decide_claim(view, attempt=1, pod_uid="b") == ClaimDenied(
        "Running", "attempt 1 is held by pod pod-a"
    )


@pytest.mark.parametrize("state", [phases.STATE_PENDING, phases.STATE_PAUSED, phases.STATE_CANCELLED])
def test_nothing_is_granted_unless_the_run_should_run(state: str) -> None:
    assert decide_claim(run(state=state), attempt=1, pod_uid="a") == ClaimDenied(
        state, f"spec.state is {state}"
    )


@pytest.mark.parametrize("phase", sorted(phases.CLOSED_TO_CLAIMS))
def test_a_closed_phase_grants_nothing(phase: str) -> None:
    assert decide_claim(run(phase=phase), attempt=1, pod_uid="a") == ClaimDenied(
        "Running", f"the run is {phase}"
    )


@pytest.mark.parametrize("phase", ["", phases.PENDING, phases.QUEUED, phases.STARTING, phases.RUNNING])
def test_an_open_phase_grants(phase: str) -> None:
    assert decide_claim(run(phase=phase), attempt=1, pod_uid="a") == ClaimGranted()


@pytest.mark.parametrize(("current", "asked"), [(2, 1), (1, 2), (0, 2)])
def test_only_the_current_attempt_is_granted(current: int, asked: int) -> None:
    assert isinstance(decide_claim(run(attempt=current), attempt=asked, pod_uid="a"), ClaimDenied)


def test_a_run_being_deleted_reads_as_cancelled() -> None:
    assert decide_claim(run(deleting=True), attempt=1, pod_uid="a") == ClaimDenied(
        "Cancelled", "the run is being deleted"
    )


def test_fences_grow_with_attempts_and_fit_64_bits() -> None:
    assert fence_of(1) < fence_of(2) < fence_of(10_000_000) < 2**63
