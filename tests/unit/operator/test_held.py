"""Runs that are held though spec.state is Running: Jobs suspended from outside, resumes that the runner refused."""

import pytest

from graphrun_operator.decide.rules import decide
from graphrun_operator.model import CreateJob, DeleteJob, Plan
from support.builders import REVISION, Scene, a_run, ago
from support.played_out import carried_out


def phase(plan: Plan) -> tuple[str, str]:
    """Phase and reason that the plan writes."""
    status = plan.status or {}
    return str(status.get("phase", "as it was")), str(status.get("reason", "as it was"))


# --- a Job that is suspended from outside


def test_a_job_that_a_queue_holds_shows_as_queued_and_no_clock_runs() -> None:
    scene = a_run(queueName="gpus", timeouts={"startSeconds": 5}).with_job(age=1000, suspended=True)
    plan = scene.accepted(1000).decided()
    assert phase(plan) == ("Queued", "JobSuspended")
    assert "by queue gpus" in (plan.status or {})["message"]
    assert plan.requeue is None


def test_once_unsuspended_start_seconds_count_from_there() -> None:
    scene = a_run(timeouts={"startSeconds": 5}).with_job(age=1000, started=a_run().at(-4).seen().now)
    scene.accepted(1000).shown("Queued", "JobSuspended").with_pod()
    assert phase(scene.decided()) == ("Starting", "AttemptStarting")
    later = scene.shown("Starting").at(2).decided()
    assert phase(later) == ("Failed", "StartTimeout")


def test_a_job_suspended_at_work_is_a_pause_that_is_done_when_the_pod_has_ended() -> None:
    scene = a_run().running().with_job(suspended=True)
    assert phase(scene.decided()) == ("Pausing", "JobSuspended")
    ended = scene.reported("Interrupted", 81)
    assert phase(ended.decided()) == ("Paused", "JobSuspended")


def test_a_held_run_waits_with_its_suspended_job_and_goes_on_in_a_new_attempt_when_that_is_unsuspended() -> (
    None
):
    scene = a_run().running().shown("Pausing", "JobSuspended").reported("Interrupted", 81).exited(81)
    scene.with_job(suspended=True)
    held = carried_out(scene.seen(), scene.decided())
    assert held.run.status.phase == "Paused"
    assert decide(held).is_empty
    scene.shown("Paused", "JobSuspended")
    plan = scene.with_job(suspended=False).decided()
    assert plan.opens
    assert plan.opens["attempt"] == 2
    assert CreateJob(2, REVISION) in plan.writes


def test_a_suspended_job_that_is_closed_is_not_waited_for() -> None:
    """Found by the model: the Job controller had counted a crash just before it saw the suspension."""
    scene = a_run().running().stopped().exited(1)
    scene.with_job(suspended=True, finished_at=ago(1))
    crashed = scene.decided()
    assert crashed.opens
    assert crashed.opens["attempt"] == 2
    held = scene.shown("Paused", "JobSuspended").decided()
    assert held.opens


def test_a_person_may_resume_a_held_run_over_the_suspension() -> None:
    scene = a_run().running().reported("Interrupted", 81).with_job(suspended=True)
    plan = scene.shown("Paused", "JobSuspended").resumed_by("now").decided()
    assert plan.opens


def test_a_pause_of_a_held_run_lets_its_job_go() -> None:
    scene = a_run().running().reported("Interrupted", 81).exited(81).with_job(suspended=True)
    plan = scene.shown("Paused", "JobSuspended").wanted("Paused").decided()
    assert DeleteJob("r-1", "job-1") in plan.writes


def test_a_success_beats_a_suspension() -> None:
    scene = a_run().running().with_job(suspended=True).reported("Succeeded")
    assert phase(scene.decided())[0] == "Succeeded"


# --- a resume that was refused


def refused(reason: str) -> Scene:
    """A paused run whose resume by another revision, or from another checkpoint, the runner has refused."""
    scene = a_run().on_attempt(2).shown("Starting", resume={"id": "again", "attempt": 2}).resumed_by("again")
    return scene.claimed().reported("Paused", 80, reason=reason, message="nodes: review").exited(80)


@pytest.mark.parametrize("reason", ["IncompatibleRevision", "CheckpointNotFound"])
def test_a_refused_resume_leaves_the_run_paused_and_says_what_to_do(reason: str) -> None:
    scene = refused(reason)
    plan = scene.decided()
    assert phase(plan) == ("Paused", reason)
    assert (plan.status or {})["message"] == "nodes: review"
    rest = carried_out(scene.seen(), plan)
    assert rest.run.status.failures == 0
    scene.shown("Paused", reason, message=rest.run.status.message)
    assert scene.decided().opens is None


def test_another_resume_goes_on() -> None:
    plan = (
        refused("IncompatibleRevision").shown("Paused", "IncompatibleRevision").resumed_by("better").decided()
    )
    assert plan.opens
    assert plan.opens["attempt"] == 3


def test_a_revision_that_is_accepted_by_name_goes_on() -> None:
    scene = refused("IncompatibleRevision").shown("Paused", "IncompatibleRevision", revision=REVISION.name)
    assert scene.annotated(accept_revision="another").decided().opens is None
    assert scene.annotated(accept_revision=REVISION.name).decided().opens


# --- forks


def test_a_fork_writes_down_whose_checkpoint_it_begins_from_before_its_job_is_made() -> None:
    plan = a_run().from_run("other", "other-uid").decided()
    assert plan.opens
    assert plan.opens["startFromUID"] == "other-uid"
    assert plan.writes == (CreateJob(1, REVISION),)


def test_a_fork_of_a_run_that_does_not_exist_is_refused_after_a_moment() -> None:
    scene = a_run().from_run("other").created(5)
    assert phase(scene.decided()) == ("Pending", "StartFromNotFound")
    plan = scene.created(20).decided()
    assert phase(plan) == ("Failed", "StartFromNotFound")
    assert "spec.startFrom.run: there is no run other" in (plan.status or {})["message"]


def test_once_written_down_the_other_run_may_go() -> None:
    scene = a_run().from_run("other").on_attempt(1).shown("Starting", startFromUID="other-uid").created(20)
    assert scene.decided().writes == (CreateJob(1, REVISION),)
