from typing import Any

import pytest

from graphrun_core.protocol import Command
from graphrun_runner.supervisor import course
from graphrun_runner.supervisor.course import DRAIN, STOP, Course


def _course(**changes: Any) -> Course:
    values = {
        "pause": {"deadlineSeconds": 30, "onDeadline": "Wait"},
        "started": 0.0,
        "active_seconds": None,
        **changes,
    }
    return Course(values.pop("pause"), **values)


def _command(state: str, seconds: int | None = None, then: str = "Wait") -> Command:
    return {"state": state, "deadlineSeconds": seconds, "onDeadline": then}


def test_hearing_the_same_on_both_paths_acts_once() -> None:
    route = _course()
    assert route.wants("Paused", 1) == DRAIN
    assert route.told(_command("Paused"), 2) == ""
    assert route.wants("Cancelled", 3) == STOP
    assert route.told(_command("Cancelled"), 4) == ""


def test_a_pause_that_waits_never_stops() -> None:
    route = _course()
    assert route.told(_command("Paused", 30, "Wait"), 0) == DRAIN
    assert route.next_tick() is None
    assert route.tick(1e6) == ""


def test_a_pause_that_interrupts_stops_at_its_deadline() -> None:
    route = _course()
    assert route.told(_command("Paused", 10, "Interrupt"), 100) == DRAIN
    assert route.tick(109.9) == ""
    assert route.next_tick() == 110
    assert route.tick(110) == STOP
    assert route.stop_why == course.WHY_PAUSE_DEADLINE


def test_a_deadline_that_arrives_after_the_file_still_counts() -> None:
    route = _course()
    assert route.wants("Paused", 100) == DRAIN
    assert route.told(_command("Paused", 5, "Interrupt"), 101) == ""
    assert route.tick(106) == STOP


def test_a_pause_taken_back_goes_on_draining() -> None:
    route = _course()
    route.wants("Paused", 0)
    assert route.wants("Running", 1) == ""
    assert route.drain_reason == "pause"


def test_nothing_follows_a_cancel() -> None:
    route = _course()
    assert route.wants("Cancelled", 0) == STOP
    assert route.wants("Running", 1) == ""
    assert route.wants("Paused", 2) == ""
    assert route.terminated(3, 30) == ""
    assert (route.wanted, route.stop_why) == ("Cancelled", course.WHY_CANCEL)


def test_an_eviction_drains_within_the_grace_less_a_reserve() -> None:
    route = _course()
    assert route.terminated(100, 30) == DRAIN
    assert route.terminated(101, 30) == ""
    assert route.tick(126.9) == ""
    assert route.tick(127) == STOP
    assert route.stop_why == course.WHY_EVICTION


def test_an_eviction_during_a_pause_that_waits_brings_a_deadline() -> None:
    route = _course()
    assert route.wants("Paused", 0) == DRAIN
    assert route.terminated(10, 30) == ""
    assert route.tick(37) == STOP
    assert route.drain_reason == "pause"


def test_the_active_limit_stops() -> None:
    route = _course(started=50.0, active_seconds=10.0)
    assert route.next_tick() == 60
    assert route.tick(60) == STOP
    assert route.stop_why == course.WHY_ACTIVE_LIMIT


@pytest.mark.parametrize("first", ["Paused", "Cancelled"])
def test_the_loss_of_the_attempt_beats_everything(first: str) -> None:
    route = _course()
    route.wants(first, 0)
    assert route.superseded() == (STOP if first == "Paused" else "")
    assert route.stop_why == course.WHY_SUPERSEDED
