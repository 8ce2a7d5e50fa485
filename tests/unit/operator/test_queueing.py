"""maxConcurrentRuns: who may start, who waits, and what a waiting run shows."""

from datetime import timedelta

import pytest

from graphrun_core.resources import WorkflowRun
from graphrun_core.times import to_rfc3339
from graphrun_operator.decide.queueing import next_in_line
from graphrun_operator.model import Contender, CreateJob, CreateRevision, Line
from support.builders import NOW, REVISION, RUN_UID, a_run, ago
from support.played_out import carried_out


def another(name: str, phase: str = "Running", *, age: float = 100, **fields: object) -> Contender:
    """Another run of the Workflow."""
    priority = fields.pop("priority", 0)
    taking, has_job = bool(fields.pop("taking", False)), bool(fields.pop("has_job", False))
    state, reason = fields.pop("state", "Running"), fields.pop("reason", "")
    manifest = {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": to_rfc3339(ago(age))},
        "spec": {"workflowRef": {"name": "flow"}, "state": state, **fields},
        "status": {"phase": phase, "reason": reason},
    }
    assert isinstance(priority, int)
    return Contender(WorkflowRun.parse(manifest), priority, has_job=has_job, taking=taking)


def waiting(*contenders: Contender, limit: int = 1) -> list[str]:
    """The names of those whose turn it is."""
    return [run.metadata.name for run in next_in_line(Line(limit, contenders))]


@pytest.mark.parametrize("phase", ["Starting", "Running", "Pausing", "Cancelling"])
def test_a_run_at_work_takes_a_place(phase: str) -> None:
    assert waiting(another("busy", phase), another("next", "Queued")) == []


@pytest.mark.parametrize("phase", ["Paused", "AwaitingInput", "Succeeded", "Failed", "Cancelled"])
def test_a_run_without_a_pod_takes_none(phase: str) -> None:
    idle = another("idle", phase, state="Paused" if phase == "Paused" else "Running")
    assert waiting(idle, another("next", "Queued")) == ["next"]


def test_a_run_whose_job_is_there_takes_a_place_whatever_it_shows() -> None:
    assert waiting(another("new", "", has_job=True), another("next", "Queued")) == []


def test_the_job_that_a_paused_run_has_left_takes_no_place() -> None:
    left = another("left", "Paused", state="Paused", has_job=True)
    assert waiting(left, another("next", "Queued")) == ["next"]


def test_a_turn_that_is_being_taken_is_nobody_elses() -> None:
    assert waiting(another("quick", "Queued", taking=True), another("next", "Queued")) == []


def test_the_line_is_ordered_by_priority_then_age_then_name() -> None:
    line = [
        another("young", "Queued", age=1),
        another("b-old", "Queued", age=50),
        another("a-old", "Queued", age=50),
        another("urgent", "Queued", age=1, priority=10),
    ]
    assert waiting(*line, limit=4) == ["urgent", "a-old", "b-old", "young"]
    assert waiting(*line, limit=2) == ["urgent", "a-old"]


def test_those_that_want_nothing_do_not_stand_in_line() -> None:
    idle = [
        another("held", "Pending", state="Pending"),
        another("cancelled", "Queued", state="Cancelled"),
        another("asking", "AwaitingInput"),
        another("suspended", "Paused", reason="JobSuspended"),
        another("refused", "Paused", reason="IncompatibleRevision"),
    ]
    assert waiting(*idle, limit=9) == []


def test_a_run_that_goes_on_stands_in_line() -> None:
    answered = another("answered", "AwaitingInput", resume={"id": "new"})
    unpaused = another("unpaused", "Paused", age=200)
    assert waiting(answered, unpaused, limit=9) == ["unpaused", "answered"]


