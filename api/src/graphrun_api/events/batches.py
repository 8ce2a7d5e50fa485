"""What a runner sent, checked and sorted into the columns that Postgres takes. Pure."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from graphrun_api.errors import BodyInvalid
from graphrun_core import events, phases
from graphrun_core.times import from_rfc3339

Json = dict[str, Any]
# Internal: the visit stopped at interrupt() and will run again.
INTERRUPTED: Final = "INTERRUPTED"
_ENDS: Final = {events.NODE_COMPLETED: phases.NODE_COMPLETED, events.NODE_FAILED: phases.NODE_FAILED}
_MAX_INT: Final = 2**31 - 1
_MAX_NODES: Final = 2000
_MAX_EDGES: Final = 10_000
_ENDS_OF_EDGE: Final = 2


@dataclass(frozen=True)
class Incoming:
    """One event of a runner; `runner_seq` is its number within the attempt."""

    runner_seq: int
    type: str
    at: datetime
    node_id: str | None
    task_id: str
    ns: str
    step: int
    visit: int
    data: Json

    def data_text(self) -> str:
        """The data as it is stored."""
        return json.dumps(self.data, separators=(",", ":"))


@dataclass(frozen=True)
class Sorted:
    """What a batch means beside its events."""

    started: list[Incoming] = field(default_factory=list)
    progressed: list[Incoming] = field(default_factory=list)
    ended: list[Incoming] = field(default_factory=list)
    graph: Json | None = None
    checkpoint: Json | None = None  # the newest of the root graph, as status.runner.checkpoint has it
    step: int = 0


def read_batch(body: Any, now: datetime) -> list[Incoming]:  # noqa: ANN401 - JSON from outside
    """The events of a request's body; types that no runner sends are left out.

    Raises:
        BodyInvalid: it is no batch, or an event lacks its number.
    """
    found = body.get("events") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise BodyInvalid('events: send {"events": [...]}')
    return [
        _read(item, now)
        for item in found
        if isinstance(item, dict) and item.get("type") in events.RUNNER_TYPES
    ]


def _read(item: Json, now: datetime) -> Incoming:
    seq = item.get("seq")
    if not isinstance(seq, int) or not 0 < seq < 2**62:
        raise BodyInvalid("events: every event needs a seq, a number from 1")
    data = item.get("data")
    return Incoming(
        runner_seq=seq,
        type=item["type"],
        at=_time(item.get("at"), now),
        node_id=_text(item.get("node_id")) or None,
        task_id=_text(item.get("task_id")),
        ns=_text(item.get("ns")),
        step=_int(item.get("step")),
        visit=_int(item.get("visit")) or 1,
        data=data if isinstance(data, dict) else {},
    )


def sort_batch(batch: Sequence[Incoming]) -> Sorted:
    """Pick out what changes node visits, graph, checkpoint and step."""
    visits = [item for item in batch if item.node_id and item.task_id]
    graphs = [
        item.data.get("graph") for item in batch if item.type in {events.RUN_STARTED, events.RUN_RESUMED}
    ]
    saved = [item for item in batch if item.type == events.CHECKPOINT_SAVED and not item.data.get("ns")]
    return Sorted(
        started=[item for item in visits if item.type == events.NODE_STARTED],
        progressed=[item for item in visits if item.type == events.NODE_PROGRESS],
        ended=[item for item in visits if item.type in _ENDS],
        graph=next((_graph(graph) for graph in reversed(graphs) if isinstance(graph, dict)), None),
        checkpoint=_checkpoint(saved[-1]) if saved else None,
        step=max((item.step for item in visits if not item.ns), default=0),
    )


def end_status(item: Incoming) -> str:
    """What an ended visit counts as."""
    return INTERRUPTED if item.data.get("interrupted") else _ENDS[item.type]


def share_of(item: Incoming) -> float:
    """The progress that a node told of itself, within 0 and 1."""
    value = item.data.get("progress")
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return min(max(float(value), 0.0), 1.0)


def error_of(item: Incoming) -> str | None:
    """What a failed visit said."""
    return _text(item.data.get("error")) or None


def _graph(told: Json) -> Json:
    """A reported topology, as everybody may rely on it: nodes, edges between two, and no loop where it says so."""
    nodes = [_text(node) for node in _list(told.get("nodes"))[:_MAX_NODES]]
    pairs = [edge for edge in _list(told.get("edges"))[:_MAX_EDGES] if isinstance(edge, list)]
    edges = [[_text(edge[0]), _text(edge[1])] for edge in pairs if len(edge) >= _ENDS_OF_EDGE]
    schema = told.get("input_schema")
    return {
        "nodes": [node for node in dict.fromkeys(nodes) if node],
        "edges": edges,
        "cyclic": bool(told.get("cyclic")) or _has_loop(edges),
        "mermaid": _text(told.get("mermaid")),
        "input_schema": schema if isinstance(schema, dict) else None,
    }


def _has_loop(edges: list[list[str]]) -> bool:
    following: dict[str, set[str]] = {}
    for source, target in edges:
        following.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(following).prepare()
    except CycleError:
        return True
    return False


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON from outside
    return value if isinstance(value, list) else []


def _checkpoint(item: Incoming) -> Json:
    return {"id": _text(item.data.get("id")), "step": _int(item.data.get("step")), "at": item.at}


def _time(value: Any, now: datetime) -> datetime:  # noqa: ANN401 - JSON from outside
    try:
        return from_rfc3339(str(value))
    except ValueError:
        return now


def _int(value: Any) -> int:  # noqa: ANN401 - JSON from outside
    return min(max(value, -1), _MAX_INT) if isinstance(value, int) else 0


def _text(value: Any) -> str:  # noqa: ANN401 - JSON from outside
    """As text that Postgres takes: no NUL, no half characters."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode()
