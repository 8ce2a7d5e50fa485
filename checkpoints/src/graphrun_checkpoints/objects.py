"""Reading and writing whole objects of ours: packed, checked, each stored once, recently read ones remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphrun_checkpoints.errors import CheckpointConflict, CorruptObject, MisconfiguredStore
from graphrun_checkpoints.format import bodies, keys
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.keys import FoundKey, Layout
from graphrun_checkpoints.format.parts import Part
from graphrun_checkpoints.store import LIST_LIMIT, Entry, ObjectExists, Store

T = TypeVar("T")

_SMALL = 64 * 1024  # bytes; below, unpacking takes less than the way to a thread and back
_CHUNK_BYTES = 16 * 1024 * 1024
LARGEST_OBJECT = 2 * _CHUNK_BYTES
"""Parts with more bytes are cut into chunks: each is retried by itself, and few are in memory at a time."""
_CHUNKS_AT_A_TIME = 4
_INFLATED = 4  # what a stored byte is taken to be in memory


class Recent(Generic[T]):
    """What was read or written lately, up to a number of bytes. Stored objects never change, so nothing gets stale."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[int, T]] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> T | None:
        """What is kept under a key."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def keep(self, key: str, size: int, value: T) -> None:
        """Keep a value of `size` bytes, and drop what was used least lately; too large ones are not kept."""
        self.drop(key)
        if size > self._limit:
            return
        self._kept[key] = (size, value)
        self._bytes += size
        while self._bytes > self._limit:
            _, (dropped, _) = self._kept.popitem(last=False)
            self._bytes -= dropped

    def drop(self, key: str) -> None:
        """Forget a key."""
        size, _ = self._kept.pop(key, (0, None))
        self._bytes -= size


@dataclass(frozen=True)
class Named:
    """An object of a thread: the thread, and the object's name in it."""

    thread: str
    name: str


