"""From a new checkpoint and its parent's state to what is stored: the steps that need no storage. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphrun_checkpoints import placing
from graphrun_checkpoints.format import values
from graphrun_checkpoints.format.bodies import StoredCheckpoint
from graphrun_checkpoints.format.keys import Tags
from graphrun_checkpoints.format.parts import Part, Place, Value, joined
from graphrun_checkpoints.format.values import StepWrite
from graphrun_checkpoints.format.writes import Batch, PlacedBatch, PlacedTask, PlacedWrite, TaskWrites, merge
from graphrun_checkpoints.placing import Draft, Known, KnownLog, Manifest

_NO_STEPS = Known("l", (), (), ())


@dataclass(frozen=True)
class NewCheckpoint:
    """A checkpoint to store, serialised when the graph handed it over.

    Attributes:
        values: Serialised values of its channels, those of `unchanged` channels aside.
        base: What was known of its parent then; `unchanged` channels have the same value there.
        delta_channels: Channels whose value is not here but follows from what was written to them.
        tags: What its key tells.
    """

    thread: str
    ns: str
    id: str
    parent: str | None
    versions: Mapping[str, object]
    rest: Part
    metadata: Part
    values: Mapping[str, Value]
    unchanged: frozenset[str]
    base: Manifest | None
    delta_channels: frozenset[str]
    tags: Tags


Logged = tuple[str, str, int]
"""A write in a log's newest step: its channel, task and place in the task's list."""


@dataclass(frozen=True)
class NewWrites:
    """The writes on the parent.

    Attributes:
        folded: Those that travel in the new checkpoint.
        stored: Those that are stored already; None if not all of them are known.
    """

    folded: Batch
    stored: list[Batch] | None

    def to(self, channel: str) -> list[StepWrite]:
        """All writes to a channel, in the order of application."""
        return [
            StepWrite(each.task, each.write.idx, each.write.value)
            for each in merge([*(self.stored or ()), self.folded])
            if each.write.channel == channel
        ]

    def logged(self, logs: Mapping[str, KnownLog]) -> dict[Logged, Place]:
        """Where each write is that the newest step of a log has."""
        return {
            (channel, each.task, each.idx): Place("w", log.newest)
            for channel, log in logs.items()
            for each in self.to(channel)
        }


def first_draft(draft: Draft, new: NewCheckpoint, base: Manifest | None, writes: NewWrites) -> Manifest:
    """Find a place for each value and log, wherever the parent's parts lie.

    Args:
        draft: Takes what must be stored.
        new: The checkpoint.
        base: The parent's state; None if there is no parent, or it is not known.
        writes: The writes on the parent.
    """
    old = base.values if base is not None else {}
    placed = {channel: draft.place(value, old.get(channel)) for channel, value in new.values.items()}
    for channel in new.unchanged:
        placed[channel] = old[channel]
    logs: dict[str, KnownLog] = {}
    for channel in new.delta_channels:
        log = _log_before(new, base, channel)
        if log is not None and writes.stored is not None:
            logs[channel] = _with_step(draft, log, writes.to(channel))
    return Manifest(new.parent is None, new.versions, placed, logs)


def to_gather(draft: Draft, manifest: Manifest) -> set[str]:
    """The holders whose parts the new checkpoint should hold itself."""
    return placing.holders_to_gather(manifest.all(), draft.own_bytes)


def finished(
    draft: Draft, new: NewCheckpoint, manifest: Manifest, writes: NewWrites
) -> tuple[StoredCheckpoint, Manifest]:
    """The checkpoint as it will be stored, and its state with all places but its own name."""
    folded = writes.folded
    if (name := draft.empty_into_blob(placing.LARGEST_STATE_PACK)) is not None:
        manifest = manifest.stored_in(name)
    logged = writes.logged(manifest.logs)
    tasks = tuple(_placed(draft, call, logged) for call in folded.tasks)
    if (name := draft.empty_into_blob(placing.LARGEST_PACK)) is not None:
        manifest = manifest.stored_in(name)
        tasks = tuple(
            replace(call, writes=tuple(replace(each, place=each.place.moved(name)) for each in call.writes))
            for call in tasks
        )
    stored = StoredCheckpoint(
        id=new.id,
        ns=new.ns,
        parent=new.parent,
        versions=dict(new.versions),
        rest=new.rest,
        metadata=new.metadata,
        values={channel: each.place for channel, each in manifest.values.items()},
        logs={channel: each.log for channel, each in manifest.logs.items()},
        unlogged=tuple(sorted(new.delta_channels - manifest.logs.keys())),
        folded=PlacedBatch(folded.writer, folded.seq, tasks),
        pack=tuple(draft.pack),
    )
    return stored, manifest


def _placed(draft: Draft, call: TaskWrites, logged: Mapping[Logged, Place]) -> PlacedTask:
    """Find places for what a task wrote; what a log has already is not stored twice."""
    writes = [
        PlacedWrite(
            each.channel,
            each.idx,
            logged.get((each.channel, call.task, each.idx)) or draft.place(each.value).place,
        )
        for each in call.writes
    ]
    return PlacedTask(call.task, call.path, tuple(writes))


def is_same(new: NewCheckpoint, stored: StoredCheckpoint, there: Manifest) -> bool:
    """Whether a stored checkpoint is what is to be stored."""
    same_values = all(
        channel in there.values
        and there.values[channel].digests == tuple(part.digest for part in value.parts)
        for channel, value in new.values.items()
    )
    return (
        same_values
        and new.values.keys() | new.unchanged == there.values.keys()
        and (new.parent, new.rest, new.metadata) == (stored.parent, stored.rest, stored.metadata)
        and new.versions == stored.versions
    )


def _log_before(new: NewCheckpoint, base: Manifest | None, channel: str) -> KnownLog | None:
    """The log up to the parent, as LangGraph's walk over the ancestors would find it; None if that is not known."""
    if new.parent is None:
        return KnownLog(None, _NO_STEPS)
    if base is None:
        return None
    if channel in base.values:
        return KnownLog(base.values[channel], _NO_STEPS)
    if channel in base.logs:
        return base.logs[channel]
    return KnownLog(None, _NO_STEPS) if base.first else None


def _with_step(draft: Draft, log: KnownLog, step: list[StepWrite]) -> KnownLog:
    if not step:
        return log
    added = draft.place(Value("l", (values.pack_step(step),)))
    steps = Known(
        "l",
        joined([*log.steps.runs, *added.runs]),
        (*log.steps.digests, *added.digests),
        (*log.steps.sizes, *added.sizes),
    )
    return replace(log, steps=steps)
