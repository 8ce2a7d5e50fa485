"""An event as clients see it, and what becomes an event. Values only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphrun_core.times import to_rfc3339


@dataclass(frozen=True)
class Event:
    """One stored event. `data` stays JSON text: it is stored and sent as it came."""

    seq: int
    attempt: int
    type: str
    at: datetime
    node_id: str | None
    data: str

    def to_json(self, run_id: str) -> str:
        """The event as a client gets it, compact."""
        head = {
            "seq": self.seq,
            "run_id": run_id,
            "attempt": self.attempt,
            "type": self.type,
            "at": to_rfc3339(self.at),
            "node_id": self.node_id,
        }
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},"data":{self.data}}}'

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Event":
        """Of a row of run_event."""
        return cls(row["seq"], row["attempt"], row["type"], row["at"], row["node_id"], row["data"])


@dataclass(frozen=True)
class Milestone:
    """A turn in the life of a run that its resource shows. Stored once under `key`, whoever sees it first."""

    key: str
    type: str
    attempt: int
    at: datetime | None  # None: when it is stored
    data: dict[str, Any]


@dataclass(frozen=True)
class NodeRow:
    """The latest visit of a node, with totals."""

    node_id: str
    status: str
    attempt: int
    step: int
    error: str | None
    started_at: datetime
    completed_at: datetime | None
    visits: int
    any_running: bool
    share: float


@dataclass(frozen=True)
class Usual:
    """What the last completed runs of a revision took: how many there are, and medians; None where there is none."""

    runs: int
    steps: float | None
    active_seconds: float | None


@dataclass(frozen=True)
class NodeTiming:
    """What a node takes in a run of a revision, on average over the last `runs`: visits, and seconds of all of them."""

    node_id: str
    runs: int
    visits: float
    seconds: float
