"""What a watcher makes of a run's events."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from graphrun_devcluster.demo import timings
from graphrun_devcluster.demo.screen import Screen
from graphrun_devcluster.demo.stream import Event
from graphrun_devcluster.demo.view import RunView

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def view_of(*steps: tuple[str, str, dict[str, Any]]) -> RunView:
    view = RunView()
    for seq, (kind, node, data) in enumerate(steps, 1):
        view.apply(event(seq, kind, node, data))
    return view


def event(seq: int, kind: str, node: str = "", data: dict[str, Any] | None = None, attempt: int = 1) -> Event:
    return Event(seq, kind, NOON, attempt, node, data or {}, NOON + timedelta(milliseconds=40))


def test_nodes_are_pending_until_they_start() -> None:
    view = view_of(("run_started", "", {"graph": {"nodes": ["a", "b"]}}), ("node_started", "a", {}))

    assert {name: node.word for name, node in view.nodes.items()} == {"a": "running", "b": "pending"}
    assert view.current == ["a"]


def test_side_by_side_visits_are_counted_one_by_one() -> None:
    view = view_of(("node_started", "m", {}), ("node_started", "m", {}), ("node_completed", "m", {}))

    assert (view.nodes["m"].running, view.nodes["m"].completed) == (1, 1)


def test_an_event_seen_twice_counts_once() -> None:
    view = view_of(("node_started", "m", {}))
    view.apply(event(1, "node_started", "m"))

    assert view.nodes["m"].running == 1


def test_progress_never_falls_and_completion_fills_it() -> None:
    told = ("custom", "p", {"payload": {"progress": 0.6}}), ("custom", "p", {"payload": {"progress": 0.2}})

    assert view_of(*told).progress == 0.6
    assert view_of(*told, ("run_completed", "", {})).progress == 1.0


@pytest.mark.parametrize("payload", [None, "half way", {"progress": "half"}, {"truncated": True}])
def test_other_custom_events_leave_progress_alone(payload: object) -> None:
    assert view_of(("custom", "p", {"payload": payload})).progress == 0.0


@pytest.mark.parametrize("end", ["run_paused", "run_cancelled", "run_failed", "run_completed"])
def test_nothing_runs_after_a_stop(end: str) -> None:
    assert view_of(("node_started", "m", {}), (end, "", {})).current == []


def test_a_retried_node_is_still_running() -> None:
    assert view_of(("node_started", "m", {}), ("node_retrying", "m", {"error": "busy"})).current == ["m"]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_screen_shows_a_run_on_a_terminal_and_in_plain_lines(*, terminal: bool) -> None:
    console = Console(force_terminal=terminal, record=True, width=120, file=io.StringIO())
    screen = Screen(console)
    view = view_of(
        ("run_started", "", {"graph": {"nodes": ["measure", "report"]}}), ("node_started", "measure", {})
    )

    with screen.watching():
        screen.show("audit-1", view)

    text = console.export_text()
    assert "measure" in text
    assert "running" in text


def test_delays_are_taken_from_node_events_and_told_in_the_table() -> None:
    taken = timings.Timings(pause=0.25)
    for seq, kind in enumerate(["run_started", "node_started", "node_completed"]):
        taken.take(event(seq, kind))

    console = Console(record=True, width=140, file=io.StringIO())
    console.print(timings.table(taken))
    text = console.export_text()

    assert taken.socket == [0.04, 0.04]
    assert "250 ms" in text
    assert "40 ms" in text
