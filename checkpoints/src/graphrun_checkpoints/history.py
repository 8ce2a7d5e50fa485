"""What was written to a DeltaChannel up to a checkpoint, from its log, or by walking its ancestors where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format import bodies, values
from graphrun_checkpoints.format.bodies import Log
from graphrun_checkpoints.format.parts import Value
from graphrun_checkpoints.reading import Found, Reading


@dataclass
class History:
    """The value stored at an ancestor, if any, and the writes since, oldest first: task and value."""

    seed: Value | None = None
    writes: list[tuple[str, Value]] = field(default_factory=list)


class Histories:
    """Looks things up in one namespace of one thread."""

    def __init__(self, reading: Reading, thread: str, ns: str) -> None:
        self._reading = reading
        self._thread = thread
        self._ns = ns
        self._listed: dict[str, Found] | None = None

    async def of(self, id_: str | None, name: str | None, channels: Sequence[str]) -> dict[str, History]:
        """The histories of channels, up to a checkpoint.

        Args:
            id_: The checkpoint's id; None for the newest.
            name: The name of its object, where that is known.
            channels: Which.
        """
        result = {channel: History() for channel in channels}
        current: bodies.StoredCheckpoint | None = await self._target(id_, name)
        left = set(channels)
        while current is not None and left:
            logged = {channel: current.logs[channel] for channel in left if channel in current.logs}
            for channel, log in logged.items():
                await self._add_log(result[channel], log)
            left -= logged.keys()
            if not left or current.parent is None:
                break
            current = await self._add_parent(current.parent, left, result)
        return result

    async def _add_log(self, history: History, log: Log) -> None:
        steps, *seed = await self._reading.values_at(self._thread, log.places)
        before = [(each.task, each.value) for part in steps.parts for each in values.unpack_step(part)]
        history.writes[:0] = before
        history.seed = seed[0] if seed else None

    async def _add_parent(
        self, parent: str, left: set[str], result: dict[str, History]
    ) -> bodies.StoredCheckpoint:
        """Add what was written on a parent; channels with a value there end there."""
        found = (await self._all()).get(parent)
        if found is None:
            raise CorruptObject(
                f"thread {self._thread!r}: checkpoint {parent} is missing, and channels {sorted(left)} need it"
            )
        loaded = await self._reading.load(found)
        for channel in list(left):
            written = [
                (each.task, each.write.value) for each in loaded.pending if each.write.channel == channel
            ]
            result[channel].writes[:0] = written
            if channel in loaded.values:
                result[channel].seed = loaded.values[channel]
                left.discard(channel)
        return loaded.checkpoint

    async def _target(self, id_: str | None, name: str | None) -> bodies.StoredCheckpoint | None:
        stored = await self._reading.checkpoint(self._thread, name) if name is not None else None
        if stored is not None:
            return stored
        if id_ is None:
            found = await self._reading.newest(self._thread, self._ns)
        else:
            found = (await self._all()).get(id_)
        return (
            await self._reading.checkpoint(self._thread, found.checkpoint.name) if found is not None else None
        )

    async def _all(self) -> dict[str, Found]:
        if self._listed is None:
            self._listed = await self._reading.all_by_id(self._thread, self._ns)
        return self._listed
