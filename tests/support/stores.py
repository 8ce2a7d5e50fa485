"""Stores that misbehave on purpose, around a real one."""

import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any

from graphrun_checkpoints import Entry, Store
from graphrun_checkpoints.errors import CheckpointError


class ProcessDied(CheckpointError):
    """The process that this store stands for is dead: nothing reaches storage any more."""


class PassingStore:
    """Hands everything on; remembers the keys of PUTs and counts LISTs and GETs."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.puts: list[str] = []
        self.lists = 0
        self.gets = 0

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        self.puts.append(key)
        await self.inner.put(key, data, if_none_match=if_none_match)

    async def get(self, key: str) -> bytes | None:
        self.gets += 1
        return await self.inner.get(key)

    async def list(self, prefix: str, *, max_keys: int = 1000, start_after: str = "") -> Sequence[Entry]:
        self.lists += 1
        return await self.inner.list(prefix, max_keys=max_keys, start_after=start_after)

    async def delete_many(self, keys: Sequence[str]) -> None:
        await self.inner.delete_many(keys)

    async def copy(self, source: str, target: str) -> None:
        await self.inner.copy(source, target)

    async def aclose(self) -> None:
        await self.inner.aclose()


class MortalStore(PassingStore):
    """A process that dies at its n-th PUT, copies among them: just before it is stored, or just after."""

    def __init__(self, inner: Store, *, dies_at_put: int, stored: bool) -> None:
        super().__init__(inner)
        self._left = dies_at_put
        self._stored = stored
        self.dead = False

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        await self._unless_dead(super().put(key, data, if_none_match=if_none_match))

    async def copy(self, source: str, target: str) -> None:
        await self._unless_dead(super().copy(source, target))

    async def _unless_dead(self, work: Coroutine[Any, Any, None]) -> None:
        with contextlib.closing(work):
            self._live()
            self._left -= 1
            self.dead = self._left <= 0
            if self.dead and not self._stored:
                raise ProcessDied
            await work
            if self.dead:
                raise ProcessDied

    async def get(self, key: str) -> bytes | None:
        self._live()
        return await super().get(key)

    async def list(self, prefix: str, *, max_keys: int = 1000, start_after: str = "") -> Sequence[Entry]:
        self._live()
        return await super().list(prefix, max_keys=max_keys, start_after=start_after)

    def _live(self) -> None:
        if self.dead:
            raise ProcessDied
