"""Large inputs and outputs in object storage."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphrun_api.errors import StorageUnavailable
from graphrun_checkpoints import CheckpointError, Entry, Part
from graphrun_core import storage_keys
from graphrun_core.protocol import StorageAccess

# How much of an object is in memory while it is handed on.
PIECE_BYTES: Final = 1 << 20


class ObjectStore(Protocol):
    """What is needed of graphrun_checkpoints' stores."""

    async def put(self, key: str, data: bytes) -> None:
        """Write an object."""

    async def get(self, key: str) -> bytes | None:
        """Read an object, None where there is none."""

    async def read_part(self, key: str, offset: int, size: int) -> Part | None:
        """Up to `size` bytes from `offset` on, None where there is no object."""

    async def list(self, prefix: str, *, max_keys: int = 1000) -> Sequence[Entry]:
        """Keys with this prefix and the sizes of their objects, in the order of the keys."""


@dataclass(frozen=True)
class Objects:
    """The objects of runs, and how runners reach the same storage."""

    store: ObjectStore
    access: StorageAccess

    async def keep_input(self, value: dict[str, Any]) -> str:
        """Store an input before its run exists; answers the key. Each upload has a key of its own."""
        key = storage_keys.input_key(self.access["prefix"], str(uuid.uuid4()))
        await self._put(key, value)
        return key

    async def keep_output(self, run_uid: str, attempt: int, value: Any) -> str:  # noqa: ANN401 - any JSON
        """Store an output that is too large for the resource; answers the key."""
        key = storage_keys.output_key(self.access["prefix"], run_uid, attempt)
        await self._put(key, value)
        return key

    def is_output_of(self, key: str, run_uid: str) -> bool:
        """Whether a key lies under this run: a runner must not make the API read another's objects."""
        return key.startswith(f"{self.access['prefix']}/runs/{run_uid}/") and "/../" not in key

    async def read(self, key: str) -> bytes | None:
        """The object's bytes; raises StorageUnavailable."""
        try:
            return await self.store.get(key)
        except CheckpointError as error:
            raise StorageUnavailable from error

    async def pieces(self, key: str, start: int, end: int, total: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end` of an object of `total` bytes, one piece in memory at a time.

        Raises:
            StorageUnavailable: also where it is gone, or another one meanwhile: what was read is no whole.
        """
        etag = None
        while start < end:
            part = await self._part(key, start, min(PIECE_BYTES, end - start))
            if part is None or part.total != total or etag not in (None, part.etag):
                raise StorageUnavailable("the object was removed or changed while it was read")
            etag = part.etag
            start += len(part.data)
            yield part.data

    async def _part(self, key: str, offset: int, size: int) -> Part | None:
        try:
            return await self.store.read_part(key, offset, size)
        except CheckpointError as error:
            raise StorageUnavailable from error

    async def size(self, key: str) -> int | None:
        """The object's bytes, without reading it; None where there is none. Raises StorageUnavailable."""
        try:
            found = await self.store.list(key, max_keys=1)
        except CheckpointError as error:
            raise StorageUnavailable from error
        return next((entry.size for entry in found if entry.key == key), None)

    async def _put(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        try:
            await self.store.put(key, json.dumps(value, separators=(",", ":")).encode())
        except CheckpointError as error:
            raise StorageUnavailable from error
