"""What is reported and the exit code, for every way in which an attempt can end."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from graphrun_runner.supervisor import conclusion
from graphrun_runner.supervisor.conclusion import Conclusion, Ending, conclude
from graphrun_runner.supervisor.course import Course

_SUCCESS: Any = {"result": "Succeeded", "exitCode": 0, "output": 1}
_QUESTION: Any = {"result": "AwaitingInput", "exitCode": 80, "interrupts": []}
_FAILURE: Any = {"result": "Failed", "exitCode": 83, "reason": "GraphError", "message": "ValueError: no"}


def _seen(status: int = 0, outcome: Any = None, *, drained: bool = False, memory_limit: str = "") -> Ending:
    return Ending(status, outcome, drained, ["generate", "search"], memory_limit)


def _nothing(route: Course) -> None:
    pass


def _cancel(route: Course) -> None:
    route.wants("Cancelled", 0)


def _pause(route: Course) -> None:
    route.wants("Paused", 0)


def _pause_past_deadline(route: Course) -> None:
    route.told({"state": "Paused", "deadlineSeconds": 0, "onDeadline": "Interrupt"}, 0)
    route.tick(0)


def _evict(route: Course) -> None:
    route.terminated(0, 30)


def _evict_past_grace(route: Course) -> None:
    route.terminated(0, 0)
    route.tick(0)


def _too_long(route: Course) -> None:
    route.tick(1e9)


def _supersede(route: Course) -> None:
    route.superseded()


@pytest.mark.parametrize(
    ("happened", "seen", "result", "code", "reason"),
    [
        (_nothing, _seen(0, _SUCCESS), "Succeeded", 0, ""),
        (_nothing, _seen(0, _FAILURE), "Failed", 83, "GraphError"),
        (_nothing, _seen(0, _QUESTION), "AwaitingInput", 80, ""),
        (_cancel, _seen(0, _SUCCESS), "Succeeded", 0, ""),
        (_cancel, _seen(0, _FAILURE), "Failed", 83, "GraphError"),
        (_cancel, _seen(0, _QUESTION), "Cancelled", 82, ""),
        (_cancel, _seen(-15), "Cancelled", 82, ""),
        (_cancel, _seen(0, drained=True), "Cancelled", 82, ""),
        (_pause, _seen(0, drained=True), "Paused", 80, ""),
        (_pause, _seen(0, _QUESTION), "AwaitingInput", 80, ""),
        (_pause, _seen(0, _SUCCESS), "Succeeded", 0, ""),
        (_pause_past_deadline, _seen(-9), "Paused", 80, "NodesWillRerun"),
        (_evict, _seen(0, drained=True), "Interrupted", 81, "Interrupted"),
        (_evict_past_grace, _seen(-9), "Interrupted", 81, "Interrupted"),
        (_too_long, _seen(-15), "Failed", 84, "ActiveTimeout"),
        (_too_long, _seen(0, _SUCCESS), "Succeeded", 0, ""),
        (_supersede, _seen(0, _SUCCESS), "Failed", 87, "FenceLost"),
        (_nothing, _seen(-9), None, 137, "RunnerCrashed"),
        (_nothing, _seen(-9, memory_limit="128 MiB"), None, 137, "OutOfMemory"),
        (_nothing, _seen(-11), None, 139, "RunnerCrashed"),
        (_nothing, _seen(3), None, 3, "RunnerCrashed"),
        (_nothing, _seen(0), None, 1, "RunnerCrashed"),
        (_nothing, _seen(82), None, 1, "RunnerCrashed"),
        (_pause, _seen(-9), None, 137, "RunnerCrashed"),
    ],
)
def test_outcome_and_exit_code_agree(
    happened: Callable[[Course], None], seen: Ending, result: str | None, code: int, reason: str
) -> None:
    route = Course({}, started=0.0, active_seconds=1e8)
    happened(route)
    end = conclude(route, seen)
    assert (end.exit_code, end.reason) == (code, reason)
    if result is None:
        assert end.outcome is None
    else:
        assert end.outcome is not None
        assert (end.outcome["result"], end.outcome["exitCode"]) == (result, code)
        assert end.outcome.get("reason", "") == reason


def test_a_stopped_pause_names_the_nodes() -> None:
    route = Course({}, started=0.0, active_seconds=None)
    _pause_past_deadline(route)
    assert "generate, search" in conclude(route, _seen(-9)).message


def test_the_memory_limit_is_named() -> None:
    route = Course({}, started=0.0, active_seconds=None)
    assert "128 MiB" in conclude(route, _seen(-9, memory_limit="128 MiB")).message


def test_a_termination_message_is_the_outcome_cut_to_what_the_kubelet_keeps() -> None:
    small = conclusion.termination_message(Conclusion(_SUCCESS, 0, "", ""))
    assert json.loads(small) == _SUCCESS
    long: Any = {**_SUCCESS, "output": "é" * 1500, "message": "why " * 200}
    cut = conclusion.termination_message(Conclusion(long, 0, "", ""))
    assert len(cut) <= 4096
    assert json.loads(cut) == {"result": "Succeeded", "exitCode": 0, "message": "why " * 200}


def test_without_an_outcome_the_termination_message_is_text() -> None:
    text = conclusion.termination_message(conclusion.without_claim(85, "spec.state is Cancelled"))
    assert text == b"ClaimRefused: spec.state is Cancelled"
