"""Pauses, questions and evictions: the attempt ends at a step boundary, and another process goes on from there."""

import os
import signal
from typing import Any

import pytest

from graphrun_core.claims import fence_of
from support.runner_process import Attempt, Runner


def _resume(
    *, id_: str = "r1", value: Any = None, has_value: bool = False, earlier: tuple[int, ...] = ()
) -> Any:
    fences = [fence_of(attempt) for attempt in earlier]
    return {"id": id_, "checkpointID": "", "hasValue": has_value, "value": value, "earlierFences": fences}


@pytest.mark.parametrize("by", ["api", "file"])
def test_a_pause_lets_the_step_end_and_a_new_process_repeats_nothing(runner: Runner, by: str) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    _ask(runner, attempt, by, "Paused")
    _until_draining(attempt)
    runner.go()
    assert attempt.wait() == 80, attempt.log
    assert attempt.outcome == {"result": "Paused", "exitCode": 80}
    assert runner.marks == ["a", "held-entered", "held"]
    assert attempt.report["checkpoint"]["step"] == 2

    runner.api.command("Running")
    resumed = runner.start("flows:three", attempt=2, resume=_resume())
    assert resumed.wait() == 0, resumed.log
    assert runner.marks == ["a", "held-entered", "held", "c"]
    assert resumed.outcome["output"]["seen"] == ["a", "held", "c"]


