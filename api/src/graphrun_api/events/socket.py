"""One client's WebSocket on one run.

REPLAYING ──▶ LIVE ──▶ CLOSED 1000 (the run ended) · 1001 (we stop) · 1008 (right lost) · 1013 (too slow)
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from graphrun_api.errors import ApiError, NotAuthenticated, NotFound, RightMissing
from graphrun_api.events.feed import Feeds
from graphrun_api.events.following import RunStream
from graphrun_api.events.reads import HistoryReads

log = logging.getLogger(__name__)

RIGHT_CHECK_SECONDS: Final = 60.0
# How long a client may take to read the close frame.
_CLOSE_SECONDS: Final = 2.0

ENDED: Final = (1000, "the run has ended")
STOPPING: Final = (1001, "the server is stopping; connect again with the last seq")
RIGHT_LOST: Final = (1008, "the token has expired or the right was withdrawn")
TOO_SLOW: Final = (1013, "events came faster than you read them; connect again with the last seq")

Close = tuple[int, str]


class State(Enum):
    """Where a session is."""

    REPLAYING = "replaying"
    LIVE = "live"
    CLOSED = "closed"


@dataclass(frozen=True)
class Subject:
    """Whose events, from where on, of which types (None: all), and whether they may still be seen."""

    uid: str
    run_id: str
    after: int
    check_right: Callable[[], Awaitable[object]]
    stopping: asyncio.Event
    types: frozenset[str] | None = None


class EventSocket:
    """A session on an accepted WebSocket."""

    def __init__(self, socket: WebSocket, reads: HistoryReads, feeds: Feeds) -> None:
        self._socket, self._reads, self._feeds = socket, reads, feeds
        self._stream: RunStream | None = None
        self._closed = False

    @property
    def state(self) -> State:
        """Where it is."""
        if self._closed:
            return State.CLOSED
        return State.LIVE if self._stream and self._stream.is_live else State.REPLAYING

    async def serve(self, subject: Subject) -> None:
        """Until the run ends, the client goes, or one side cannot go on."""
        self._stream = RunStream(self._reads, self._feeds, subject.uid, subject.after)
        try:
            close = await first_close(
                self._send_all(subject, self._stream),
                until_client_leaves(self._socket),
                until(self._stream.overflowed, TOO_SLOW),
                until(subject.stopping, STOPPING),
                until_right_is_lost(subject.check_right),
            )
        finally:
            self._closed = True
        if close is not None:
            await say_goodbye(self._socket, close)

    async def _send_all(self, subject: Subject, stream: RunStream) -> Close | None:
        try:
            async with aclosing(stream.batches()) as batches:
                async for batch in batches:
                    for event in batch:
                        if subject.types is None or event.type in subject.types:
                            await self._socket.send_text(event.to_json(subject.run_id))
        except WebSocketDisconnect:
            return None
        return ENDED


async def first_close(*watchers: Awaitable[Close | None]) -> Close | None:
    """What the first watcher to end says; the others are ended."""
    tasks = [asyncio.ensure_future(watcher) for watcher in watchers]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(event: asyncio.Event, close: Close) -> Close:
    """Close so once the event is set."""
    await event.wait()
    return close


async def until_right_is_lost(check: Callable[[], Awaitable[object]]) -> Close:
    """Close once the right that was there at the start is no more; asked for again and again."""
    while True:
        await asyncio.sleep(RIGHT_CHECK_SECONDS)
        try:
            await check()
        except (NotAuthenticated, RightMissing, NotFound):
            return RIGHT_LOST
        except ApiError as error:
            log.warning("right cannot be checked, asking again", extra={"error": str(error)})


async def until_client_leaves(socket: WebSocket) -> Close | None:
    """Whatever a client sends is ignored; that it leaves is not."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    return None


async def say_goodbye(socket: WebSocket, close: Close) -> None:
    """Close with code and reason, unless the client does not listen any more."""
    code, reason = close
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        log.info("client left before it was told", extra={"code": code})
