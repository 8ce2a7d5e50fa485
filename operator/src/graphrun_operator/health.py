"""GET /healthz: 200 while the queue moves and the watches tell what happens; else 503 and why.

GET /readyz: the same, once everything is watched: whether this replica could lead. It is answered by the event loop
that does the work: a loop that is stuck does not answer. A standby is healthy and ready.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

# A key that has waited, or a pass that has lasted, for longer than this is stuck; in seconds.
STUCK_SECONDS: Final = 120.0
_READ_SECONDS: Final = 5.0


def judge_health(*, oldest_wait: float, deaf: Sequence[str]) -> list[str]:
    """What is wrong; nothing: healthy."""
    problems = []
    if oldest_wait > STUCK_SECONDS:
        problems.append(f"the queue is stuck: the oldest key has waited {oldest_wait:.0f} s")
    problems += [f"the watch of {plural} is deaf: it has told of none of the last changes" for plural in deaf]
    return problems


@contextlib.asynccontextmanager
async def serve_health(
    port: int, problems: Callable[[], list[str]], watches: Callable[[], bool]
) -> AsyncIterator[None]:
    """Answer every request on `port` by what `problems` tells, and whether it `watches`; port 0: do not."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_READ_SECONDS):
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(asked.split(b" ", 2)[1:2], problems(), watches()))
                await writer.drain()
        writer.close()

    if not port:
        yield
        return
    async with await asyncio.start_server(answer, "0.0.0.0", port):  # noqa: S104 - asked at the pod's address
        yield


def _response(path: list[bytes], problems: list[str], watches: bool) -> bytes:  # noqa: FBT001 - a private step
    if path not in ([b"/healthz"], [b"/readyz"]):
        return _plain("404 Not Found", {"status": "not found"})
    if path == [b"/readyz"] and not watches:
        problems = [*problems, "not everything is watched yet"]
    if problems:
        return _plain("503 Service Unavailable", {"status": "unhealthy", "problems": problems})
    return _plain("200 OK", {"status": "ok"})


def _plain(status: str, body: dict[str, object]) -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    return head.encode() + text
