"""The LangGraph checkpoint saver on object storage."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphrun_checkpoints import keys, tuples, values
from graphrun_checkpoints.config import StorageConfig
from graphrun_checkpoints.errors import FenceLost, InvalidCheckpoint
from graphrun_checkpoints.fencing import Fencing
from graphrun_checkpoints.keys import Layout
from graphrun_checkpoints.loop_thread import LoopThread
from graphrun_checkpoints.minio_store import MinioStore
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.reading import Found, Loaded, Reading
from graphrun_checkpoints.seals import Inherited
from graphrun_checkpoints.store import Store
from graphrun_checkpoints.writes import TaskWrites, Write, index_of
from graphrun_checkpoints.writing import NewCheckpoint, SaverOptions, Writing

log = logging.getLogger(__name__)

T = TypeVar("T")

_WINDOW = 8  # checkpoints that a listing reads at once


@dataclass(frozen=True)
class DurableCheckpoint:
    """A checkpoint whose PUT has returned. `bytes` as stored; `time` as its id says, or now for foreign ids."""

    thread: str
    id: str
    ns: str
    step: int | None
    source: str | None
    bytes: int
    time: datetime


OnDurable = Callable[[DurableCheckpoint], object]


class _Core:
    """What all clones of a saver share: buffers, claims, and the one thread on which all I/O happens."""

    def __init__(self, store: Store, prefix: str, options: SaverOptions) -> None:
        objects = Objects(store)
        self.store = store
        self.options = options
        self.fencing = Fencing(objects, Layout(prefix.strip("/")), options.clock)
        self.reading = Reading(objects, self.fencing)
        self.writing = Writing(objects, self.reading, self.fencing, options)
        self.thread = LoopThread("graphrun-checkpoints")


class ObjectStoreSaver(BaseCheckpointSaver[int]):
    """Keeps LangGraph's checkpoints in an object store, one immutable object a superstep.

    All I/O runs on a thread of the saver's own, so it serves async and sync graphs and any event loop; values
    are serialised in the caller's thread, at the call. Close it (`aclose`, or `async with`): the last pending
    writes are stored then.

    Args:
        store: Where to.
        prefix: Prefix of all keys.
        serde: LangGraph's serializer; strictness against foreign types is its business.
        options: Delays and limits.
        on_durable: Called on the saver's own thread after each stored checkpoint, before `put` returns. Must be
            quick; what it raises is logged.
    """

    def __init__(
        self,
        store: Store,
        *,
        prefix: str = "checkpoints",
        serde: SerializerProtocol | None = None,
        options: SaverOptions | None = None,
        on_durable: OnDurable | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self._core = _Core(store, prefix, options or SaverOptions())
        self._on_durable = on_durable
        self._owns_store = False

    @classmethod
    def from_config(
        cls,
        config: StorageConfig,
        *,
        serde: SerializerProtocol | None = None,
        options: SaverOptions | None = None,
        on_durable: OnDurable | None = None,
    ) -> Self:
        """A saver on a bucket, under `<prefix>/checkpoints`; its store is closed with it."""
        prefix = f"{config.prefix}/checkpoints".lstrip("/")
        saver = cls(MinioStore(config), prefix=prefix, serde=serde, options=options, on_durable=on_durable)
        saver._owns_store = True
        return saver

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
        lease = await self._shielded(self._core.writing.open(str(thread_id), fence, owner))
        return Inherited(lease.epoch, lease.claim.lineage)

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
        loaded = await self._awaited(self._find(config))
        if loaded is None:
            return None
        tuples.keep_ids_growing(loaded.checkpoint.id)
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
        found = await self._awaited(self._listing(config, filter or {}, before))
        left = len(found) if limit is None else limit
        for first in range(0, len(found), _WINDOW):
            if left <= 0:
                return
            window = found[first : first + (_WINDOW if filter else min(left, _WINDOW))]
            for loaded in await self._awaited(self._core.reading.load_all(window)):
                result = tuples.to_tuple(self.serde, loaded)
                if left > 0 and _matches(result.metadata, filter or {}):
                    left -= 1
                    yield result

    # ---------------------------------------------------------------- writing

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - every checkpoint is stored whole
    ) -> RunnableConfig:
        """Store a checkpoint, and with it the writes that led to it.

        Raises:
            SerializationFailed: Names the channel.
            FenceLost: Another process holds the thread.
            StorageUnavailable: The retry limit has passed.
        """
        new = tuples.to_stored(self.serde, config, checkpoint, metadata)
        await self._shielded(self._put(new))
        return tuples.config_for(new.thread, new.stored.ns, new.stored.id)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
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
        if isinstance(failure := self._core.writing.failure(thread), FenceLost):
            raise failure
        if call.urgent or self._core.options.strict_writes:
            await self._shielded(self._core.writing.store_writes(thread, ns, id_, call))
        else:
            self._core.thread.call(partial(self._core.writing.add_writes, thread, ns, id_, call))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread with all that belongs to it."""
        await self._shielded(self._core.writing.delete(str(thread_id)))

    # ---------------------------------------------------------------- sync face: the same code, waited for

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `aget_tuple`."""
        return self._core.thread.wait(self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As `alist`."""
        listing = self.alist(config, filter=filter, before=before, limit=limit)
        while (result := self._core.thread.wait(_next(listing))) is not None:
            yield result

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `aput`."""
        return self._core.thread.wait(self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As `aput_writes`."""
        self._core.thread.wait(self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """As `adelete_thread`."""
        self._core.thread.wait(self.adelete_thread(thread_id))

    # ---------------------------------------------------------------- on the saver's own thread

    async def _find(self, config: RunnableConfig) -> Loaded | None:
        thread, ns, named = tuples.thread_of(config), tuples.namespace_of(config), get_checkpoint_id(config)
        await self._core.writing.flush(thread, ns)
        if named:
            found = await self._core.reading.one(thread, ns, str(named))
        else:
            found = await self._core.reading.newest(thread, ns)
        if found is None:
            return None
        self._core.writing.know(thread, ns, found.checkpoint.id, found.checkpoint.epoch)
        return await self._core.reading.load(found)

    async def _listing(
        self, config: RunnableConfig | None, wanted: dict[str, Any], before: RunnableConfig | None
    ) -> Sequence[Found]:
        reading = self._core.reading
        threads = await reading.threads() if config is None else [tuples.thread_of(config)]
        named = get_checkpoint_id(config) if config else None
        bound = get_checkpoint_id(before) if before else None
        found: MutableSequence[Found] = []  # in this class `list` is LangGraph's method
        for thread in threads:
            for segment in await self._segments(thread, config):
                found.extend(
                    each
                    for each in await reading.every(thread, segment)
                    if _may_match(each, wanted)
                    and (not named or each.checkpoint.id == named)
                    and (not bound or each.checkpoint.id < bound)
                )
        return found

    async def _segments(self, thread: str, config: RunnableConfig | None) -> Sequence[str]:
        ns = config.get("configurable", {}).get("checkpoint_ns") if config else None
        if ns is None:
            await self._core.writing.flush_all()
            return await self._core.reading.segments(thread)
        await self._core.writing.flush(thread, ns)
        return [keys.encode_namespace(ns)]

    async def _put(self, new: NewCheckpoint) -> None:
        size = await self._core.writing.put(new)
        if self._on_durable is None:
            return
        stored = new.stored
        made = keys.time_of(stored.id) or datetime.now(UTC)
        event = DurableCheckpoint(new.thread, stored.id, stored.ns, new.step, new.source, size, made)
        try:
            self._on_durable(event)
        except Exception:  # the checkpoint is stored; who only wanted to hear of it must not fail the graph
            log.exception("on_durable failed", extra={"thread_id": new.thread, "checkpoint": stored.id})

    # ---------------------------------------------------------------- from the caller's loop to the saver's

    async def _awaited(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(self._core.thread.submit(work))

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """As `_awaited`, but a caller that is cancelled does not take half of a write with it."""
        return await asyncio.shield(asyncio.wrap_future(self._core.thread.submit(work)))


async def _next(listing: AsyncIterator[CheckpointTuple]) -> CheckpointTuple | None:
    return await anext(listing, None)


def _matches(metadata: CheckpointMetadata, wanted: dict[str, Any]) -> bool:
    return all(metadata.get(name) == value for name, value in wanted.items())


def _may_match(found: Found, wanted: dict[str, Any]) -> bool:
    """What the key alone can tell about a metadata filter, so that most objects are never read."""
    key = found.checkpoint
    return wanted.get("step", key.step) == key.step and wanted.get("source", key.source) == key.source
