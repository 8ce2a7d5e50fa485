"""Which threads a run stored something in: one small object a run and thread, so that a run can be found again."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format.keys import MARKER, encode_name
from graphrun_checkpoints.objects import Objects

_REMEMBERED = 4096


class Markers:
    """The markers of one prefix."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._stored: OrderedDict[str, None] = OrderedDict()

    async def leave(self, run: str, thread: str) -> None:
        """See to it that a run is marked in a thread, before it stores anything there."""
        key = self._objects.layout.marker(run, thread)
        if key in self._stored:
            return
        body = {"kind": "marker", "run": run, "thread": thread}
        await self._objects.store.put(key, self._objects.codec.pack(MARKER, body))
        self._stored[key] = None
        while len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)

    async def threads(self, run: str) -> AsyncIterator[str]:
        """The threads in which a run is marked."""
        async for entry in self._objects.keys(self._objects.layout.run(run)):
            data = await self._objects.store.get(entry.key)
            if data is None:
                continue
            body = self._objects.codec.unpack(entry.key, MARKER, data)
            if not isinstance(body.get("thread"), str):
                raise CorruptObject(f"{entry.key} is not a marker")
            if body.get("run") == run:
                yield body["thread"]

    async def remove(self, run: str) -> None:
        """Take all markers of a run away."""
        found = [entry.key async for entry in self._objects.keys(self._objects.layout.run(run))]
        await self._objects.store.delete_many(found)
        for key in found:
            self._stored.pop(key, None)

    async def remove_of(self, thread: str, runs: Iterable[str]) -> None:
        """A thread is being deleted: take its markers of these runs away. Others of it lead nowhere from now on."""
        await self._objects.store.delete_many([self._objects.layout.marker(run, thread) for run in runs])
        ending = f"/{encode_name(thread)}"
        for key in [key for key in self._stored if key.endswith(ending)]:
            del self._stored[key]
