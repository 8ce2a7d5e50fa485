"""The LangGraph checkpoint saver on object storage."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphrun_checkpoints import tuples
from graphrun_checkpoints.blocked import BlockedTypes, OnBlocked
from graphrun_checkpoints.config import StorageConfig
from graphrun_checkpoints.core import Core, OnDurable
from graphrun_checkpoints.errors import FenceLost, InvalidCheckpoint
from graphrun_checkpoints.fencing import Wish
from graphrun_checkpoints.format import keys, values
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.format.seals import Inherited
from graphrun_checkpoints.format.writes import TaskWrites, Write, index_of
from graphrun_checkpoints.store import Store
from graphrun_checkpoints.sync_face import SyncFace
from graphrun_checkpoints.writing import SaverOptions

T = TypeVar("T")

_WINDOW = 8  # checkpoints that a listing reads at once


class ObjectStoreSaver(SyncFace):
    """Keeps LangGraph's checkpoints in an object store, one immutable object a superstep.

    All I/O runs on a thread of the saver's own, so it serves async and sync graphs and any event loop; values
    are serialised in the caller's thread, at the call. Close it (`aclose`, or `async with`): the last pending
    writes are stored then.

    Args:
        store: Where to.
        prefix: Prefix of all keys.
        serde: LangGraph's serializer; strictness against foreign types is its business.
        options: Delays and limits.
        encryption: Keys, if objects are to be encrypted.
        on_durable: Called on the saver's own thread after each stored checkpoint, before `put` returns. Must be
            quick; what it raises is logged.
        on_blocked: Called with `module.Class` for each stored value that strict deserialisation did not build.
    """

    def __init__(  # noqa: PLR0913 - settings by keyword, each with a default
        self,
        store: Store,
        *,
        prefix: str = "checkpoints",
        serde: SerializerProtocol | None = None,
        options: SaverOptions | None = None,
        encryption: Encryption | None = None,
        on_durable: OnDurable | None = None,
        on_blocked: OnBlocked | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self._core = Core(store, prefix, options or SaverOptions(), encryption)
        self._blocked = BlockedTypes(on_blocked)
        self._on_durable = on_durable
        self._owns_store = False

    @classmethod
    def from_config(  # noqa: PLR0913 - as above
        cls,
        config: StorageConfig,
        *,
        serde: SerializerProtocol | None = None,
        options: SaverOptions | None = None,
        encryption: Encryption | None = None,
        on_durable: OnDurable | None = None,
        on_blocked: OnBlocked | None = None,
    ) -> Self:
        """A saver on a bucket, under `<prefix>/checkpoints`; its store is closed with it."""
        from graphrun_checkpoints.s3.minio_store import MinioStore  # noqa: PLC0415 - takes 0.2 s to import

        saver = cls(
            MinioStore(config),
            prefix=f"{config.prefix}/checkpoints".lstrip("/"),
            serde=serde,
            options=options,
            encryption=encryption,
            on_durable=on_durable,
            on_blocked=on_blocked,
        )
        saver._owns_store = True
        return saver

    @property
    def blocked_types(self) -> dict[str, int]:
        """How often a value of each type (`module.Class`) was not built by strict deserialisation."""
        return dict(self._blocked.counts)

    # ---------------------------------------------------------------- life

    async def aopen(self, thread_id: str, *, fence: int | None = None, owner: str = "library") -> Inherited:
        """Claim a thread for this process, before a graph runs on it; earlier holders can no longer be latest.

        Args:
            thread_id: The thread.
            fence: A number that only grows in a thread; None lets the last opener win.
            owner: Who holds the fence: two holders of one fence must be the same owner.

        Returns:
            What earlier holders left in the thread.

        Raises:
            FenceLost: A higher fence, or an equal one of another owner, was claimed before.
            MisconfiguredStore: The store does not honour conditional PUTs.
        """
        return await self._shielded(self._core.open(Wish(str(thread_id), fence, owner, asked=True)))

    async def afork(self, source_thread_id: str, thread_id: str, *, fence: int, owner: str) -> Inherited:
        """As `aopen`, of a thread that begins as a copy of another: copied by the first opener that gets to its end.

        Raises:
            InvalidCheckpoint: The source holds nothing, or is the thread itself.
            FenceLost: A higher fence, or an equal one of another owner, was claimed before.
        """
        wish = Wish(str(thread_id), fence, owner, asked=True)
        return await self._shielded(self._core.fork(str(source_thread_id), wish))

    async def aflush(self) -> None:
        """Store all pending writes; raises the first failure since the last call."""
        await self._shielded(self._core.writing.flush_all())

    async def aclose(self) -> None:
        """Store all pending writes, then end the saver's thread. What could not be stored raises, after that."""
        if self._core.thread.stopped:
            return
        try:
            await self.aflush()
        finally:
            await asyncio.to_thread(self._core.thread.stop)
            if self._owns_store:
                await self._core.store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # ---------------------------------------------------------------- reading

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or the newest of its namespace."""
        loaded = await self._awaited(self._core.find(config))
        if loaded is None:
            return None
        tuples.keep_ids_growing(loaded.checkpoint.id)
        with self._blocked.counting():
            return tuples.to_tuple(self.serde, loaded)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints, newest first; of all threads without a config, of all namespaces if none is named."""
        found = await self._awaited(self._core.listing(config, filter or {}, before))
        left = len(found) if limit is None else limit
        for first in range(0, len(found), _WINDOW):
            if left <= 0:
                return
            window = found[first : first + (_WINDOW if filter else min(left, _WINDOW))]
            for loaded in await self._awaited(self._core.reading.load_all(window)):
                with self._blocked.counting():
                    result = tuples.to_tuple(self.serde, loaded)
                if left > 0 and _matches(result.metadata, filter or {}):
                    left -= 1
                    yield result

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What was written to DeltaChannels up to a checkpoint: the value at an ancestor, and the writes since."""
        found = await self._awaited(self._core.history(config, channels))
        result: dict[str, DeltaChannelHistory] = {}
        with self._blocked.counting():
            for channel, history in found.items():
                writes = [(task, channel, values.load(self.serde, value)) for task, value in history.writes]
                result[channel] = {"writes": writes}
                if history.seed is not None:
                    result[channel]["seed"] = values.load(self.serde, history.seed)
        return result

    # ---------------------------------------------------------------- writing

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, and with it the writes that led to it.

        Raises:
            SerializationFailed: Names the channel.
            FenceLost: Another process holds the thread.
            StorageUnavailable: The retry limit has passed.
        """
        base = self._core.known_parent(config)
        new = tuples.to_new(self.serde, config, (checkpoint, metadata, new_versions), base)
        await self._shielded(self._core.put(new, self._on_durable))
        return tuples.config_for(new.thread, new.ns, new.id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Take a task's writes. Errors, interrupts and resume values are stored when this returns, others soon.

        Raises:
            InvalidCheckpoint: The config names no checkpoint.
            SerializationFailed: Names the channel.
            FenceLost: Another process holds the thread.
        """
        thread, ns = tuples.thread_of(config), tuples.namespace_of(config)
        named = get_checkpoint_id(config)
        if not named:
            raise InvalidCheckpoint(
                "config.configurable.checkpoint_id is missing; writes belong to a checkpoint"
            )
        id_ = keys.checkpoint_id(named)
        call = TaskWrites(
            task_id,
            task_path,
            tuple(
                Write(channel, index_of(channel, position), values.dump(self.serde, channel, value))
                for position, (channel, value) in enumerate(writes)
            ),
        )
        writing = self._core.writing
        if isinstance(failure := writing.failure(thread), FenceLost):
            raise failure
        if call.urgent or self._core.options.strict_writes:
            await self._shielded(writing.store_writes(thread, ns, id_, call))
        else:
            self._core.thread.call(partial(writing.add_writes, thread, ns, id_, call))

    # ---------------------------------------------------------------- whole threads and runs

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread with all that belongs to it."""
        await self._shielded(self._core.removal.delete(str(thread_id)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what runs stored: checkpoints whose metadata have their `run_id`, and epochs that they opened."""
        await self._shielded(self._core.removal.delete_for_runs([str(each) for each in run_ids]))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, its pending writes included, to a new one.

        Raises:
            InvalidCheckpoint: The target exists already.
        """
        await self._shielded(self._core.copy(str(source_thread_id), str(target_thread_id)))

    async def aprune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", keep: int = 1
    ) -> None:
        """Remove old checkpoints, and the blobs that only they needed.

        DeltaChannels stay whole: each checkpoint carries what it needs of their history.

        Args:
            thread_ids: Threads.
            strategy: `keep_latest`, or `delete` for all of it.
            keep: How many of each namespace `keep_latest` keeps; with more than one, ends of branches as well.

        Raises:
            InvalidCheckpoint: Another strategy, or fewer than one to keep.
        """
        if strategy not in {"keep_latest", "delete"} or keep < 1:
            raise InvalidCheckpoint(
                f"strategy {strategy!r} with keep={keep}: give 'keep_latest' and 1 or more, or 'delete'"
            )
        for thread in thread_ids:
            if strategy == "delete":
                await self.adelete_thread(thread)
            else:
                await self._shielded(self._core.removal.prune(str(thread), keep))

    # ---------------------------------------------------------------- from the caller's loop to the saver's

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._core.thread.wait(work)

    async def _awaited(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(self._core.thread.submit(work))

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """As `_awaited`, but a caller that is cancelled does not take half of a write with it."""
        return await asyncio.shield(asyncio.wrap_future(self._core.thread.submit(work)))


def _matches(metadata: CheckpointMetadata, wanted: dict[str, Any]) -> bool:
    return all(metadata.get(name) == value for name, value in wanted.items())
