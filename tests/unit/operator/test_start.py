"""From acceptance to the claim."""

import pytest

from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.start import job_refused
from graphrun_operator.model import CreateJob, CreateRevision, Plan
from support.builders import NOW, REVISION, a_run, ago


def kinds(plan: Plan) -> list[str]:
    return [type(write).__name__ for write in plan.writes]


def test_the_first_pass_freezes_the_revision_makes_the_job_and_writes_no_status() -> None:
    plan = a_run().of_workflow().decided()
    assert plan.writes == (CreateRevision(REVISION), CreateJob(1, REVISION))
    assert plan.opens is None
    assert plan.status is None


def test_a_known_revision_is_not_made_again() -> None:
    assert a_run().decided().writes == (CreateJob(1, REVISION),)


def test_pending_waits() -> None:
    plan = a_run().wanted("Pending").decided()
    assert plan.writes == ()
    assert plan.status
    assert (plan.status["phase"], plan.status["reason"]) == ("Pending", "WaitingToStart")


def test_a_pod_that_claims_quickly_needs_no_status_before_running() -> None:
    plan = a_run().with_job(age=1.5).with_pod().decided()
    assert plan.is_empty
    assert plan.requeue
    assert plan.requeue.seconds == pytest.approx(0.5)


def test_after_two_seconds_starting_is_shown_with_job_and_revision() -> None:
    plan = a_run().with_job(age=2).with_pod().decided()
    assert plan.status
    assert (
        plan.status.items()
        >= {
            "phase": "Starting",
            "reason": "AttemptStarting",
            "attempt": 1,
            "jobName": "r-1",
            "revision": REVISION.name,
        }.items()
    )


@pytest.mark.parametrize(
    ("word", "reason", "message"),
    [
        ("ImagePullBackOff", "ImagePullFailed", "ImagePullBackOff: why"),
        ("Unschedulable", "Unschedulable", "why"),
        ("CreateContainerConfigError", "AttemptStarting", "CreateContainerConfigError: why"),
    ],
)
def test_what_is_in_the_pods_way_is_told(word: str, reason: str, message: str) -> None:
    plan = a_run().with_job(age=5).with_pod().in_trouble(word, "why").decided()
    assert plan.status
    assert (plan.status["reason"], plan.status["message"]) == (reason, message)


def test_a_pod_that_cannot_be_created_is_told_and_looked_after() -> None:
    plan = a_run().with_job(age=5).refused_pod("exceeded quota").decided()
    assert plan.status
    assert (plan.status["reason"], plan.status["message"]) == ("PodNotCreated", "exceeded quota")
    assert plan.requeue
    assert plan.requeue.seconds == 10


def test_a_refused_job_is_told_with_the_clusters_words() -> None:
    patch = job_refused(Situation(a_run().seen()), "memory: too little")
    assert patch
    assert patch.items() >= {"phase": "Starting", "reason": "PodNotCreated", "attempt": 1}.items()
    assert patch["message"] == "Job r-1 was refused: memory: too little"


def test_a_suspended_job_of_an_unclaimed_attempt_is_waited_for() -> None:
    plan = a_run().with_job(age=5, suspended=True).decided()
    assert plan.status
    assert "suspended" in plan.status["message"]
    assert plan.opens is None


def test_not_claimed_within_start_seconds_fails_with_what_was_seen_last() -> None:
    plan = (
        a_run(timeouts={"startSeconds": 30})
        .on_attempt(1)
        .shown("Starting", "Unschedulable", message="no room")
        .accepted(31)
        .with_job(age=31)
        .with_pod()
        .decided()
    )
    assert plan.status
    assert (plan.status["phase"], plan.status["reason"]) == ("Failed", "StartTimeout")
    assert plan.status["message"].endswith("(30); last seen: no room")


def test_the_start_clock_of_a_fast_run_counts_from_its_job() -> None:
    assert not a_run(timeouts={"startSeconds": 30}).created(100).with_job(age=1).decided().status
    assert a_run(timeouts={"startSeconds": 30}).created(100).with_job(age=31).decided().status


def test_the_start_clock_begins_anew_after_a_backoff() -> None:
    scene = a_run(timeouts={"startSeconds": 30}).on_attempt(2).accepted(100).with_job(age=20)
    scene.shown("Starting", "RetryBackoff", nextAttemptTime=ago(20).isoformat())
    plan = scene.decided()
    assert (plan.status or {}).get("phase") is None
    assert plan.requeue
    assert plan.requeue.seconds == 10


def test_without_a_start_limit_nothing_times_out() -> None:
    plan = a_run(timeouts={"startSeconds": None}).accepted(10**6).with_job(age=10**6).with_pod().decided()
    assert plan.status
    assert plan.status["phase"] == "Starting"


def test_a_job_of_an_older_run_of_the_same_name_is_not_taken_for_ones_own() -> None:
    plan = a_run().with_job(owner_uid="another").with_pod().decided()
    assert kinds(plan) == ["CreateJob"]


def test_a_claim_is_shown_as_running_with_its_time() -> None:
    plan = a_run().claimed(5).decided()
    assert plan.writes == ()
    assert plan.status
    assert plan.status["phase"] == "Running"
    assert plan.status["startTime"] == "2026-11-23T11:59:55.000000Z"
    conditions = {item["type"]: item["status"] for item in plan.status["conditions"]}
    assert conditions == {"Accepted": "True", "Running": "True", "Paused": "False", "Complete": "False"}
    assert NOW.isoformat()[:19] in plan.status["conditions"][0]["lastTransitionTime"]
