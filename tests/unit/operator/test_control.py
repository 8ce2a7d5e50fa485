"""Cancel, pause, resume, and the success that beats them."""

from collections.abc import Callable

import pytest

from graphrun_operator.model import AnnotatePod, CreateJob, DeleteJob, DeletePod, Plan, SuspendJob
from support.builders import NOW, REVISION, Scene, a_run, ago


def phase(plan: Plan) -> str:
    """The phase that the plan writes; "as it was" where it leaves it."""
    return str((plan.status or {}).get("phase", "as it was"))


# --- cancel


def test_an_unclaimed_attempt_is_cancelled_at_once_and_its_job_left_for_the_next_pass() -> None:
    plan = a_run().wanted("Cancelled").with_pod().decided()
    assert phase(plan) == "Cancelled"
    assert plan.writes == ()


def test_what_a_cancelled_unclaimed_attempt_left_is_removed() -> None:
    plan = a_run().wanted("Cancelled").shown("Cancelled").with_pod().decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), DeleteJob("r-1", "job-1"))
    assert plan.status is None


def test_a_claimed_attempt_is_told_first_and_cancelled_only_with_proof() -> None:
    plan = a_run().running().wanted("Cancelled").decided()
    assert phase(plan) == "Cancelling"
    assert plan.writes == (AnnotatePod("r-1-x", "Cancelled", NOW),)
    assert plan.requeue
    assert plan.requeue.seconds == pytest.approx(0.5)


def test_a_pod_that_has_just_been_told_is_given_a_moment() -> None:
    scene = a_run().running().shown("Cancelling", "CancelRequested").wanted("Cancelled")
    plan = scene.with_pod(desired_state="Cancelled", desired_since=ago(0.2)).decided()
    assert plan.writes == ()
    assert plan.requeue
    assert plan.requeue.seconds == pytest.approx(0.3)


@pytest.mark.parametrize("told_seconds_ago", [0.5, 100, -5])
def test_a_pod_that_did_not_stop_when_told_is_deleted(told_seconds_ago: float) -> None:
    """Whatever the clock of the leader that told it."""
    scene = a_run().running().wanted("Cancelled")
    plan = scene.with_pod(desired_state="Cancelled", desired_since=ago(told_seconds_ago)).decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), SuspendJob("r-1"))


@pytest.mark.parametrize(
    "proof",
    [
        lambda scene: scene.stopped(),
        lambda scene: scene.reported("Cancelled", 82),
        lambda scene: scene.exited(137),
        lambda scene: scene.pod_gone(),
    ],
)
def test_each_proof_of_an_end_completes_a_cancel(proof: Callable[[Scene], Scene]) -> None:
    assert phase(proof(a_run().running().wanted("Cancelled")).decided()) == "Cancelled"


def test_a_cancel_is_not_repeated_to_a_pod_that_is_going() -> None:
    scene = a_run().running().shown("Cancelling").wanted("Cancelled").pod_deleted(2)
    scene.with_job(suspended=True)
    assert scene.decided().writes == ()


def test_a_cancel_on_a_lost_node_says_that_nothing_is_known() -> None:
    plan = a_run().running().wanted("Cancelled").pod_deleted(-60).decided()
    assert phase(plan) == "Cancelling"
    assert plan.status
    assert plan.status["reason"] == "NodeLost"
    assert "node-1" in plan.status["message"]


@pytest.mark.parametrize("state", ["Pending", "Queued", "Paused", "AwaitingInput"])
def test_a_run_of_which_nothing_runs_is_cancelled_at_once(state: str) -> None:
    assert phase(a_run().shown(state).wanted("Cancelled").decided()) == "Cancelled"


@pytest.mark.parametrize("wanted", ["Cancelled", "Paused"])
@pytest.mark.parametrize(
    ("result", "code", "shown"), [("Succeeded", 0, "Succeeded"), ("Failed", 83, "Failed")]
)
def test_a_reported_end_beats_what_was_asked_for_later(
    wanted: str, result: str, code: int, shown: str
) -> None:
    assert phase(a_run().running().wanted(wanted).reported(result, code).decided()) == shown


def test_a_crash_does_not_beat_a_cancel() -> None:
    assert phase(a_run(retries={"limit": 0}).running().wanted("Cancelled").exited(1).decided()) == "Cancelled"


# --- pause


def test_a_pause_is_told_to_the_pod_and_shown() -> None:
    plan = a_run().running().wanted("Paused").decided()
    assert plan.writes == (AnnotatePod("r-1-x", "Paused", NOW),)
    assert phase(plan) == "Pausing"


def test_a_pod_that_has_been_told_is_not_told_again() -> None:
    plan = a_run().running().with_pod(desired_state="Paused").wanted("Paused").decided()
    assert plan.writes == ()


def test_a_drained_run_is_paused_with_its_active_time_counted_once() -> None:
    scene = a_run().running(31).wanted("Paused").reported("Paused", 80)
    plan = scene.decided()
    assert phase(plan) == "Paused"
    assert plan.status
    assert plan.status["activeSeconds"] == 30
    assert plan.status["pausedTime"]
    scene.shown("Paused", "PauseCompleted", activeSeconds=30)
    again = scene.decided()
    assert "activeSeconds" not in (again.status or {})


