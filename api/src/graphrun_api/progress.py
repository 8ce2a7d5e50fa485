"""How far a run is, and how its nodes stand. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphrun_api import standing
from graphrun_api.events.model import NodeRow
from graphrun_core import phases

# Before its end a run with a loop is never shown as further than this.
CYCLIC_CAP: Final = 0.95
_WAITING: Final = frozenset({standing.PAUSED, standing.INTERRUPTED, standing.PENDING})


@dataclass(frozen=True)
class NodeState:
    """A node as clients see it."""

    node_id: str
    status: str
    progress: float
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempt: int = 0
    visits: int = 0
    error: str | None = None


def node_states(
    graph: Mapping[str, Any] | None, visited: Sequence[NodeRow], run_status: str, attempt: int
) -> list[NodeState]:
    """Every node of the graph in its order, then those that only visits know."""
    rows = {row.node_id: row for row in visited}
    order = [node for node in (graph or {}).get("nodes", []) if isinstance(node, str)]
    order += [node for node in rows if node not in set(order)]
    return [_state(node, rows.get(node), run_status, attempt) for node in order]


def current_nodes(visited: Sequence[NodeRow], attempt: int) -> list[str]:
    """The nodes that run now, the one started last first."""
    running = [row for row in visited if row.any_running and row.attempt == attempt]
    return [row.node_id for row in sorted(running, key=lambda row: row.started_at, reverse=True)]


def progress_of(
    graph: Mapping[str, Any] | None, states: Sequence[NodeState], step: int, median_steps: float | None
) -> float:
    """From 0 to 1: nodes done of the nodes there are; with a loop, steps done of the usual steps."""
    if not states:
        return 0.0
    done = sum(state.progress for state in states) / len(states)
    if not (graph or {}).get("cyclic"):
        return min(done, 1.0)
    return min(step / median_steps if median_steps else done, CYCLIC_CAP)


def _state(node: str, row: NodeRow | None, run_status: str, attempt: int) -> NodeState:
    if row is None:
        status = phases.NODE_CANCELLED if run_status == standing.CANCELLED else phases.NODE_PENDING
        return NodeState(node, status, 0.0)
    status = _status(row, run_status, attempt)
    progress = 1.0 if status == phases.NODE_COMPLETED else min(row.share, 1.0) if row.any_running else 0.0
    ended = row.completed_at if status != phases.NODE_RUNNING else None
    return NodeState(node, status, progress, row.started_at, ended, row.attempt, row.visits, row.error)


def _status(row: NodeRow, run_status: str, attempt: int) -> str:
    """A visit that its attempt did not finish runs again, unless the run has ended."""
    if not row.any_running and row.status in {
        phases.NODE_COMPLETED,
        phases.NODE_FAILED,
        phases.NODE_CANCELLED,
    }:
        return row.status
    if run_status == standing.COMPLETED:
        return phases.NODE_COMPLETED
    if run_status in standing.ENDED:
        return phases.NODE_CANCELLED
    runs = row.any_running and row.attempt == attempt and run_status not in _WAITING
    return phases.NODE_RUNNING if runs else phases.NODE_PENDING
