"""Keeps the graph from running ahead of storage: no superstep starts before the one before its predecessor is stored.

In durability `async` LangGraph stores each checkpoint beside the superstep that follows, and waits for none of them:
with storage away it would run on to the graph's end, and a crash would repeat all of it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

from graphrun_checkpoints import CheckpointError, DurableCheckpoint, ObjectStoreSaver, Store
from graphrun_runner.child.visits import is_node

# A superstep may start while its predecessor's checkpoint is being stored, so this many checkpoints lie before it.
_AHEAD: Final = 2
# Looked at rather than signalled: a subgraph that a node calls by itself waits in an event loop of its own.
_LOOK_SECONDS: Final = 0.01


class Pace(AsyncCallbackHandler):
    """Holds a task's start until the checkpoint that must not be lost is stored. Comes before other callbacks."""

    run_inline = True
    raise_error = True

    def __init__(self) -> None:
        self._first: dict[str, int] = {}  # by namespace: the first step whose checkpoint this process stores
        self._stored: dict[str, int] = {}
        self._failure: CheckpointError | None = None

    def storing(self, ns: str, step: int) -> None:
        """A checkpoint is about to be stored. LangGraph stores those of a namespace one after the other."""
        self._first.setdefault(ns, step)
        self._stored.setdefault(ns, step - 1)

    def stored(self, ns: str, step: int) -> None:
        """It is stored."""
        self._stored[ns] = max(self._stored[ns], step)

    def failed(self, error: CheckpointError) -> None:
        """It will never be."""
        self._failure = self._failure or error

    async def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - LangChain's signature
        inputs: Any,  # noqa: ANN401, ARG002 - a node's input, never looked at
        **details: Any,  # noqa: ANN401 - LangChain's signature
    ) -> None:
        """A task is about to begin.

        Raises:
            CheckpointError: an earlier checkpoint could not be stored: nothing more may run.
        """
        if not is_node(details.get("tags") or ()):
            return
        metadata = details.get("metadata") or {}
        ns = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition("|")[0]
        needed = int(metadata.get("langgraph_step", 0)) - _AHEAD
        while self._lacks(ns, needed):  # noqa: ASYNC110 - other event loops wait here, too
            await asyncio.sleep(_LOOK_SECONDS)

    def _lacks(self, ns: str, step: int) -> bool:
        if self._failure:
            raise self._failure
        # What lies before this process's first checkpoint is stored; a graph without checkpoints has none to wait for.
        return ns in self._first and self._stored[ns] < step


class PacedSaver(ObjectStoreSaver):
    """The saver that tells a Pace what is stored."""

    def __init__(
        self,
        store: Store,
        pace: Pace,
        *,
        prefix: str,
        on_durable: Callable[[DurableCheckpoint], None],
        on_blocked: Callable[[str], None],
    ) -> None:
        super().__init__(store, prefix=prefix, on_durable=on_durable, on_blocked=on_blocked)
        self._pace = pace

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        ns, step = str(config["configurable"].get("checkpoint_ns", "")), metadata.get("step", 0)
        self._pace.storing(ns, step)
        try:
            placed = await super().aput(config, checkpoint, metadata, new_versions)
        except CheckpointError as error:
            self._pace.failed(error)
            raise
        self._pace.stored(ns, step)
        return placed