def test_nodes_that_will_run_again_are_named() -> None:
    plan = (
        a_run()
        .running()
        .wanted("Paused")
        .reported("Paused", 80, reason="NodesWillRerun", message="a, b")
        .decided()
    )
    assert plan.status
    assert (plan.status["reason"], plan.status["message"]) == ("NodesWillRerun", "a, b")


def test_an_unclaimed_run_is_paused_at_once_and_its_job_removed_after() -> None:
    assert phase(a_run().wanted("Paused").with_pod().decided()) == "Paused"
    plan = a_run().wanted("Paused").shown("Paused").with_pod().decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), DeleteJob("r-1", "job-1"))


def test_a_stop_without_an_outcome_is_not_yet_a_pause() -> None:
    assert a_run().running().wanted("Paused").shown("Pausing").stopped().decided().is_empty


def test_a_crash_while_pausing_is_counted_and_paused() -> None:
    plan = a_run().running().wanted("Paused").exited(1).decided()
    assert phase(plan) == "Paused"
    assert plan.status
    assert plan.status["failures"] == 1


def test_a_paused_run_stays_paused_when_its_pod_is_gone() -> None:
    scene = a_run(retries={"limit": 0}).running().wanted("Paused").pod_gone()
    scene.shown("Paused", "PauseCompleted", failures=0)
    assert phase(scene.decided()) == "as it was"


def test_a_crash_without_a_retry_left_is_no_pause() -> None:
    assert phase(a_run(retries={"limit": 0}).running().wanted("Paused").exited(1).decided()) == "Failed"


def test_a_pause_on_a_lost_node_is_not_shown_as_done() -> None:
    plan = a_run().running().wanted("Paused").pod_deleted(-60).decided()
    assert phase(plan) == "Pausing"
    assert plan.status
    assert plan.status["reason"] == "NodeLost"


def test_a_pause_taken_back_is_running_again_at_the_pod_too() -> None:
    plan = a_run().running().shown("Pausing").with_pod(desired_state="Paused").decided()
    assert plan.writes == (AnnotatePod("r-1-x", "Running", NOW),)
    assert phase(plan) == "Running"


# --- going on


def test_a_resume_opens_the_attempt_before_its_job() -> None:
    plan = a_run().running().shown("Paused").reported("Paused", 80).resumed_by("one").decided()
    assert plan.opens
    assert plan.opens.items() >= {"attempt": 2, "phase": "Starting", "jobName": "r-2"}.items()
    assert plan.opens["resume"] == {"id": "one", "attempt": 2}
    assert plan.writes == (CreateJob(2, REVISION),)
    assert plan.status is None


def test_a_run_that_was_paused_for_long_before_its_start_is_resumed_and_not_timed_out() -> None:
    plan = a_run(timeouts={"startSeconds": 30}).shown("Paused").accepted(1000).decided()
    assert phase(plan) == "as it was"
    assert plan.opens


def test_a_pause_taken_back_too_late_goes_on_by_a_new_attempt() -> None:
    plan = a_run().running().shown("Pausing").reported("Paused", 80).decided()
    assert plan.opens
    assert plan.opens["attempt"] == 2


def test_a_run_that_asks_waits_for_an_answer() -> None:
    plan = a_run().running().reported("AwaitingInput", 80).decided()
    assert phase(plan) == "AwaitingInput"
    assert a_run().running().shown("AwaitingInput").decided().opens is None


def test_a_waiting_run_waits_on_when_all_trace_of_its_pod_is_gone() -> None:
    plan = a_run().running().shown("AwaitingInput").pod_gone().decided()
    assert plan.opens is None


def test_a_pause_of_a_waiting_run_changes_nothing() -> None:
    scene = a_run().running().shown("AwaitingInput").reported("AwaitingInput", 80).wanted("Paused")
    plan = scene.decided()
    assert (phase(plan), plan.writes, plan.opens) == ("as it was", (), None)


@pytest.mark.parametrize("shown", ["Paused", "AwaitingInput"])
def test_no_phase_lets_a_second_attempt_beside_one_that_runs(shown: str) -> None:
    plan = a_run().running().shown(shown).resumed_by("one").decided()
    assert (plan.opens, phase(plan)) == (None, "Running")


def test_a_new_resume_id_answers() -> None:
    scene = a_run().running().shown("AwaitingInput").reported("AwaitingInput", 80).resumed_by("one")
    plan = scene.decided()
    assert plan.opens
    assert plan.opens["attempt"] == 2


def test_an_old_resume_id_answers_nothing() -> None:
    scene = a_run().running().reported("AwaitingInput", 80).resumed_by("one")
    scene.shown("AwaitingInput", resume={"id": "one", "attempt": 1})
    assert scene.decided().opens is None


def test_a_resume_by_an_unknown_revision_is_refused_and_the_run_kept() -> None:
    scene = a_run().running().shown("Paused").reported("Paused", 80).resumed_by("one", revision="flow-0")
    plan = scene.decided()
    assert plan.opens is None
    assert phase(plan) == "as it was"
    assert plan.status
    assert plan.status["reason"] == "RevisionNotFound"


def test_a_closed_phase_over_an_unclaimed_attempt_is_left_by_a_new_attempt() -> None:
    plan = a_run().shown("Cancelling", attempt=1).with_pod().decided()
    assert plan.opens
    assert plan.opens["attempt"] == 2