def test_a_pause_during_the_start_keeps_the_input_and_runs_nothing(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    runner.api.until(lambda api: api.claims)
    runner.api.command("Paused")
    assert attempt.wait() == 80, attempt.log
    assert attempt.outcome["result"] == "Paused"
    assert runner.marks == []

    runner.api.command("Running")
    runner.go()
    resumed = runner.start("flows:three", attempt=2, input={"not": "used"}, resume=_resume())
    assert resumed.wait() == 0, resumed.log
    assert runner.marks == ["a", "held-entered", "held", "c"]


def test_a_pause_that_is_taken_back_ends_as_paused(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    runner.api.command("Paused")
    _until_draining(attempt)
    runner.api.command("Running")
    runner.go()
    assert attempt.wait() == 80, attempt.log
    assert attempt.outcome["result"] == "Paused"


def test_a_pause_past_its_deadline_stops_the_nodes_and_names_them(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping")
    runner.api.until(lambda api: api.started("asleep"))
    runner.api.command("Paused", deadlineSeconds=1, onDeadline="Interrupt")
    assert attempt.wait() == 80, attempt.log
    assert attempt.outcome["result"] == "Paused"
    assert attempt.outcome["reason"] == "NodesWillRerun"
    assert "asleep" in attempt.outcome["message"]


def test_a_drain_inside_a_subgraph_goes_on_at_its_next_node(runner: Runner) -> None:
    attempt = runner.start("flows:nested")
    attempt.until_marked("held-entered")
    runner.api.command("Paused")
    _until_draining(attempt)
    runner.go()
    assert attempt.wait() == 80, attempt.log
    assert runner.marks == ["a", "x", "held-entered", "held"]
    inside = [e for e in runner.api.of("node_started") if e["ns"]]
    [outer] = [e for e in runner.api.of("node_started") if e["node_id"] == "inner"]
    assert [e["node_id"] for e in inside] == ["x", "held"]
    assert {e["ns"] for e in inside} == {f"inner:{outer['task_id']}"}

    runner.api.command("Running")
    resumed = runner.start("flows:nested", attempt=2, resume=_resume())
    assert resumed.wait() == 0, resumed.log
    assert runner.marks == ["a", "x", "held-entered", "held", "y", "z"]


def test_a_question_ends_the_attempt_and_its_answer_goes_on(runner: Runner) -> None:
    asked = runner.start("flows:approval")
    assert asked.wait() == 80, asked.log
    assert asked.outcome["result"] == "AwaitingInput"
    [interrupt] = asked.outcome["interrupts"]
    assert (interrupt["node"], interrupt["value"]) == ("asking", {"question": "go on?"})
    ended = [(e["node_id"], e["data"]) for e in runner.api.of("node_completed")]
    assert ended == [("a", {}), ("asking", {"interrupted": True})]

    answered = runner.start("flows:approval", attempt=2, resume=_resume(value="yes", has_value=True))
    assert answered.wait() == 0, answered.log
    assert runner.marks == ["a", "asking", "asking", "answered yes"]
    assert answered.outcome["output"]["answer"] == "yes"


def test_an_answer_is_not_given_to_the_next_question_when_its_report_was_lost(runner: Runner) -> None:
    runner.go()
    asked = runner.start("flows:two_questions")
    assert asked.wait() == 80, asked.log
    answered = runner.start("flows:two_questions", attempt=2, resume=_resume(value="yes", has_value=True))
    assert answered.wait() == 80, answered.log

    again = _resume(value="yes", has_value=True, earlier=(2,))
    third = runner.start("flows:two_questions", attempt=3, resume=again)
    assert third.wait() == 80, third.log
    assert [i["value"] for i in third.outcome["interrupts"]] == ["second?"]

    other = _resume(id_="r2", value="no", has_value=True)
    last = runner.start("flows:two_questions", attempt=4, resume=other)
    assert last.wait() == 0, last.log
    assert last.outcome["output"]["answer"] == ["yes", "no"]


def test_an_answer_survives_a_crash_of_the_attempt_that_was_given_it(runner: Runner) -> None:
    asked = runner.start("flows:two_questions")
    assert asked.wait() == 80, asked.log
    answered = runner.start("flows:two_questions", attempt=2, resume=_resume(value="yes", has_value=True))
    answered.until_marked("first yes")
    [child] = answered.children()
    os.kill(child, signal.SIGKILL)
    assert answered.wait() == 137, answered.log

    runner.go()
    again = _resume(value="yes", has_value=True, earlier=(2,))
    third = runner.start("flows:two_questions", attempt=3, resume=again)
    assert third.wait() == 80, third.log
    assert [i["value"] for i in third.outcome["interrupts"]] == ["second?"]


def test_an_answer_to_one_of_several_questions_must_name_it(runner: Runner) -> None:
    asked = runner.start("flows:parallel_questions")
    assert asked.wait() == 80, asked.log
    ids = {i["node"]: i["id"] for i in asked.outcome["interrupts"]}
    assert set(ids) == {"left", "right"}

    unclear = runner.start("flows:parallel_questions", attempt=2, resume=_resume(value="yes", has_value=True))
    assert unclear.wait() == 80, unclear.log
    assert unclear.outcome["result"] == "AwaitingInput"
    assert "several questions are open" in unclear.outcome["message"]

    both = _resume(id_="r2", value={ids["left"]: "l", ids["right"]: "r"}, has_value=True)
    answered = runner.start("flows:parallel_questions", attempt=3, resume=both)
    assert answered.wait() == 0, answered.log
    assert sorted(answered.outcome["output"]["seen"]) == ["left l", "right r"]


def test_an_unanswered_question_is_asked_again(runner: Runner) -> None:
    first = runner.start("flows:approval")
    assert first.wait() == 80, first.log
    second = runner.start("flows:approval", attempt=2)
    assert second.wait() == 80, second.log
    assert second.outcome["interrupts"] == first.outcome["interrupts"]


def test_a_resume_from_an_earlier_checkpoint_runs_from_there(runner: Runner) -> None:
    runner.go()
    first = runner.start("flows:three")
    assert first.wait() == 0, first.log
    [after_a] = [e["data"]["id"] for e in runner.api.of("checkpoint_saved") if e["data"]["step"] == 1]
    request = {**_resume(), "checkpointID": after_a}
    second = runner.start("flows:three", attempt=2, resume=request)
    assert second.wait() == 0, second.log
    assert runner.marks == ["a", "held-entered", "held", "c", "held-entered", "held", "c"]
    [resumed] = runner.api.of("run_resumed")
    assert resumed["data"]["checkpoint_id"] == after_a


def test_a_crash_costs_only_the_step_under_way(runner: Runner) -> None:
    crashed = runner.start("flows:three")
    crashed.until_marked("held-entered")
    # In durability async, the checkpoint before `held` may be on its way while `held` runs.
    runner.api.until(lambda api: any(e["data"]["step"] == 1 for e in api.of("checkpoint_saved")))
    [child] = crashed.children()
    os.kill(child, signal.SIGKILL)
    assert crashed.wait() == 137, crashed.log
    runner.go()
    second = runner.start("flows:three", attempt=2)
    assert second.wait() == 0, second.log
    assert runner.marks == ["a", "held-entered", "held-entered", "held", "c"]


def test_an_eviction_drains_and_counts_as_interrupted(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    attempt.process.send_signal(signal.SIGTERM)
    _until_draining(attempt)
    runner.go()
    assert attempt.wait() == 81, attempt.log
    assert attempt.outcome["result"] == "Interrupted"
    assert runner.marks == ["a", "held-entered", "held"]


def test_an_eviction_stops_what_does_not_drain_within_the_grace(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping", environ={"GRAPHRUN_GRACE_SECONDS": "4"})
    runner.api.until(lambda api: api.started("asleep"))
    attempt.process.send_signal(signal.SIGTERM)
    assert attempt.wait(seconds=4) == 81, attempt.log
    assert attempt.outcome["result"] == "Interrupted"


def _ask(runner: Runner, attempt: Attempt, by: str, state: str) -> None:
    if by == "api":
        runner.api.command(state)
    else:
        attempt.desire(state)


def _until_draining(attempt: Attempt) -> None:
    attempt.until_logged("finishing the step under way")
