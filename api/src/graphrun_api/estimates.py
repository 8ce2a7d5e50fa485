"""When a run will be done, from what earlier runs of its revision took. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any, Final

from graphrun_api.events.model import NodeTiming, Usual
from graphrun_api.progress import NodeState
from graphrun_core import phases

# From so many completed runs of a revision on, what they took is believed.
LEAST_RUNS: Final = 3
_START: Final = "__start__"


@dataclass(frozen=True)
class Course:
    """How far a run has come.

    Attributes:
        graph: its topology, as a runner reported it.
        states: its nodes.
        active_seconds: for how long it has been at work, pauses left out.
        now: this moment.
    """

    graph: Mapping[str, Any] | None
    states: Sequence[NodeState]
    active_seconds: float
    now: datetime


def completion(course: Course, usual: Usual, timings: Sequence[NodeTiming]) -> datetime | None:
    """When the run is likely to end; None while nothing is known to go by.

    Without loops: the longest way through what is still to come, by the mean time of each node. With loops, or where
    the way on is not known: what is left of the median time of whole runs; None once it has taken longer than that.
    """
    if usual.runs < LEAST_RUNS:
        return None
    known = {timing.node_id: timing.seconds for timing in timings}
    graph = course.graph or {}
    left = None if graph.get("cyclic") or not known else _longest_way(course, graph.get("edges") or (), known)
    if left is None:
        left = (usual.active_seconds or 0.0) - course.active_seconds
        return course.now + timedelta(seconds=left) if left > 0 else None
    return course.now + timedelta(seconds=left)


def _longest_way(course: Course, edges: Sequence[Sequence[str]], known: Mapping[str, float]) -> float | None:
    """Seconds of the longest way on; None where the edges do not tell it (a node that says itself where to go)."""
    following: dict[str, list[str]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    states = {state.node_id: state for state in course.states}
    lengths: dict[str, float] = {}
    for node in TopologicalSorter(following).static_order():  # those that follow come first
        rest = max((lengths[each] for each in following.get(node, ())), default=0.0)
        lengths[node] = _left(states.get(node), known.get(node, 0.0), course.now) + rest
    return max((lengths[node] for node in _front(states, following) if node in lengths), default=None)


def _front(states: Mapping[str, NodeState], following: Mapping[str, Sequence[str]]) -> list[str]:
    """The nodes at work; between two steps those that may come next: a branch not taken is not waited for."""
    running = [node for node, state in states.items() if state.status == phases.NODE_RUNNING]
    if running:
        return running
    done = [node for node, state in states.items() if state.status == phases.NODE_COMPLETED]
    if not done:
        return [_START]
    times = [moment for node in done if (moment := states[node].completed_at)]
    latest = [node for node in done if states[node].completed_at == max(times, default=None)]
    return [each for node in latest for each in following.get(node, ())]


def _left(state: NodeState | None, seconds: float, now: datetime) -> float:
    if state is None or state.status == phases.NODE_PENDING:
        return seconds
    if state.status != phases.NODE_RUNNING or state.started_at is None:
        return 0.0
    spent = max((now - state.started_at).total_seconds(), 0.0)
    if 0 < state.progress < 1:
        return spent * (1 - state.progress) / state.progress
    return max(seconds - spent, 0.0)
