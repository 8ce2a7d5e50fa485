"""Checkpoints as LangGraph would make them, without a graph."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint

from graphrun_checkpoints import ObjectStoreSaver


def config(thread: str = "t", ns: str = "", id_: str | None = None) -> RunnableConfig:
    """A config that names a thread, a namespace and perhaps a checkpoint."""
    named = {"checkpoint_id": id_} if id_ else {}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, **named}}


def checkpoint(**values: Any) -> Checkpoint:
    """A new checkpoint with these channels."""
    return {**empty_checkpoint(), "channel_values": values, "channel_versions": dict.fromkeys(values, 1)}


async def put(
    saver: ObjectStoreSaver, parent: RunnableConfig, *, step: int = 0, source: Any = "loop", **values: Any
) -> RunnableConfig:
    """Store a child of what `parent` names; answers its config."""
    made = checkpoint(**values)
    return await saver.aput(parent, made, {"source": source, "step": step}, made["channel_versions"])


async def latest(saver: ObjectStoreSaver, thread: str = "t", ns: str = "") -> dict[str, Any] | None:
    """The newest values of a thread."""
    found = await saver.aget_tuple(config(thread, ns))
    return found.checkpoint["channel_values"] if found else None


async def pending(saver: ObjectStoreSaver, at: RunnableConfig) -> list[Any]:
    """The values pending on a checkpoint."""
    found = await saver.aget_tuple(at)
    assert found is not None
    return [value for _, _, value in found.pending_writes or []]
