"""Checkpoints for those who look on: lists from keys alone, states as JSON. No graph, no user code, no claim."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphrun_checkpoints import json_view, keys
from graphrun_checkpoints.fencing import Fencing
from graphrun_checkpoints.keys import Layout
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.reading import Found, Loaded, Reading
from graphrun_checkpoints.seals import Inherited
from graphrun_checkpoints.store import Store


@dataclass(frozen=True)
class CheckpointInfo:
    """One line of a history, known from the key alone. `bytes` is the stored size, pending writes aside."""

    id: str
    ns: str
    parent_id: str | None
    parent_tag: str | None
    step: int | None
    source: str
    time: datetime | None
    bytes: int


class CheckpointReader:
    """The read side, on the caller's own event loop."""

    def __init__(self, store: Store, *, prefix: str = "checkpoints") -> None:
        objects = Objects(store)
        self._fencing = Fencing(objects, Layout(prefix.strip("/")), clock=lambda: 0.0)
        self._reading = Reading(objects, self._fencing)

    async def list_checkpoints(
        self, thread: str, ns: str = "", *, limit: int = 200, before: str = ""
    ) -> list[CheckpointInfo]:
        """A history, newest first, those older than `before`: one LIST per 1,000 keys."""
        everything = await self._reading.every(thread, keys.encode_namespace(ns))
        by_tag = {keys.parent_tag(each.checkpoint.id): each.checkpoint.id for each in everything}
        older = [each for each in everything if not before or each.checkpoint.id < before]
        return [_info(each, ns, by_tag) for each in older[:limit]]

    async def namespaces(self, thread: str) -> list[str]:
        """The namespaces that have checkpoints; the root is "". Those too long to be a key are left out."""
        names = [keys.decode_namespace(each) for each in await self._reading.segments(thread)]
        return [name for name in names if name is not None]

    async def read_state(
        self, thread: str, checkpoint_id: str | None = None, ns: str = ""
    ) -> dict[str, Any] | None:
        """A checkpoint's state as JSON, the newest one's without an id; None if there is none.

        Raises:
            CorruptObject: A stored object is damaged.
        """
        if checkpoint_id:
            found = await self._reading.one(thread, ns, checkpoint_id)
        else:
            found = await self._reading.newest(thread, ns)
        return _state(found, await self._reading.load(found)) if found is not None else None

    async def lineage(self, thread: str) -> Inherited:
        """What a process that opened the thread now would inherit."""
        return await self._fencing.lineage(thread)


def _info(found: Found, ns: str, by_tag: dict[str, str]) -> CheckpointInfo:
    key = found.checkpoint
    tag = None if key.parent_tag == keys.NO_TAG else key.parent_tag
    return CheckpointInfo(
        id=key.id,
        ns=ns,
        parent_id=by_tag.get(tag) if tag else None,
        parent_tag=tag,
        step=key.step,
        source=key.source,
        time=keys.time_of(key.id),
        bytes=key.size,
    )


def _state(found: Found, loaded: Loaded) -> dict[str, Any]:
    stored, key = loaded.checkpoint, found.checkpoint
    time = keys.time_of(stored.id)
    return {
        "id": stored.id,
        "parent_id": stored.parent,
        "ns": stored.ns,
        "step": key.step,
        "source": key.source,
        "time": time.isoformat() if time else None,
        "values": {channel: json_view.to_json(value) for channel, value in stored.values.items()},
        "metadata": json_view.to_json(stored.metadata),
        "pending_writes": [
            {
                "task_id": each.task,
                "channel": each.write.channel,
                "value": json_view.to_json(each.write.value),
            }
            for each in loaded.pending
        ],
    }
