"""Logs of attempts in object storage, one object a chunk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from graphrun_api.errors import StorageUnavailable
from graphrun_checkpoints import CheckpointError, Entry
from graphrun_core import storage_keys

_NAME: Final = re.compile(r"(\d+)-(\d+)\.txt")


class ChunkStore(Protocol):
    """What is needed of graphrun_checkpoints' stores."""

    async def put(self, key: str, data: bytes) -> None:
        """Write an object."""

    async def get(self, key: str) -> bytes | None:
        """Read an object, None where there is none."""

    async def list(self, prefix: str, *, start_after: str = "") -> Sequence[Entry]:
        """A page of objects in the order of their keys; an empty one means the end."""


@dataclass(frozen=True)
class StoredChunk:
    """Where a chunk lies, and which bytes of the attempt's output it stands for."""

    key: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The offset at which the next one begins, unless something is lost."""
        return self.offset + self.size


@dataclass(frozen=True)
class LogChunks:
    """The chunks of all runs, under the installation's prefix."""

    store: ChunkStore
    prefix: str

    async def keep(self, run_uid: str, attempt: int, place: tuple[int, int], text: bytes) -> None:
        """Store the chunk that has `place` (offset and size); once more is harmless. Raises StorageUnavailable."""
        try:
            await self.store.put(storage_keys.log_chunk_key(self.prefix, run_uid, attempt, place), text)
        except CheckpointError as error:
            raise StorageUnavailable from error

    async def of(self, run_uid: str, attempt: int) -> list[StoredChunk]:
        """The chunks of an attempt, in order. Raises StorageUnavailable."""
        prefix = storage_keys.log_prefix(self.prefix, run_uid, attempt)
        found: list[StoredChunk] = []
        after = ""
        try:
            while page := await self.store.list(prefix, start_after=after):
                after = page[-1].key
                for entry in page:
                    # A runner may write here itself: what is not named as a chunk is none.
                    if name := _NAME.fullmatch(entry.key.removeprefix(prefix)):
                        found.append(StoredChunk(entry.key, int(name[1]), int(name[2])))
        except CheckpointError as error:
            raise StorageUnavailable from error
        return found

    async def read(self, chunk: StoredChunk) -> bytes | None:
        """The text, None where it is gone. Raises StorageUnavailable."""
        try:
            return await self.store.get(chunk.key)
        except CheckpointError as error:
            raise StorageUnavailable from error
