"""A watch that is open and tells nothing is told from a quiet cluster."""

import pytest

from graphrun_operator.echoes import DEAF, DUE_SECONDS, Echoes


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def echoes(clock: Clock) -> Echoes:
    return Echoes(clock)


def test_a_write_that_came_back_is_owed_no_more(echoes: Echoes, clock: Clock) -> None:
    echoes.expect("jobs", "7")
    echoes.hear("jobs", "7")
    clock.now = DUE_SECONDS
    assert echoes.overdue() == []


def test_a_watch_that_told_of_a_write_before_its_answer_came_owes_nothing(
    echoes: Echoes, clock: Clock
) -> None:
    echoes.hear("jobs", "7")
    echoes.expect("jobs", "7")
    clock.now = DUE_SECONDS
    assert echoes.overdue() == []


def test_a_change_of_unknown_version_is_owed_until_the_watch_tells_something_new(
    echoes: Echoes, clock: Clock
) -> None:
    for plural in ("jobs", "pods"):
        echoes.hear(plural, "7")
        echoes.expect_news(plural)
        echoes.hear(plural, "7")
    echoes.hear("pods", "8")
    clock.now = DUE_SECONDS
    assert echoes.overdue() == ["jobs"]


def test_a_later_version_tells_of_the_earlier_ones_and_an_earlier_one_does_not(
    echoes: Echoes, clock: Clock
) -> None:
    echoes.expect("jobs", "7")
    echoes.expect("pods", "7")
    echoes.hear("jobs", "8")
    echoes.hear("pods", "6")
    clock.now = DUE_SECONDS
    assert echoes.overdue() == ["pods"]


def test_a_write_is_owed_from_when_it_was_made_however_many_follow(echoes: Echoes, clock: Clock) -> None:
    for version in range(10, 40):
        clock.now += 1
        echoes.expect("jobs", str(version))
    assert echoes.overdue() == ["jobs"]
    assert echoes.overdue() == [], "told once"


def test_a_watch_that_tells_nothing_of_several_changes_in_a_row_is_deaf(echoes: Echoes, clock: Clock) -> None:
    for _ in range(DEAF):
        assert echoes.deaf() == []
        echoes.expect("jobs", "7")
        clock.now += DUE_SECONDS
        assert echoes.overdue() == ["jobs"]
    assert echoes.deaf() == ["jobs"]
    echoes.hear("jobs", "8")
    assert echoes.deaf() == []


def test_a_quiet_cluster_owes_nothing(echoes: Echoes, clock: Clock) -> None:
    clock.now = 10 * DUE_SECONDS
    assert echoes.overdue() == []
    assert echoes.deaf() == []
