"""After the end, and around it: what is kept, what goes, and when."""

from typing import Any

from graphrun_operator.model import DeleteJob, DeletePod, DeleteRun, SuspendJob
from support.builders import NOW, Scene, a_run, ago


def finished(phase: str = "Succeeded", seconds_ago: float = 10.0, **spec: Any) -> Scene:
    scene = a_run(**spec).running(60)
    return scene.shown(phase, completionTime=ago(seconds_ago).isoformat())


def test_the_job_of_a_finished_run_is_kept_for_a_minute() -> None:
    scene = finished().exited(0, seconds_ago=59)
    assert scene.decided().writes == ()
    requeue = scene.decided().requeue
    assert requeue
    assert requeue.seconds == 1
    assert scene.at(1).decided().writes == (DeleteJob("r-1", "job-1"),)


def test_the_job_of_a_failed_run_is_kept_for_ten_minutes() -> None:
    scene = finished("Failed").exited(1, seconds_ago=599)
    assert scene.decided().writes == ()
    assert scene.at(1).decided().writes == (DeleteJob("r-1", "job-1"),)


def test_a_paused_run_keeps_no_job_once_its_pod_has_ended() -> None:
    scene = a_run().running().wanted("Paused").shown("Paused", "PauseCompleted").reported("Paused", 80)
    assert scene.decided().writes == ()
    scene.exited(80, seconds_ago=0)
    assert scene.decided().writes == (DeleteJob("r-1", "job-1"),)


def test_the_job_of_a_former_attempt_is_kept_for_a_minute() -> None:
    scene = a_run().on_attempt(2).with_job(1, finished_at=ago(60)).running()
    assert DeleteJob("r-1", "job-1") in scene.decided().writes
    assert not a_run().on_attempt(2).with_job(1, finished_at=ago(59)).running().decided().writes


def test_a_superseded_attempt_that_never_ended_goes_too() -> None:
    scene = a_run().on_attempt(2).with_job(1, age=60).running()
    assert DeleteJob("r-1", "job-1") in scene.decided().writes


def test_a_finished_run_is_removed_when_its_time_to_live_is_over() -> None:
    scene = finished(seconds_ago=30, ttlSecondsAfterFinished=30)
    assert scene.decided().writes == (DeleteRun(),)
    waiting = finished(seconds_ago=30, ttlSecondsAfterFinished=31).decided()
    assert waiting.writes == ()
    assert waiting.requeue
    assert waiting.requeue.seconds == 1


def test_what_still_runs_of_an_ended_run_is_stopped() -> None:
    plan = finished("Failed").decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), SuspendJob("r-1"))


def test_a_run_that_is_being_deleted_has_its_pod_stopped_and_no_status_written() -> None:
    plan = a_run().running().being_deleted().decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), SuspendJob("r-1"))
    assert plan.status is None
    plan = a_run().with_pod().being_deleted().decided()
    assert plan.writes == (DeletePod("r-1-x", "pod-1", 2), DeleteJob("r-1", "job-1"))


def test_now_is_what_the_tests_say() -> None:
    assert a_run().at(5).seen().now.timestamp() - NOW.timestamp() == 5
