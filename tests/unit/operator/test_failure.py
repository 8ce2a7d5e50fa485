"""What an attempt's end means: by report, exit code, termination message, or the pod's absence."""

from collections.abc import Callable
from typing import Any

import pytest

from graphrun_operator.model import DeletePod, Plan
from support.builders import Scene, a_run, ago


def outcome(plan: Plan) -> tuple[str | None, int | None, int | None, str]:
    """Which attempt, how many failures, and why."""
    patch = plan.opens or plan.status
    assert patch, plan
    return patch.get("phase"), patch.get("attempt"), patch.get("failures"), patch["reason"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, ("Succeeded", None, None, "GraphCompleted")),
        (81, ("Starting", 2, None, "Interrupted")),
        (82, ("Starting", 2, 1, "RetryBackoff")),
        (83, ("Failed", None, 1, "GraphError")),
        (84, ("Failed", None, 1, "LoadFailed")),
        (85, ("Starting", 2, None, "AttemptStarting")),
        (86, ("Starting", 2, 1, "RetryBackoff")),
        (87, ("Failed", None, 1, "FenceLost")),
        (1, ("Starting", 2, 1, "RetryBackoff")),
        (137, ("Starting", 2, 1, "RetryBackoff")),
    ],
)
def test_each_exit_code_of_a_claimed_attempt(code: int, expected: tuple[Any, ...]) -> None:
    assert outcome(a_run().running().exited(code).decided()) == expected


def test_the_status_keeps_how_the_last_attempt_ended() -> None:
    crashed = a_run().running().exited(137).decided()
    assert crashed.opens
    assert crashed.opens["lastAttempt"] | {"nodeName": ""} == {
        "number": 1,
        "reason": "RunnerCrashed",
        "exitCode": 137,
        "nodeName": "",
    }
    failed = a_run().running().exited(83).decided()
    assert failed.status
    assert failed.status["lastAttempt"]["reason"] == "GraphError"


def test_eighty_is_a_pause_that_goes_on_unless_a_pause_is_wanted() -> None:
    assert outcome(a_run().running().exited(80).decided())[:2] == ("Starting", 2)
    assert outcome(a_run().running().wanted("Paused").exited(80).decided())[0] == "Paused"


def test_the_termination_message_tells_what_an_exit_code_cannot() -> None:
    message = '{"result": "AwaitingInput", "exitCode": 80}'
    assert outcome(a_run().running().exited(80, message).decided())[0] == "AwaitingInput"
    message = '{"result": "Failed", "exitCode": 84, "reason": "IncompatibleRevision", "message": "no node b"}'
    plan = a_run().running().exited(84, message).decided()
    assert outcome(plan)[3] == "IncompatibleRevision"
    assert plan.status
    assert plan.status["message"] == "no node b"


def test_a_termination_message_that_is_no_json_is_words() -> None:
    plan = a_run(retries={"limit": 0}).running().exited(1, "Segmentation fault").decided()
    assert plan.status
    assert plan.status["message"] == "exit code 1: Segmentation fault"


def test_the_report_beats_the_container() -> None:
    assert outcome(a_run().running().reported("Succeeded").exited(137).decided())[0] == "Succeeded"


@pytest.mark.parametrize(
    "oom",
    [
        lambda scene: scene.exited(137, reason="OOMKilled"),
        lambda scene: scene.exited(137, '{"exitCode": 137, "reason": "OutOfMemory", "message": "killed"}'),
    ],
)
def test_out_of_memory_is_named_with_its_limit(oom: Callable[[Scene], Scene]) -> None:
    scene = a_run(retries={"limit": 0}).running().with_pod(memory_limit="512Mi")
    plan = oom(scene).decided()
    assert outcome(plan) == ("Failed", None, 1, "OutOfMemory")
    assert plan.status
    assert "(512Mi); raise spec.resources.limits.memory" in plan.status["message"]


def test_a_lost_pod_is_counted() -> None:
    plan = a_run().running().pod_gone().decided()
    assert outcome(plan) == ("Starting", 2, 1, "RetryBackoff")
    assert plan.opens
    assert "PodLost" in plan.opens["message"]


def test_another_pod_of_the_same_job_is_not_the_one_that_claimed() -> None:
    scene = a_run().running().with_pod(uid="another")
    assert outcome(scene.decided())[2] == 1


def test_an_eviction_is_not_counted() -> None:
    assert outcome(a_run().running().with_pod(disrupted=True).exited(137).decided())[2] is None
    assert outcome(a_run().running().with_pod(disrupted=True, dead="Evicted").decided())[2] is None


def test_a_pod_given_up_with_its_node_is_counted() -> None:
    assert outcome(a_run().running().with_pod(dead="NodeLost").decided())[2] == 1


def test_an_unclaimed_crash_is_counted_and_an_image_without_runner_named() -> None:
    scene = a_run(retries={"limit": 0}).on_attempt(1).with_pod().exited(0)
    plan = scene.decided()
    assert plan.status
    assert "must run graphrun's runner" in plan.status["message"]


def test_a_refused_claim_is_followed_by_an_attempt_uncounted() -> None:
    plan = a_run().on_attempt(1).with_pod().exited(85).decided()
    assert outcome(plan)[:3] == ("Starting", 2, None)


