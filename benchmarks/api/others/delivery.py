"""Clients of streams of server-sent events: when which event was there."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp

SentAt = Callable[[dict[str, Any]], float]
"""When an event was sent, by what it says: seconds since the epoch."""

_NO_LIMIT = aiohttp.ClientTimeout(total=None)


class Frames:
    """A stream of server-sent events, as its pieces arrive."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterable[tuple[str, bytes]]:
        """Type and data of each event that is whole now."""
        *whole, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for frame in whole:
            fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
            if b"data" in fields:
                yield fields.get(b"event", b"message").decode(), fields[b"data"]


class Clients:
    """So many clients, on some streams in turn.

    Attributes:
        late: Seconds from each event's sending to its arrival.
        last_at: When the last one arrived: seconds since the epoch.
    """

    def __init__(self, http: aiohttp.ClientSession, headers: Mapping[str, str], sent_at: SentAt) -> None:
        self.late: list[float] = []
        self.last_at = 0.0
        self._http, self._sent_at = http, sent_at
        self._headers = {**headers, "Accept": "text/event-stream"}
        self._connected = asyncio.Semaphore(0)
        self._reading: list[asyncio.Task[None]] = []

    async def connect(self, urls: list[str], count: int, events: int) -> None:
        """Connect all; each reads until it has so many custom events.

        Raises:
            RuntimeError: one was refused.
        """
        for number in range(count):
            url = urls[number % len(urls)]
            self._reading.append(asyncio.create_task(self._read(url, events)))
            connected = asyncio.create_task(self._connected.acquire())
            await asyncio.wait({connected, self._reading[-1]}, return_when=asyncio.FIRST_COMPLETED)
            if not connected.done():
                connected.cancel()
                self._reading[-1].result()
                raise RuntimeError(f"{url}: ended before it began")

    async def finished(self, seconds: float) -> None:
        """Wait until each has all its events, so many seconds at most."""
        await asyncio.wait(self._reading, timeout=seconds)
        for task in self._reading:
            task.cancel()
        results = await asyncio.gather(*self._reading, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _read(self, url: str, events: int) -> None:
        frames, seen = Frames(), 0
        async with self._http.get(url, headers=self._headers, timeout=_NO_LIMIT) as answer:
            if not answer.ok:
                raise RuntimeError(f"{url}: {answer.status} {await answer.text()}")
            self._connected.release()
            async for piece in answer.content.iter_any():
                now = time.time()
                for kind, data in frames.feed(piece):
                    if kind == "custom":
                        self.late.append(now - self._sent_at(json.loads(data)))
                        self.last_at = now
                        seen += 1
                if seen >= events:
                    return
