"""What all clones of a saver share: buffers, claims, and the one thread on which all I/O happens."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import get_checkpoint_id

from graphrun_checkpoints import copying, tuples
from graphrun_checkpoints.drafting import NewCheckpoint
from graphrun_checkpoints.fencing import Fencing, Wish
from graphrun_checkpoints.format import keys
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.format.keys import Layout
from graphrun_checkpoints.format.seals import Inherited
from graphrun_checkpoints.history import Histories, History
from graphrun_checkpoints.leases import Leases
from graphrun_checkpoints.loop_thread import LoopThread
from graphrun_checkpoints.markers import Markers
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.placing import Manifest
from graphrun_checkpoints.reading import Found, Loaded, Reading
from graphrun_checkpoints.removal import Removal
from graphrun_checkpoints.store import Store
from graphrun_checkpoints.writing import SaverOptions, Writing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DurableCheckpoint:
    """A checkpoint whose PUT has returned. `bytes` as stored, blobs included; `time` as its id says, or now for foreign ids."""

    thread: str
    id: str
    ns: str
    step: int | None
    source: str | None
    bytes: int
    time: datetime


OnDurable = Callable[[DurableCheckpoint], object]


class Core:
    """The saver without LangGraph's types. Its coroutines run on its own thread only.

    Args:
        store: Where to.
        prefix: Prefix of all keys.
        options: Delays and limits.
        encryption: Keys, or None to store in clear.
    """

    def __init__(
        self, store: Store, prefix: str, options: SaverOptions, encryption: Encryption | None
    ) -> None:
        self.store = store
        self.options = options
        self.objects = Objects(store, Layout(prefix.strip("/")), Codec(encryption), options.remembered_bytes)
        self.fencing = Fencing(self.objects, options.clock)
        self.leases = Leases(self.fencing, options.fence_seconds, options.owner, options.clock)
        self.reading = Reading(self.objects, self.leases.held)
        self.writing = Writing(self.objects, self.reading, self.leases, options)
        self.markers = Markers(self.objects)
        self.removal = Removal(self.objects, self.writing, self.fencing, self.leases, self.markers)
        self.thread = LoopThread("graphrun-checkpoints")

    async def open(self, wish: Wish) -> Inherited:
        """Claim a thread anew, whatever was held before."""
        marked = self.markers.leave(wish.owner, wish.thread) if wish.fence is not None else asyncio.sleep(0)
        lease, _ = await asyncio.gather(self.leases.take(wish), marked)
        return Inherited(lease.epoch, lease.claim.lineage)

    async def fork(self, source: str, wish: Wish) -> Inherited:
        """Claim a thread that begins as a copy of another."""
        await self.markers.leave(wish.owner, wish.thread)
        lease = await copying.fork_thread(self.objects, self.leases, source, wish)
        return Inherited(lease.epoch, lease.claim.lineage)

    def known_parent(self, config: RunnableConfig) -> Manifest | None:
        """What is known of the checkpoint that a new one follows. Called from any thread: it reads one dict."""
        parent = tuples.parent_of(config)
        lane = self.writing.lanes.existing(tuples.thread_of(config), tuples.namespace_of(config))
        return lane.manifest_of(parent) if lane is not None and parent is not None else None

    async def find(self, config: RunnableConfig) -> Loaded | None:
        """The checkpoint that a config names, or the newest of its namespace, with all that is pending on it."""
        thread, ns, named = tuples.thread_of(config), tuples.namespace_of(config), get_checkpoint_id(config)
        await self.writing.flush(thread, ns)
        lane = self.writing.lanes.of(thread, ns)
        changes = lane.changes
        found = await (self.reading.one(thread, ns, str(named)) if named else self.reading.newest(thread, ns))
        spot = (ns, found.checkpoint.id if found is not None else None)
        self.leases.was_read(thread, spot, found.newest if found is not None else 0)
        if found is None:
            return None
        loaded = await self.reading.load(found, with_logs=True)
        if lane.changes == changes:
            lane.was_read(loaded.checkpoint.id, loaded.name, loaded.batches)
        return loaded

    async def listing(
        self, config: RunnableConfig | None, wanted: dict[str, Any], before: RunnableConfig | None
    ) -> Sequence[Found]:
        """Checkpoints by their keys, newest first in each namespace, as far as keys tell whether they are wanted."""
        threads = await self.reading.threads() if config is None else [tuples.thread_of(config)]
        named = get_checkpoint_id(config) if config else None
        bound = get_checkpoint_id(before) if before else None
        found: list[Found] = []
        for thread in threads:
            for segment in await self._segments(thread, config):
                found.extend(
                    each
                    for each in await self.reading.every(thread, segment)
                    if _may_match(each, wanted)
                    and (not named or each.checkpoint.id == named)
                    and (not bound or each.checkpoint.id < bound)
                )
        return found

    async def history(self, config: RunnableConfig, channels: Sequence[str]) -> dict[str, History]:
        """What was written to DeltaChannels up to a checkpoint."""
        thread, ns, named = tuples.thread_of(config), tuples.namespace_of(config), get_checkpoint_id(config)
        await self.writing.flush(thread, ns)
        lane = self.writing.lanes.existing(thread, ns)
        name = lane.name_of(str(named)) if lane is not None and named else None
        return await Histories(self.reading, thread, ns).of(str(named) if named else None, name, channels)

    async def put(self, new: NewCheckpoint, on_durable: OnDurable | None) -> None:
        """Store a checkpoint, then tell of it."""
        if new.tags.run is not None:
            await self.markers.leave(new.tags.run, new.thread)
        size = await self.writing.put(new)
        if on_durable is None:
            return
        made = keys.time_of(new.id) or datetime.now(UTC)
        event = DurableCheckpoint(new.thread, new.id, new.ns, new.tags.step, new.tags.source, size, made)
        try:
            on_durable(event)
        except Exception:  # the checkpoint is stored; who only wanted to hear of it must not fail the graph
            log.exception("on_durable failed", extra={"thread_id": new.thread, "checkpoint": new.id})

    async def copy(self, source: str, target: str) -> None:
        """Copy a thread, with what still waits to be stored."""
        for lane in self.writing.lanes.of_thread(source):
            await self.writing.flush(source, lane.ns)
        await copying.copy_thread(self.objects, self.fencing, source, target)

    async def _segments(self, thread: str, config: RunnableConfig | None) -> Sequence[str]:
        ns = config.get("configurable", {}).get("checkpoint_ns") if config else None
        if ns is None:
            await self.writing.flush_all()
            return await self.reading.segments(thread)
        await self.writing.flush(thread, ns)
        return [keys.encode_namespace(ns)]


def _may_match(found: Found, wanted: dict[str, Any]) -> bool:
    """What the key alone can tell about a metadata filter, so that most objects are never read."""
    key = found.checkpoint
    return wanted.get("step", key.step) == key.step and wanted.get("source", key.source) == key.source