def test_without_room_a_new_run_is_queued_with_its_revision_frozen_and_no_job() -> None:
    plan = a_run().of_workflow().in_line(another("busy"), limit=1).decided()
    assert plan.rule == "create-job"
    assert plan.writes == (CreateRevision(REVISION),)
    assert plan.status
    assert plan.status["phase"] == "Queued"
    assert plan.status["reason"] == "ConcurrencyLimit"
    assert plan.status["revision"] == REVISION.name
    assert "maxConcurrentRuns of Workflow flow is 1" in plan.status["message"]
    shown = {item["type"]: item for item in plan.status["conditions"]}
    assert shown["Accepted"]["status"] == "True"
    assert shown["Running"]["message"] == plan.status["message"]


def test_what_cannot_run_is_refused_before_it_lines_up() -> None:
    scene = a_run(input={}).of_workflow(inputSchema={"required": ["b"]}).in_line(another("busy"), limit=1)
    plan = scene.decided()
    assert plan.status
    assert plan.status["reason"] == "InputInvalid"


def test_its_turn_is_written_down_before_its_job_is_made() -> None:
    plan = a_run().shown("Queued", "ConcurrencyLimit", revision=REVISION.name).in_line(limit=1).decided()
    assert plan.opens
    assert plan.opens["phase"] == "Starting"
    assert plan.opens["attempt"] == 1
    assert plan.writes == (CreateJob(1, REVISION),)


def test_the_revision_is_there_before_a_status_names_it() -> None:
    scene = a_run().of_workflow().in_line(limit=1)
    first = scene.decided()
    assert (first.writes, first.opens, first.status) == ((CreateRevision(REVISION),), None, None)
    then = scene.knowing(REVISION).decided()
    assert then.opens
    assert then.opens["revision"] == REVISION.name


def test_a_run_that_was_queued_starts_when_the_limit_is_lifted() -> None:
    plan = a_run().shown("Queued", "ConcurrencyLimit", revision=REVISION.name).decided()
    assert plan.opens
    assert plan.writes == (CreateJob(1, REVISION),)


def test_waiting_in_line_is_not_limited_by_start_seconds() -> None:
    scene = a_run(timeouts={"startSeconds": 5}).shown("Queued", "ConcurrencyLimit", revision=REVISION.name)
    scene.accepted(1000).in_line(another("busy"), limit=1)
    plan = scene.decided()
    assert not (plan.status or {}).get("phase")
    turn = scene.in_line(limit=1)
    opened = carried_out(turn.seen(), turn.decided()).run
    assert opened.status.next_attempt_time == NOW  # startSeconds count from here
    assert opened.status.phase == "Starting"


def test_a_resumed_run_lines_up_again_in_a_new_attempt_without_a_job() -> None:
    plan = (
        a_run().running().reported("Paused", 80).shown("Paused").in_line(another("busy"), limit=1).decided()
    )
    assert plan.rule == "resume"
    assert plan.opens
    assert (plan.opens["phase"], plan.opens["attempt"]) == ("Queued", 2)
    assert plan.writes == ()


def test_an_answer_counts_once_even_if_the_run_then_waits_in_line() -> None:
    scene = a_run().running().reported("AwaitingInput", 80).shown("AwaitingInput").resumed_by("yes", value=1)
    scene.in_line(another("busy"), limit=1)
    queued = carried_out(scene.seen(), scene.decided()).run
    assert (queued.status.resume.id, queued.status.resume.attempt) == ("yes", 2)


def test_a_retry_keeps_its_turn() -> None:
    scene = a_run().running().exited(137, reason="OOMKilled").in_line(another("eager", "Queued"), limit=1)
    plan = scene.decided()
    assert plan.opens
    assert plan.opens["phase"] == "Starting"


def test_a_queued_run_can_be_paused_and_cancelled() -> None:
    scene = a_run().shown("Queued", "ConcurrencyLimit").in_line(another("busy"), limit=1)
    assert (scene.wanted("Cancelled").decided().status or {})["phase"] == "Cancelled"
    assert (scene.wanted("Paused").decided().status or {})["phase"] == "Paused"


def test_a_run_does_not_stand_in_its_own_way() -> None:
    scene = a_run().in_line(another("busy"), limit=2)
    assert scene.decided().opens
    assert scene.seen().run.metadata.uid == RUN_UID
    assert scene.seen().now - timedelta(seconds=10) == scene.seen().run.metadata.creation_timestamp
