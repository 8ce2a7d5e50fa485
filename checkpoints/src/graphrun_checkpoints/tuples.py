"""LangGraph's checkpoints to stored ones and back. Runs in the caller's thread, with the caller's serializer."""

from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.base import id as id_module
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphrun_checkpoints.drafting import NewCheckpoint
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.format import keys, values
from graphrun_checkpoints.placing import Manifest
from graphrun_checkpoints.reading import Loaded

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


def parent_of(config: RunnableConfig) -> str | None:
    """The checkpoint that a config names, as the parent of a new one; raises InvalidCheckpoint."""
    parent = config.get("configurable", {}).get("checkpoint_id")
    return keys.checkpoint_id(parent) if parent else None


def config_for(thread: str, ns: str, id_: str) -> RunnableConfig:
    """The config that addresses one checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id_}}


def to_new(
    serde: SerializerProtocol,
    config: RunnableConfig,
    given: tuple[Checkpoint, CheckpointMetadata, ChannelVersions],
    base: Manifest | None,
) -> NewCheckpoint:
    """Serialise a checkpoint as it is now: the graph may change its values while the PUT is under way.

    Args:
        serde: The caller's serializer.
        config: Names thread, namespace and parent.
        given: What LangGraph hands to `put`: the checkpoint, its metadata and the new versions.
        base: What is known of the parent: channels with the same version are not serialised again.
    """
    checkpoint, metadata, new_versions = given
    rest = {name: value for name, value in checkpoint.items() if name not in _PLAIN_FIELDS}
    full = get_checkpoint_metadata(config, metadata)
    channels, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
    unchanged = _unchanged(channels, versions, new_versions, base)
    changed = {channel: value for channel, value in channels.items() if channel not in unchanged}
    run = full.get("run_id")
    return NewCheckpoint(
        thread=thread_of(config),
        ns=namespace_of(config),
        id=keys.checkpoint_id(checkpoint["id"]),
        parent=parent_of(config),
        versions=dict(versions),
        rest=values.dump_whole(serde, "(checkpoint)", rest),
        metadata=values.dump_whole(serde, "(metadata)", full),
        values=values.dump_all(serde, changed),
        unchanged=unchanged,
        base=base,
        delta_channels=frozenset(full.get("counters_since_delta_snapshot") or ()) - channels.keys(),
        tags=keys.Tags(
            parent_of(config), full.get("step"), full.get("source"), None if run is None else str(run)
        ),
    )


def to_tuple(serde: SerializerProtocol, loaded: Loaded) -> CheckpointTuple:
    """A stored checkpoint as LangGraph wants it."""
    stored = loaded.checkpoint
    checkpoint: dict[str, Any] = {
        **values.load_part(serde, stored.rest),
        "id": stored.id,
        "channel_values": {channel: values.load(serde, value) for channel, value in loaded.values.items()},
        "channel_versions": dict(stored.versions),
    }
    parent = stored.parent
    return CheckpointTuple(
        config=config_for(loaded.thread, stored.ns, stored.id),
        checkpoint=cast("Checkpoint", checkpoint),
        metadata=values.load_part(serde, stored.metadata),
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


def _unchanged(
    channels: dict[str, Any], versions: ChannelVersions, new_versions: ChannelVersions, base: Manifest | None
) -> frozenset[str]:
    """Channels whose value the parent has already: same version, and not named as new."""
    if base is None:
        return frozenset()
    return frozenset(
        channel
        for channel in channels
        if channel in base.values
        and channel not in new_versions
        and versions.get(channel) is not None
        and versions.get(channel) == base.versions.get(channel)
    )
