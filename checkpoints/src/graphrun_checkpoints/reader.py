"""Checkpoints for those who look on: lists from keys alone, states as JSON. No graph, no user code, no claim."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphrun_checkpoints.fencing import Fencing
from graphrun_checkpoints.format import json_view, keys
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.format.keys import Layout
from graphrun_checkpoints.format.seals import Inherited
from graphrun_checkpoints.history import Histories
from graphrun_checkpoints.objects import Objects
from graphrun_checkpoints.reading import Found, Loaded, Reading
from graphrun_checkpoints.store import Store

_REMEMBERED_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class CheckpointInfo:
    """One line of a history, known from the key alone.

    Attributes:
        parent_id: The parent, if it is in the list; else its tag, the last 48 bits of its id, tells it from others.
        bytes: Size of the checkpoint's object; pending writes, and parts that it refers to, aside.
    """

    id: str
    ns: str
    parent_id: str | None
    parent_tag: str | None
    step: int | None
    source: str
    time: datetime | None
    bytes: int


class CheckpointReader:
    """The read side, on the caller's own event loop.

    Args:
        store: Where from.
        prefix: Prefix of all keys.
        encryption: Keys, if objects are encrypted; lists need none.
    """

    def __init__(
        self, store: Store, *, prefix: str = "checkpoints", encryption: Encryption | None = None
    ) -> None:
        objects = Objects(store, Layout(prefix.strip("/")), Codec(encryption), _REMEMBERED_BYTES)
        self._fencing = Fencing(objects, clock=lambda: 0.0)
        self._reading = Reading(objects)

    async def threads(self) -> list[str]:
        """The names of all threads: one LIST of one key each."""
        return await self._reading.threads()

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

        Of a DeltaChannel, whose value only the graph's reducer can tell, `deltas` has what it was before (`seed`) and
        what was written to it since (`writes`, oldest first).

        Raises:
            CorruptObject: A stored object is damaged.
        """
        if checkpoint_id:
            found = await self._reading.one(thread, ns, checkpoint_id)
        else:
            found = await self._reading.newest(thread, ns)
        if found is None:
            return None
        state = _state(found, loaded := await self._reading.load(found))
        stored = loaded.checkpoint
        channels = [*stored.logs, *stored.unlogged]
        histories = await Histories(self._reading, thread, ns).of(stored.id, found.checkpoint.name, channels)
        state["deltas"] = {
            channel: {
                "seed": json_view.to_json(each.seed) if each.seed is not None else None,
                "writes": [json_view.to_json(value) for _, value in each.writes],
            }
            for channel, each in histories.items()
        }
        return state

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
        bytes=key.entry.size,
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
        "values": {channel: json_view.to_json(value) for channel, value in loaded.values.items()},
        "metadata": json_view.part_to_json(stored.metadata),
        "pending_writes": [
            {
                "task_id": each.task,
                "channel": each.write.channel,
                "value": json_view.to_json(each.write.value),
            }
            for each in loaded.pending
        ],
    }
