"""How far a run is, and how its nodes stand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from graphrun_api.events.model import NodeRow
from graphrun_api.progress import current_nodes, node_states, progress_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1 = datetime(2026, 1, 2, tzinfo=UTC)
LINE = {"nodes": ["a", "b", "c", "d"], "edges": [], "cyclic": False}
LOOP = {**LINE, "cyclic": True}


def row(node: str, status: str = "COMPLETED", share: float = 1.0, attempt: int = 1) -> NodeRow:
    running = status == "RUNNING"
    ended = None if running else T1
    return NodeRow(node, status, attempt, 1, None, T0, ended, 1, running, share)


def test_nodes_stand_in_the_graphs_order_and_unknown_ones_behind() -> None:
    states = node_states(LINE, [row("x"), row("b"), row("a")], "RUNNING", 1)

    assert [state.node_id for state in states] == ["a", "b", "c", "d", "x"]


def test_half_the_nodes_done_is_half_the_way() -> None:
    visited = [row("a"), row("b")]

    assert progress_of(LINE, node_states(LINE, visited, "RUNNING", 1), 2, None) == 0.5


def test_a_nodes_own_progress_and_a_fan_out_count_in_part() -> None:
    visited = [row("a"), row("b", "RUNNING", 0.6)]

    assert progress_of(LINE, node_states(LINE, visited, "RUNNING", 1), 2, None) == pytest.approx(0.4)


def test_with_a_loop_steps_are_compared_with_earlier_runs_and_capped() -> None:
    states = node_states(LOOP, [row("a")], "RUNNING", 1)

    assert progress_of(LOOP, states, 5, 20) == 0.25
    assert progress_of(LOOP, states, 50, 20) == 0.95
    assert progress_of(LOOP, states, 5, None) == 0.25
    assert progress_of(LOOP, node_states(LOOP, [row(n) for n in "abcd"], "RUNNING", 1), 4, None) == 0.95


def test_without_a_graph_and_visits_nothing_is_done() -> None:
    assert progress_of(None, [], 0, None) == 0.0


@pytest.mark.parametrize(
    ("run_status", "expected"),
    [
        ("RUNNING", "RUNNING"),
        ("PAUSING", "RUNNING"),
        ("CANCELLING", "RUNNING"),
        ("PAUSED", "PENDING"),  # it runs again on resume
        ("INTERRUPTED", "PENDING"),
        ("CANCELLED", "CANCELLED"),
        ("FAILED", "CANCELLED"),
        ("COMPLETED", "COMPLETED"),
    ],
)
def test_an_unfinished_visit_is_shown_by_what_became_of_the_run(run_status: str, expected: str) -> None:
    [state, *_] = node_states(LINE, [row("a", "RUNNING", 0.0)], run_status, 1)

    assert state.status == expected


def test_nodes_that_never_ran_are_cancelled_with_the_run() -> None:
    states = node_states(LINE, [row("a")], "CANCELLED", 1)

    assert [state.status for state in states] == ["COMPLETED", "CANCELLED", "CANCELLED", "CANCELLED"]


def test_what_a_lost_attempt_left_unfinished_runs_again() -> None:
    lost = row("a", "RUNNING", 0.3, attempt=1)

    assert node_states(LINE, [lost], "RUNNING", 2)[0].status == "PENDING"
    assert current_nodes([lost], 2) == []


def test_a_visit_that_stopped_at_an_interrupt_runs_again() -> None:
    assert node_states(LINE, [row("a", "INTERRUPTED")], "INTERRUPTED", 1)[0].status == "PENDING"


def test_the_node_that_started_last_is_the_current_one() -> None:
    running = [row("a", "RUNNING"), replace(row("b", "RUNNING"), started_at=T1), row("c")]

    assert current_nodes(running, 1) == ["b", "a"]
