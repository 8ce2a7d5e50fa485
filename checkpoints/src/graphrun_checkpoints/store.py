"""What checkpoints ask of object storage: six calls, each atomic for one object."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

LIST_LIMIT = 1000
"""Keys that one LIST may return; every S3 server's own maximum."""


@dataclass(frozen=True)
class Entry:
    """One listed object: full key, stored size in bytes, and when the store took it (aware, the store's clock)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Part:
    """Some bytes of an object.

    Attributes:
        total: Bytes of the whole object.
        etag: What the store calls this content; two parts with the same are of one content. "" where it does not tell.
    """

    data: bytes
    total: int
    etag: str


class ObjectExists(Exception):
    """A conditional put found an object under its key. After a lost response it may be our own."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Store(Protocol):
    """Object storage. Calls retry by themselves and raise `CheckpointError`s when that is no use."""

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        """Store an object whole; with `if_none_match` only if the key is free, else `ObjectExists`."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        ...

    async def list(
        self, prefix: str, *, max_keys: int = LIST_LIMIT, start_after: str = ""
    ) -> Sequence[Entry]:
        """At most `max_keys` objects in key order, those after `start_after`; fewer mean the end."""
        ...

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Delete objects, in the order given where more than one request is needed; missing ones are fine."""
        ...

    async def copy(self, source: str, target: str) -> None:
        """Copy one object within the store, overwriting."""
        ...

    async def aclose(self) -> None:
        """Give up threads and connections."""
        ...