class Objects:
    """A store, seen as a place of immutable bodies.

    Args:
        store: Where to.
        layout: Keys.
        codec: Form of one object.
        remembered_bytes: Limit of parts and bodies kept in memory, each.
    """

    def __init__(self, store: Store, layout: Layout, codec: Codec, remembered_bytes: int) -> None:
        self.store = store
        self.layout = layout
        self.codec = codec
        self._bodies: Recent[dict[str, Any]] = Recent(remembered_bytes)
        self._packs: Recent[tuple[Part, ...]] = Recent(remembered_bytes)
        self._chunks = asyncio.Semaphore(_CHUNKS_AT_A_TIME)
        self._under_way: dict[str, asyncio.Task[tuple[dict[str, Any], int] | None]] = {}

    # ---------------------------------------------------------------- bodies

    async def read(self, at: Named, *, remember: bool = True) -> dict[str, Any] | None:
        """A body, or None where there is no object."""
        key = self.layout.key(at.thread, at.name)
        kept = self._bodies.get(key)
        if kept is not None:
            return kept
        # Who does not want it remembered wants to know what is there now: not what somebody asked for before.
        found = await (self._get(at) if remember else self._fetch(key, at.name))
        if found is None:
            return None
        body, size = found
        if remember:
            self._bodies.keep(key, size, body)
        return body

    async def write_once(self, at: Named, body: dict[str, Any], *, remember: bool = True) -> int:
        """Store a body under a free key; answers its size as stored.

        A retry after a lost response finds our own object there: it is read back, and the same content is success.

        Raises:
            CheckpointConflict: Another body is there.
        """
        key = self.layout.key(at.thread, at.name)
        data = await asyncio.to_thread(self.codec.pack, at.name, body)
        try:
            await self.store.put(key, data, if_none_match=True)
        except ObjectExists:
            await self._expect_same(at, data, body)
        if remember:
            self._bodies.keep(key, len(data) * _INFLATED, body)
        return len(data)

    async def _expect_same(self, at: Named, data: bytes, body: dict[str, Any]) -> None:
        key = self.layout.key(at.thread, at.name)
        there = await self.store.get(key)
        if there is None:
            raise MisconfiguredStore(
                f"the store says that {key} exists and does not return it: its conditional PUT is not usable"
            )
        if there != data and self.codec.unpack(key, at.name, there) != body:
            raise CheckpointConflict(f"{key} already holds other content; it was not overwritten")

    def forget(self, at: Named) -> None:
        """Drop what is remembered of an object that is about to be removed."""
        key = self.layout.key(at.thread, at.name)
        self._bodies.drop(key)
        self._packs.drop(key)

    # ---------------------------------------------------------------- parts

    async def packs(self, thread: str, names: Iterable[str]) -> dict[str, tuple[Part, ...]]:
        """The packs of several objects, all read at once.

        Raises:
            CorruptObject: One is missing or damaged.
        """
        wanted = list(names)
        found = await asyncio.gather(*(self._pack(Named(thread, name)) for name in wanted))
        return dict(zip(wanted, found, strict=True))

    def remember_pack(self, at: Named, pack: tuple[Part, ...]) -> None:
        """Keep parts at hand that were just stored or read with their object."""
        self._packs.keep(self.layout.key(at.thread, at.name), _bytes_of(pack), pack)

    async def write_blob(self, at: Named, parts: tuple[Part, ...]) -> int:
        """Store parts under a name that their content gives; answers the bytes stored.

        Overwriting is harmless: the same name means the same content. A part above the largest object's size must be
        the only one; its chunks are stored first.
        """
        chunks: list[str] = []
        size = 0
        body = bodies.blob_body(parts)
        if len(parts) == 1 and len(parts[0].data) > LARGEST_OBJECT:
            pieces = _pieces(parts[0].data)
            chunks = [keys.chunk_name(at.name, number) for number in range(len(pieces))]
            size = sum(
                await asyncio.gather(
                    *(
                        self._put_blob(Named(at.thread, name), bodies.chunk_body(piece))
                        for name, piece in zip(chunks, pieces, strict=True)
                    )
                )
            )
            body = bodies.blob_body([Part(parts[0].tag, b"", parts[0].key)], chunks)
        size += await self._put_blob(at, body)
        self.remember_pack(at, parts)
        return size

    async def _put_blob(self, at: Named, body: dict[str, Any]) -> int:
        async with self._chunks:
            data = await asyncio.to_thread(self.codec.pack, at.name, body)
            await self.store.put(self.layout.key(at.thread, at.name), data)
        return len(data)

    async def _pack(self, at: Named) -> tuple[Part, ...]:
        key = self.layout.key(at.thread, at.name)
        kept = self._packs.get(key)
        if kept is not None:
            return kept
        body = await self._holder(at)
        pack, chunks = bodies.read_pack(key, body)
        if chunks:
            data = b"".join(await asyncio.gather(*(self._chunk(Named(at.thread, name)) for name in chunks)))
            pack = (Part(pack[0].tag, data, pack[0].key),)
        self.remember_pack(at, pack)
        return pack

    async def _chunk(self, at: Named) -> bytes:
        async with self._chunks:
            body = await self._holder(at)
        return bodies.read_chunk(self.layout.key(at.thread, at.name), body)

    async def _holder(self, at: Named) -> dict[str, Any]:
        """An object that others need parts of: where it was stored, or where it is kept since it was removed."""
        found = await self._get(at) or await self._get(at, kept=True)
        if found is None:
            raise CorruptObject(
                f"{self.layout.key(at.thread, at.name)} is missing and others need it; restore it from a backup"
            )
        return found[0]

    async def _get(self, at: Named, *, kept: bool = False) -> tuple[dict[str, Any], int] | None:
        """An object's body and what it takes in memory. Several who want it at once get it by one request."""
        key = self.layout.key(at.thread, keys.kept_name(at.name) if kept else at.name)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._fetch(key, at.name))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _fetch(self, key: str, name: str) -> tuple[dict[str, Any], int] | None:
        data = await self.store.get(key)
        if data is None:
            return None
        if len(data) < _SMALL:
            return self.codec.unpack(key, name, data), len(data) * _INFLATED
        return await asyncio.to_thread(self.codec.unpack, key, name, data), len(data) * _INFLATED

    # ---------------------------------------------------------------- listing

    async def keys(
        self, prefix: str, *, first_page: int = LIST_LIMIT, after: str = ""
    ) -> AsyncIterator[Entry]:
        """All entries below a prefix, page by page as they are asked for."""
        page_size, last = first_page, after
        while True:
            page = await self.store.list(prefix, max_keys=page_size, start_after=last)
            for entry in page:
                yield entry
            if len(page) < page_size:
                return
            page_size, last = LIST_LIMIT, page[-1].key

    async def found(
        self, thread: str, prefix: str, *, first_page: int = LIST_LIMIT, after: str = ""
    ) -> AsyncIterator[tuple[str, FoundKey]]:
        """The same for checkpoints, writes and claims of a thread: each with its namespace's segment."""
        thread_prefix = self.layout.thread(thread)
        async for entry in self.keys(prefix, first_page=first_page, after=after):
            parsed = keys.parse(thread_prefix, entry)
            if parsed is not None:
                yield parsed

    async def segments(self, prefix: str) -> AsyncIterator[str]:
        """The names directly below a prefix: one LIST of one key each."""
        after = ""
        while page := await self.store.list(prefix, max_keys=1, start_after=after):
            segment = keys.segment_after(prefix, page[0].key)
            yield segment
            after = f"{prefix}{segment}0"  # "0" follows "/"


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)]


def _bytes_of(pack: Iterable[Part]) -> int:
    return sum(len(part.data) + len(part.key or "") + 64 for part in pack)
