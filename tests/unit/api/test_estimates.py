"""When a run will be done: on lines, branches, fan-outs and loops."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.estimates import Course, completion
from graphrun_api.events.model import NodeRow, NodeTiming, Usual
from graphrun_api.progress import NodeState, node_states, progress_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
USUAL = Usual(runs=3, steps=4.0, active_seconds=100.0)
LINE = {"nodes": ["a", "b", "c"], "edges": [["__start__", "a"], ["a", "b"], ["b", "c"], ["c", "__end__"]]}
BRANCH = {
    "nodes": ["a", "short", "long", "z"],
    "edges": [
        ["__start__", "a"],
        ["a", "short"],
        ["a", "long"],
        ["short", "z"],
        ["long", "z"],
        ["z", "__end__"],
    ],
}
LOOP = {"nodes": ["a", "b"], "edges": [["__start__", "a"], ["a", "b"], ["b", "a"]], "cyclic": True}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def running(node: str, seconds: float, progress: float = 0.0) -> NodeState:
    return NodeState(node, "RUNNING", progress, ago(seconds))


def done(node: str, seconds: float = 0.0) -> NodeState:
    return NodeState(node, "COMPLETED", 1.0, ago(seconds + 1), ago(seconds))


def pending(node: str) -> NodeState:
    return NodeState(node, "PENDING", 0.0)


def left(
    graph: dict[str, Any] | None,
    states: Sequence[NodeState],
    *,
    usual: Usual = USUAL,
    active: float = 0.0,
    times: dict[str, float],
) -> float | None:
    """Seconds until the estimated end, by the seconds that nodes take."""
    timings = [NodeTiming(node, 3, 1.0, each) for node, each in times.items()]
    found = completion(Course(graph, states, active, NOW), usual, timings)
    return (found - NOW).total_seconds() if found else None


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([pending("a"), pending("b"), pending("c")], 60),
        ([running("a", 4), pending("b"), pending("c")], 56),
        ([done("a"), pending("b"), pending("c")], 50),
        ([done("a", 30), running("b", 5), pending("c")], 45),
        ([done("a", 30), running("b", 50), pending("c")], 30),  # takes longer than ever: not before now
        ([done("a", 30), running("b", 5, progress=0.5), pending("c")], 35),  # it tells itself how far it is
        ([done("a", 9), done("b", 5), done("c", 1)], 0),
    ],
)
def test_on_a_line_what_is_left_is_the_time_of_the_nodes_to_come(
    states: list[NodeState], expected: float
) -> None:
    assert left(LINE, states, times={"a": 10, "b": 20, "c": 30}) == pytest.approx(expected)


def test_before_a_branch_the_longest_way_counts_and_behind_it_the_one_that_was_taken() -> None:
    times = {"a": 10.0, "short": 1.0, "long": 100.0, "z": 5.0}

    before = left(BRANCH, [running("a", 0), *map(pending, ("short", "long", "z"))], times=times)
    behind = left(BRANCH, [done("a", 1), running("short", 0), pending("long"), pending("z")], times=times)
    at_the_join = left(
        BRANCH, [done("a", 3), done("short", 1), pending("long"), running("z", 0)], times=times
    )

    assert (before, behind, at_the_join) == (115, 6, 5)


def test_of_branches_side_by_side_the_longest_counts() -> None:
    states = [done("a", 9), running("short", 0), running("long", 40), pending("z")]

    assert left(BRANCH, states, times={"a": 10, "short": 1, "long": 100, "z": 5}) == 65


def test_a_fan_out_lasts_as_long_as_all_of_it_together() -> None:
    rows = [
        NodeRow("a", "COMPLETED", 1, 1, None, ago(20), ago(12), 1, any_running=False, share=1.0),
        NodeRow("b", "RUNNING", 1, 2, None, ago(12), None, 8, any_running=True, share=0.25),
    ]

    states = node_states(LINE, rows, "RUNNING", 1)

    assert left(LINE, states, times={"a": 10, "b": 40, "c": 30}) == pytest.approx(36 + 30)
    assert progress_of(LINE, states, 2, None) == pytest.approx(1.25 / 3)


def test_with_a_loop_what_is_left_of_the_usual_time_counts() -> None:
    states = [running("a", 3), pending("b")]

    assert left(LOOP, states, active=30, times={"a": 1, "b": 1}) == 70
    assert (
        left(LOOP, states, active=100, times={"a": 1, "b": 1}) is None
    )  # longer than usual: nothing is known


@pytest.mark.parametrize("graph", [None, {}, {"nodes": ["a"], "edges": []}, {"edges": [["b", "c"]]}])
def test_where_the_way_on_is_not_known_the_usual_time_counts(graph: dict[str, Any] | None) -> None:
    assert left(graph, [running("a", 3)], active=30, times={"a": 10, "b": 5}) == 70


def test_a_node_that_decides_itself_where_to_go_leaves_the_usual_time() -> None:
    jumps = {"nodes": ["a", "b"], "edges": [["__start__", "a"], ["b", "__end__"]]}

    assert left(jumps, [done("a"), pending("b")], active=40, times={"a": 10, "b": 5}) == 60


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_nothing_is_said_before_three_runs_are_known(runs: int) -> None:
    usual = Usual(runs, 3.0, 10.0)

    assert left(LINE, [running("a", 1)], usual=usual, times={"a": 10, "b": 20, "c": 30}) is None
    assert left(LOOP, [running("a", 1)], usual=usual, times={"a": 10}) is None


@st.composite
def layered(draw: st.DrawFn) -> tuple[dict[str, Any], list[list[str]], dict[str, float]]:
    """A graph without loops in layers, and what its nodes take."""
    layers = [
        [f"n{depth}.{at}" for at in range(draw(st.integers(1, 3)))]
        for depth in range(draw(st.integers(1, 4)))
    ]
    nodes = [node for layer in layers for node in layer]
    edges = [["__start__", node] for node in layers[0]] + [[node, "__end__"] for node in layers[-1]]
    for upper, lower in pairwise(layers):
        edges += [[source, target] for source in upper for target in lower]
    times = {node: draw(st.floats(0, 100)) for node in nodes}
    return {"nodes": nodes, "edges": edges, "cyclic": False}, layers, times


@given(layered())
def test_the_estimate_from_the_start_is_the_sum_of_the_longest_of_each_layer(
    made: tuple[dict[str, Any], list[list[str]], dict[str, float]],
) -> None:
    graph, layers, times = made
    states = [pending(node) for node in graph["nodes"]]

    expected = sum(max(times[node] for node in layer) for layer in layers)

    assert left(graph, states, times=times) == pytest.approx(expected, abs=1e-4)


@given(layered(), st.data())
def test_progress_never_falls_while_nodes_run_and_end_and_never_passes_one(
    made: tuple[dict[str, Any], list[list[str]], dict[str, float]], data: st.DataObject
) -> None:
    graph, layers, _ = made
    rows: dict[str, NodeRow] = {}
    seen = [0.0]

    def look(step: int) -> None:
        seen.append(progress_of(graph, node_states(graph, list(rows.values()), "RUNNING", 1), step, None))

    for step, layer in enumerate(layers, 1):
        taken = data.draw(st.lists(st.sampled_from(layer), min_size=1, unique=True))
        for node in taken:
            rows[node] = NodeRow(node, "RUNNING", 1, step, None, NOW, None, 1, any_running=True, share=0.0)
        for share in sorted(data.draw(st.lists(st.floats(0, 1), max_size=3))):
            for node in taken:
                rows[node] = NodeRow(
                    node, "RUNNING", 1, step, None, NOW, None, 1, any_running=True, share=share
                )
            look(step)
        for node in taken:
            rows[node] = NodeRow(node, "COMPLETED", 1, step, None, NOW, NOW, 1, any_running=False, share=1.0)
            look(step)

    assert seen == sorted(seen)
    assert seen[-1] <= 1.0


@given(st.lists(st.integers(1, 60), min_size=1), st.floats(1, 40))
def test_progress_in_a_loop_never_falls_as_steps_go_on_and_stays_below_the_cap(
    steps: list[int], usual: float
) -> None:
    states = node_states(LOOP, [], "RUNNING", 1)

    found = [progress_of(LOOP, states, step, usual) for step in sorted(steps)]

    assert found == sorted(found)
    assert found[-1] <= 0.95
