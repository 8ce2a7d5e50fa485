"""The bucket that a command works on, and the parts of the library that it works with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from graphrun_checkpoints.core import Core
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.inspection.inspector import FoundThread, Inspector
from graphrun_checkpoints.reader import CheckpointReader
from graphrun_checkpoints.store import Store
from graphrun_checkpoints.writing import SaverOptions

T = TypeVar("T")


class Bucket:
    """Closes its store when it is left.

    Args:
        store: Where the objects are.
        prefix: Prefix of all keys.
        encryption: Keys, if objects are encrypted.
    """

    def __init__(self, store: Store, prefix: str, encryption: Encryption | None) -> None:
        self._store = store
        self._prefix = prefix
        self._encryption = encryption
        self.inspector = Inspector(store, prefix=prefix, encryption=encryption)
        self.reader = CheckpointReader(store, prefix=prefix, encryption=encryption)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._store.aclose()

    async def thread(self, name: str) -> FoundThread:
        """A thread by its name.

        Raises:
            InvalidCheckpoint: Nothing is stored of it.
        """
        found = await self.inspector.find(name)
        if found is None:
            raise InvalidCheckpoint(
                f"no thread {name!r} under prefix {self._prefix!r}; `ls` tells which there are"
            )
        return found

    async def threads(self, names: list[str]) -> AsyncIterator[FoundThread]:
        """The threads with these names, or all if there are none."""
        if names:
            for found in [await self.thread(name) for name in names]:
                yield found
            return
        async for found in self.inspector.threads():
            yield found

    @contextlib.asynccontextmanager
    async def core(self) -> AsyncIterator["Worker"]:
        """What changes things, on a thread of its own."""
        core = Core(self._store, self._prefix, SaverOptions(owner="graphrun-checkpoints"), self._encryption)
        try:
            yield Worker(core)
        finally:
            await asyncio.to_thread(core.thread.stop)


class Worker:
    """Does the core's work on the core's thread."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def do(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """Start work there and wait for it."""
        return await asyncio.wrap_future(self._core.thread.submit(work(self._core)))
