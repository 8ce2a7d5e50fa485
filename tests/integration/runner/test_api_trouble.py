"""The API refuses, is away, or has given the run to another attempt."""

import pytest

from support.runner_process import Runner


def test_a_refused_claim_runs_nothing(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping", refused=True)
    assert attempt.wait() == 85, attempt.log
    assert runner.marks == []
    assert runner.api.reports == []
    assert "not this one" in (attempt.home / "termination-log").read_text()


def test_a_refused_token_ends_the_pod_after_some_seconds(runner: Runner) -> None:
    runner.api.unauthorised = True
    attempt = runner.start("flows:sleeping")
    assert attempt.wait(seconds=15) == 86, attempt.log
    assert "refuses this pod's token" in attempt.log


def test_an_api_that_never_answers_ends_the_pod_at_the_limit(runner: Runner) -> None:
    runner.api.hang_up()
    attempt = runner.start("flows:sleeping", environ={"GRAPHRUN_START_SECONDS": "2"})
    assert attempt.wait(seconds=15) == 86, attempt.log
    assert runner.marks == []


def test_a_rotated_token_is_read_again(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    runner.api.token = "another-token"  # noqa: S105
    (attempt.home / "token").write_text("another-token")
    runner.go()
    assert attempt.wait() == 0, attempt.log
    assert attempt.outcome["result"] == "Succeeded"


def test_events_wait_while_the_api_is_away_and_arrive_once_and_in_order(runner: Runner) -> None:
    attempt = runner.start("flows:talking")
    runner.api.until(lambda api: len(api.of("custom")) > 20)
    runner.api.hang_up()
    attempt.until_marked("b")  # the graph did not wait for the API
    runner.api.answer_again()
    assert attempt.wait() == 0, attempt.log
    seqs = [event["seq"] for event in runner.api.unique()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [e["data"]["payload"]["number"] for e in runner.api.of("custom")] == list(range(300))
    assert max(runner.api.batches) <= 50


def test_an_event_that_the_api_refuses_does_not_hold_up_the_others(runner: Runner) -> None:
    runner.api.refused_events = ("node_progress", "checkpoint_saved")
    runner.go()
    attempt = runner.start("flows:three")
    assert attempt.wait() == 0, attempt.log
    assert [e["node_id"] for e in runner.api.of("node_completed")] == ["a", "held", "c"]


@pytest.mark.parametrize("graph", ["sleeping", "talking"])
def test_a_superseded_attempt_stops_at_once_and_reports_nothing(runner: Runner, graph: str) -> None:
    attempt = runner.start(f"flows:{graph}")
    runner.api.until(lambda api: api.of("node_started"))
    runner.api.supersede()
    assert attempt.wait(seconds=3) == 87, attempt.log
    assert runner.api.reports == []
    assert attempt.termination_message["reason"] == "FenceLost"


def test_an_attempt_with_a_lower_fence_loses_its_state(runner: Runner) -> None:
    runner.go()
    newer = runner.start("flows:three", attempt=2)
    assert newer.wait() == 0, newer.log
    older = runner.start("flows:three", attempt=1)
    assert older.wait() == 87, older.log
    assert older.outcome["reason"] == "FenceLost"
    assert runner.marks.count("a") == 1
