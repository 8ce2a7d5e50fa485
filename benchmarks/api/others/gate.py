"""The moment at which runs begin to send: each tells that it is there, and all are let go at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Sending:
    """What each run sends once the gate is open: `batch` events, `ticks` times, every `pause` seconds."""

    ticks: int
    batch: int
    pause: float = 1.0

    @property
    def events(self) -> int:
        """Of one run."""
        return self.ticks * self.batch


class Gate:
    """Closed until `open`; runs of other processes wait at its port."""

    def __init__(self) -> None:
        self.opened_at = 0.0
        self._open = asyncio.Event()
        self._there = asyncio.Semaphore(0)

    async def passed(self) -> None:
        """Be there, and wait until it is open."""
        self._there.release()
        await self._open.wait()

    async def filled(self, count: int) -> None:
        """Wait until so many are there."""
        for _ in range(count):
            await self._there.acquire()

    def open(self) -> None:
        """Let them go, and who comes later too."""
        self.opened_at = self.opened_at or time.time()
        self._open.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Answer at a port of loopback: a byte, once it is open."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.passed()
            writer.write(b".")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            self.open()  # who still waits is not kept
            server.close()