def test_a_pod_deleted_before_its_claim_is_not_waited_for() -> None:
    assert outcome(a_run().on_attempt(1).with_pod().pod_deleted().decided())[:3] == ("Starting", 2, 1)


def test_a_pod_deleted_with_its_suspended_job_is_waited_for() -> None:
    scene = a_run().on_attempt(1).with_job(age=5, suspended=True).with_pod().pod_deleted()
    assert scene.decided().opens is None


def test_a_finished_job_without_a_pod_is_a_lost_pod() -> None:
    assert outcome(a_run().on_attempt(1).with_job(finished_at=ago(1)).decided())[2] == 1


def test_a_dead_pod_of_an_unclaimed_attempt_is_an_end() -> None:
    assert outcome(a_run().on_attempt(1).with_pod(dead="Evicted").decided())[2] == 1
    assert outcome(a_run().on_attempt(1).with_pod(disrupted=True).pod_deleted().decided())[2] is None


def test_a_reported_failure_without_a_known_code_is_a_crash() -> None:
    assert outcome(a_run().running().reported("Failed", 1).decided())[:3] == ("Starting", 2, 1)
    assert outcome(a_run().running().reported("Failed", 86).decided())[:3] == ("Starting", 2, 1)


# --- retries


def test_the_backoff_doubles_and_the_job_waits_for_it() -> None:
    plan = a_run(retries={"backoffSeconds": 10}).running().shown("Running", failures=2).exited(1).decided()
    assert plan.opens
    assert plan.opens["nextAttemptTime"] == "2026-11-23T12:00:40.000000Z"
    assert plan.writes == ()
    assert plan.requeue
    assert plan.requeue.seconds == 40
    waiting = a_run().on_attempt(2).shown("Starting", nextAttemptTime="2026-11-23T12:00:40Z")
    assert waiting.decided().is_empty
    assert waiting.at(40).decided().writes


def test_the_backoff_has_a_ceiling() -> None:
    plan = a_run(retries={"limit": 1000}).running().shown("Running", failures=900).exited(1).decided()
    assert plan.requeue
    assert plan.requeue.seconds == 600


def test_no_backoff_makes_the_job_at_once() -> None:
    plan = a_run(retries={"backoffSeconds": 0}).running().exited(1).decided()
    assert [type(write).__name__ for write in plan.writes] == ["CreateJob"]


def test_used_up_retries_name_the_last_cause() -> None:
    plan = a_run(retries={"limit": 2}).running().shown("Running", failures=2).exited(1).decided()
    assert outcome(plan) == ("Failed", None, 3, "RetriesExhausted")
    assert plan.status
    assert "RunnerCrashed: exit code 1" in plan.status["message"]


def test_a_graph_error_is_retried_where_that_is_asked_for() -> None:
    scene = a_run(retries={"onGraphError": 1}).running().reported("Failed", 83, reason="GraphError")
    assert outcome(scene.decided())[:3] == ("Starting", 2, 1)
    scene.shown("Running", failures=1)
    assert outcome(scene.decided())[0] == "Failed"


@pytest.mark.parametrize("reason", ["LoadFailed", "IncompatibleRevision", "ActiveTimeout", "FenceLost"])
def test_what_no_attempt_can_mend_is_never_retried(reason: str) -> None:
    scene = a_run(retries={"onGraphError": 9, "limit": 9}).running().reported("Failed", 84, reason=reason)
    assert outcome(scene.decided())[0] == "Failed"


# --- a node out of reach


def test_a_node_is_lost_a_minute_after_the_grace() -> None:
    assert a_run().running().pod_deleted(-59).decided().opens is None
    assert outcome(a_run().running().pod_deleted(-60).decided()) == ("Starting", 2, 1, "NodeLost")


def test_a_lost_node_without_a_retry_left_ends_the_run() -> None:
    plan = a_run(retries={"limit": 0}).running().pod_deleted(-60).decided()
    assert outcome(plan) == ("Failed", None, 1, "NodeLost")


def test_a_lost_node_is_waited_for_where_that_is_asked_for() -> None:
    plan = a_run(retries={"onNodeLost": "Wait"}).running().pod_deleted(-60).decided()
    assert plan.opens is None
    assert plan.status
    assert plan.status["reason"] == "NodeLost"


def test_a_deleted_pod_is_looked_after_when_it_should_be_gone() -> None:
    plan = a_run().running().pod_deleted(10).decided()
    assert plan.requeue
    assert plan.requeue.seconds == 70


# --- total time


def test_wall_time_stops_what_runs_with_all_of_its_grace() -> None:
    plan = a_run(timeouts={"totalSeconds": 5}).running(5).decided()
    assert outcome(plan)[3] == "TotalTimeout"
    assert plan.writes[0] == DeletePod("r-1-x", "pod-1", None)
    assert [type(write).__name__ for write in plan.writes] == ["DeletePod", "SuspendJob"]


@pytest.mark.parametrize("shown", ["Paused", "Cancelling"])
def test_wall_time_ends_what_does_not_run(shown: str) -> None:
    scene = a_run(timeouts={"totalSeconds": 5}).running(5).shown(shown).reported("Interrupted", 81)
    assert outcome(scene.decided())[0] == "Failed"


def test_wall_time_to_come_is_waited_for() -> None:
    plan = a_run(timeouts={"totalSeconds": 60}).running(5).decided()
    assert plan.requeue
    assert plan.requeue.seconds == 55
