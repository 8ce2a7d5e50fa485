"""Pending writes: what tasks wrote on a checkpoint, and how stored batches of them become one list.

A task's writes are stored together or not at all, so a task is never seen half finished.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from langgraph.checkpoint.base import WRITES_IDX_MAP, writes_sort_key
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME

from graphrun_checkpoints.format.parts import Place, Value

NULL_TASK = "00000000-0000-0000-0000-000000000000"
"""LangGraph's task id for writes that come from outside: input of a Command, a resume value."""

URGENT = frozenset({ERROR, "__error_source_node__", INTERRUPT, RESUME})
"""Channels whose writes must be stored before `put_writes` returns: what happened, or what a person said."""


@dataclass(frozen=True)
class Write:
    """One value for one channel. `idx` is its place in the task's list; negative for special channels."""

    channel: str
    idx: int
    value: Value


@dataclass(frozen=True)
class TaskWrites:
    """What one `put_writes` call brought."""

    task: str
    path: str
    writes: tuple[Write, ...]

    @property
    def urgent(self) -> bool:
        """Whether the caller must wait until they are stored."""
        return any(write.channel in URGENT for write in self.writes)


@dataclass(frozen=True)
class Batch:
    """Writes stored in one object by epoch `writer`, in the order in which they came."""

    writer: int
    seq: int
    tasks: tuple[TaskWrites, ...]


@dataclass(frozen=True)
class PlacedWrite:
    """A write as it is stored: its value is elsewhere."""

    channel: str
    idx: int
    place: Place


@dataclass(frozen=True)
class PlacedTask:
    """A task's writes as they are stored."""

    task: str
    path: str
    writes: tuple[PlacedWrite, ...]


@dataclass(frozen=True)
class PlacedBatch:
    """A batch as it is stored."""

    writer: int
    seq: int
    tasks: tuple[PlacedTask, ...]

    @property
    def places(self) -> list[Place]:
        """Where all of its values are."""
        return [write.place for call in self.tasks for write in call.writes]


@dataclass(frozen=True)
class MergedWrite:
    """One pending write as LangGraph is given it."""

    task: str
    path: str
    write: Write


def index_of(channel: str, position: int) -> int:
    """LangGraph's fixed negative index of a special channel, else the place in the list."""
    return WRITES_IDX_MAP.get(channel, position)


def merge(batches: Iterable[Batch]) -> list[MergedWrite]:
    """All batches on one checkpoint as LangGraph's ordered list.

    Of a task, the first list with regular writes counts as a whole, and the last write to each special channel.
    The null task's list is stored again as it grows: there the first write at each place counts.
    """
    kept: dict[tuple[str, int], MergedWrite] = {}
    finished: set[str] = set()
    for batch in sorted(batches, key=lambda each: (each.writer, each.seq)):
        for call in batch.tasks:
            first_result = call.task not in finished
            for write in call.writes:
                merged = MergedWrite(call.task, call.path, write)
                if write.idx < 0:
                    kept[call.task, write.idx] = merged
                elif call.task == NULL_TASK or first_result:
                    kept.setdefault((call.task, write.idx), merged)
            if any(write.idx >= 0 for write in call.writes):
                finished.add(call.task)
    return sorted(kept.values(), key=lambda each: writes_sort_key(each.path, each.task, each.write.idx))
