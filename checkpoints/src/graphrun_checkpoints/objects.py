"""Reading and writing whole objects of ours: packed, checked, each stored once, recently read ones remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from graphrun_checkpoints import codec
from graphrun_checkpoints.errors import CheckpointConflict, MisconfiguredStore
from graphrun_checkpoints.store import LIST_LIMIT, Entry, ObjectExists, Store

_SMALL = 64 * 1024  # bytes; below, unpacking takes less than the way to a thread and back
_REMEMBERED_BYTES = 32 * 1024 * 1024  # as stored; what is stored never changes, so nothing here gets stale


class Objects:
    """A store, seen as a place of immutable bodies."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._recent: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        self._recent_bytes = 0

    async def read(self, key: str, *, remember: bool = True) -> dict[str, Any] | None:
        """A body, or None where there is no object."""
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key][1]
        data = await self.store.get(key)
        if data is None:
            return None
        body = (
            codec.unpack(key, data)
            if len(data) < _SMALL
            else await asyncio.to_thread(codec.unpack, key, data)
        )
        if remember:
            self._remember(key, len(data), body)
        return body

    async def write_once(self, key: str, body: dict[str, Any]) -> int:
        """Store a body under a free key; answers its size.

        A retry after a lost response finds our own object there: it is read back, and equal bytes are success.

        Raises:
            CheckpointConflict: Another body is there.
        """
        data = await asyncio.to_thread(codec.pack, body)
        try:
            await self.store.put(key, data, if_none_match=True)
        except ObjectExists:
            there = await self.store.get(key)
            if there is None:
                raise MisconfiguredStore(
                    f"the store says that {key} exists and does not return it: its conditional PUT is not usable"
                ) from None
            if there != data:
                raise CheckpointConflict(
                    f"{key} already holds other content; it was not overwritten"
                ) from None
        return len(data)

    async def keys(self, prefix: str, *, first_page: int = LIST_LIMIT) -> AsyncIterator[Entry]:
        """All entries below a prefix, page by page as they are asked for."""
        page_size, last = first_page, ""
        while True:
            page = await self.store.list(prefix, max_keys=page_size, start_after=last)
            for entry in page:
                yield entry
            if len(page) < page_size:
                return
            page_size, last = LIST_LIMIT, page[-1].key

    async def segments(self, prefix: str) -> AsyncIterator[str]:
        """The names directly below a prefix: one LIST of one key each."""
        after = ""
        while page := await self.store.list(prefix, max_keys=1, start_after=after):
            segment = page[0].key[len(prefix) :].split("/", 1)[0]
            yield segment
            after = f"{prefix}{segment}0"  # "0" follows "/"

    def _remember(self, key: str, size: int, body: dict[str, Any]) -> None:
        self._recent[key] = (size, body)
        self._recent_bytes += size
        while self._recent_bytes > _REMEMBERED_BYTES and len(self._recent) > 1:
            _, (dropped, _) = self._recent.popitem(last=False)
            self._recent_bytes -= dropped
