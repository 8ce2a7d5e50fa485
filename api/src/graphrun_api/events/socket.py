"""One client's WebSocket on one run: what is stored after its seq, then what comes, until the run has ended.

    REPLAYING ──▶ LIVE ──▶ CLOSED 1000 (the run ended) · 1001 (we stop) · 1008 (right lost) · 1013 (too slow)

Nothing is buffered without bound: while replaying, the database is the buffer; live, the subscription's queue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from graphrun_api.errors import ApiError, HistoryUnavailable, NotAuthenticated, NotFound, RightMissing
from graphrun_api.events.feed import Feeds, Subscription
from graphrun_api.events.milestones import END_TYPES
from graphrun_api.events.model import Event
from graphrun_api.events.reads import REPLAY_PAGE, EventQuery, HistoryReads

log = logging.getLogger(__name__)

RIGHT_CHECK_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 1.0
# How long a client may take to read the close frame.
_CLOSE_SECONDS: Final = 2.0

ENDED: Final = (1000, "the run has ended")
STOPPING: Final = (1001, "the server is stopping; connect again with the last seq")
RIGHT_LOST: Final = (1008, "the token has expired or the right was withdrawn")
TOO_SLOW: Final = (1013, "events came faster than you read them; connect again with the last seq")

Close = tuple[int, str]
T = TypeVar("T")


class State(Enum):
    """Where a session is."""

    REPLAYING = "replaying"
    LIVE = "live"
    CLOSED = "closed"


@dataclass(frozen=True)
class Subject:
    """Whose events, from where on, and whether they may still be seen."""

    uid: str
    run_id: str
    after: int
    check_right: Callable[[], Awaitable[object]]
    stopping: asyncio.Event


class EventSocket:
    """A session on an accepted WebSocket."""

    def __init__(self, socket: WebSocket, reads: HistoryReads, feeds: Feeds) -> None:
        self._socket = socket
        self._reads = reads
        self._feeds = feeds
        self._sent = 0
        self.state = State.REPLAYING

    async def serve(self, subject: Subject) -> None:
        """Until the run ends, the client goes, or one side cannot go on."""
        self._sent = subject.after
        overflowed = asyncio.Event()
        watchers: list[Awaitable[Close | None]] = [
            self._send_all(subject, overflowed),
            self._until_client_leaves(),
            _until(overflowed, TOO_SLOW),
            _until(subject.stopping, STOPPING),
            _until_right_is_lost(subject.check_right),
        ]
        tasks = [asyncio.ensure_future(watcher) for watcher in watchers]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            close = next(iter(done)).result()
        finally:
            self.state = State.CLOSED
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if close is not None:
            await self._close(close)

    async def _send_all(self, subject: Subject, overflowed: asyncio.Event) -> Close | None:
        try:
            if await self._replay(subject):
                return ENDED
            return await self._go_live(subject, overflowed)
        except WebSocketDisconnect:
            return None

    async def _replay(self, subject: Subject) -> bool:
        """Send what is stored; whether that included the run's end."""
        while True:
            batch = await self._read(subject.uid)
            if await self._send(subject, batch):
                return True
            if len(batch) < REPLAY_PAGE:
                end = await self._patiently(lambda: self._reads.end_seq(subject.uid))
                return end is not None and end <= self._sent

    async def _go_live(self, subject: Subject, overflowed: asyncio.Event) -> Close | None:
        async with self._feeds.follow(subject.uid) as subscription:
            # What was stored between the replay and the subscription; later events are in its queue.
            while self._sent < subscription.position:
                if await self._send(subject, await self._read(subject.uid)):
                    return ENDED
            self.state = State.LIVE
            relay = asyncio.ensure_future(_relay(subscription.overflowed, overflowed))
            try:
                return await self._send_live(subject, subscription)
            finally:
                relay.cancel()

    async def _send_live(self, subject: Subject, subscription: Subscription) -> Close:
        while True:
            if await self._send(subject, await subscription.next_batch()):
                return ENDED

    async def _send(self, subject: Subject, events: Sequence[Event]) -> bool:
        for event in events:
            if event.seq <= self._sent:
                continue
            await self._socket.send_text(event.to_json(subject.run_id))
            self._sent = event.seq
            if event.type in END_TYPES:
                return True
        return False

    async def _read(self, uid: str) -> list[Event]:
        return await self._patiently(lambda: self._reads.events(uid, EventQuery(after=self._sent)))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except HistoryUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _until_client_leaves(self) -> None:
        """Whatever a client sends is ignored; that it leaves is not."""
        while (await self._socket.receive())["type"] != "websocket.disconnect":
            pass

    async def _close(self, close: Close) -> None:
        code, reason = close
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            log.info("client left before it was told", extra={"code": code})


async def _until(event: asyncio.Event, close: Close) -> Close:
    await event.wait()
    return close


async def _relay(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()


async def _until_right_is_lost(check: Callable[[], Awaitable[object]]) -> Close:
    while True:
        await asyncio.sleep(RIGHT_CHECK_SECONDS)
        try:
            await check()
        except (NotAuthenticated, RightMissing, NotFound):
            return RIGHT_LOST
        except ApiError as error:
            log.warning("right cannot be checked, asking again", extra={"error": str(error)})
