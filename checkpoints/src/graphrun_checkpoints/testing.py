"""A store in memory, for tests of code that uses the saver. Passes the same contract test as the real one."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from graphrun_checkpoints.errors import CheckpointError
from graphrun_checkpoints.store import LIST_LIMIT, Entry, ObjectExists


class MemoryStore:
    """Objects in a dict. Several savers may share one, as several pods share a bucket.

    Args:
        clock: The store's own clock, aware.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.objects: dict[str, bytes] = {}
        self._clock = clock
        self._modified: dict[str, datetime] = {}
        self._keys: list[str] = []

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        """Store an object; `ObjectExists` if asked and it is there."""
        if key in self.objects:
            if if_none_match:
                raise ObjectExists(key)
        else:
            insort(self._keys, key)
        self.objects[key] = bytes(data)
        self._modified[key] = self._clock()

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        return self.objects.get(key)

    async def list(
        self, prefix: str, *, max_keys: int = LIST_LIMIT, start_after: str = ""
    ) -> Sequence[Entry]:
        """Keys in order."""
        first = max(bisect_left(self._keys, prefix), bisect_right(self._keys, start_after))
        found: list[Entry] = []
        for key in self._keys[first : first + max_keys]:
            if not key.startswith(prefix):
                break
            found.append(Entry(key, len(self.objects[key]), self._modified[key]))
        return found

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Forget objects."""
        for key in keys:
            if self.objects.pop(key, None) is not None:
                self._keys.remove(key)

    async def copy(self, source: str, target: str) -> None:
        """Copy one object."""
        data = self.objects.get(source)
        if data is None:
            raise CheckpointError(f"cannot copy {source}: there is no such object")
        await self.put(target, data)

    async def aclose(self) -> None:
        """Nothing to give up."""
