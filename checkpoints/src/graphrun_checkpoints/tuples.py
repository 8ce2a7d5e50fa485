"""LangGraph's checkpoints to stored ones and back. Runs in the caller's thread, with the caller's serializer."""

from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.base import id as id_module
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphrun_checkpoints import bodies, keys, values
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.reading import Loaded
from graphrun_checkpoints.writes import Batch
from graphrun_checkpoints.writing import NewCheckpoint

_LAST_TIMESTAMP = "_last_v6_timestamp"
_PLAIN_FIELDS = frozenset({"id", "channel_values", "channel_versions"})


def thread_of(config: RunnableConfig) -> str:
    """The thread that a config names.

    Raises:
        InvalidCheckpoint: None is named.
    """
    thread = config.get("configurable", {}).get("thread_id")
    if thread is None:
        raise InvalidCheckpoint("config.configurable.thread_id is missing; give the thread to read or write")
    return str(thread)


def namespace_of(config: RunnableConfig) -> str:
    """The namespace that a config names; the root's if none."""
    return str(config.get("configurable", {}).get("checkpoint_ns") or "")


def config_for(thread: str, ns: str, id_: str) -> RunnableConfig:
    """The config that addresses one checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id_}}


def to_stored(
    serde: SerializerProtocol, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
) -> NewCheckpoint:
    """Serialise a checkpoint as it is now: the graph may change its values while the PUT is under way."""
    parent = config.get("configurable", {}).get("checkpoint_id")
    rest = {name: value for name, value in checkpoint.items() if name not in _PLAIN_FIELDS}
    full = get_checkpoint_metadata(config, metadata)
    stored = bodies.StoredCheckpoint(
        id=keys.checkpoint_id(checkpoint["id"]),
        ns=namespace_of(config),
        parent=keys.checkpoint_id(parent) if parent else None,
        versions=dict(checkpoint["channel_versions"]),
        rest=values.dump(serde, "(checkpoint)", rest),
        metadata=values.dump(serde, "(metadata)", full),
        values=values.dump_all(serde, checkpoint["channel_values"]),
        folded=Batch(0, 0, ()),
    )
    return NewCheckpoint(thread_of(config), stored, full.get("step"), full.get("source"))


def to_tuple(serde: SerializerProtocol, loaded: Loaded) -> CheckpointTuple:
    """A stored checkpoint as LangGraph wants it."""
    stored = loaded.checkpoint
    checkpoint: dict[str, Any] = {
        **values.load(serde, stored.rest),
        "id": stored.id,
        "channel_values": {channel: values.load(serde, value) for channel, value in stored.values.items()},
        "channel_versions": dict(stored.versions),
    }
    parent = stored.parent
    return CheckpointTuple(
        config=config_for(loaded.thread, stored.ns, stored.id),
        checkpoint=cast("Checkpoint", checkpoint),
        metadata=values.load(serde, stored.metadata),
        parent_config=config_for(loaded.thread, stored.ns, parent) if parent else None,
        pending_writes=[
            (each.task, each.write.channel, values.load(serde, each.write.value)) for each in loaded.pending
        ],
    )


def keep_ids_growing(id_: str) -> None:
    """Make this process's next checkpoint ids greater than one that it read.

    Ids come from the wall clock; a pod whose clock is behind would otherwise make children that are older than
    their parents. LangGraph keeps its last timestamp in a private variable; a test watches that it is still used.
    """
    timestamp = keys.ticks_of(id_)
    last: int | None = getattr(id_module, _LAST_TIMESTAMP)
    if timestamp is not None and (last is None or last < timestamp):
        setattr(id_module, _LAST_TIMESTAMP, timestamp)
