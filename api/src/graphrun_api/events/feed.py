"""Fan-out of a run's new events to everyone who follows it on this replica, with one query for all of them.

    hint or 2 s ──▶ feed reads events after its position ──▶ each subscription's bounded queue

A subscription that does not keep up is marked as overflowed and gets nothing more: its owner closes it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from graphrun_api.errors import HistoryUnavailable
from graphrun_api.events.model import Event
from graphrun_api.events.patience import patiently
from graphrun_api.events.reads import REPLAY_PAGE, EventQuery, HistoryReads

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
QUEUE_EVENTS: Final = 2000


class Subscription:
    """One follower of a run: events after `position`, in order, without a gap."""

    def __init__(self, position: int, overflowed: asyncio.Event) -> None:
        self.position = position
        self.overflowed = overflowed
        self._queue: deque[Event] = deque()
        self._news = asyncio.Event()

    async def next_batch(self) -> list[Event]:
        """Wait for events and take all that are there."""
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        batch = list(self._queue)
        self._queue.clear()
        return batch

    def push(self, events: list[Event]) -> None:
        """Give events, or mark the follower as too slow."""
        if self.overflowed.is_set():
            return
        if len(self._queue) + len(events) > QUEUE_EVENTS:
            self.overflowed.set()
            return
        self._queue.extend(events)
        self._news.set()


class _Feed:
    """The events of one run, as far as they have been handed out."""

    def __init__(self, uid: str, position: int) -> None:
        self.uid = uid
        self.position = position
        self.subscriptions: set[Subscription] = set()
        self.hint = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Feeds:
    """All runs that are followed on this replica."""

    def __init__(self, reads: HistoryReads) -> None:
        self._reads = reads
        self._feeds: dict[str, _Feed] = {}

    def on_hint(self, uid: str) -> None:
        """A run has new events; nobody may be following it."""
        feed = self._feeds.get(uid)
        if feed is not None:
            feed.hint.set()

    @asynccontextmanager
    async def follow(self, uid: str, overflowed: asyncio.Event) -> AsyncIterator[Subscription]:
        """Subscribe to what comes after the subscription's `position`, a seq that is stored already.

        `overflowed` is set, and nothing more is handed out, once the subscriber does not keep up. Waits while Postgres
        is away.

        Raises:
            EventsExpired: the run's events were dropped meanwhile.
        """
        feed = self._feeds.get(uid)
        if feed is None:
            position = await patiently(lambda: self._reads.last_seq(uid))
            # another follower may have made it meanwhile
            feed = self._feeds.setdefault(uid, _Feed(uid, position))
            feed.task = feed.task or asyncio.create_task(self._pump(feed), name=f"feed {uid}")
        subscription = Subscription(feed.position, overflowed)
        feed.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            feed.subscriptions.discard(subscription)
            if not feed.subscriptions and self._feeds.get(uid) is feed:
                del self._feeds[uid]
                assert feed.task is not None  # noqa: S101 - set where the feed is made
                feed.task.cancel()

    async def _pump(self, feed: _Feed) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await feed.hint.wait()
            except TimeoutError:
                pass
            feed.hint.clear()
            try:
                await self._drain(feed)
            except HistoryUnavailable:
                log.debug("feed waits for Postgres", extra={"run_uid": feed.uid})

    async def _drain(self, feed: _Feed) -> None:
        while True:
            events = await self._reads.events(feed.uid, EventQuery(after=feed.position, limit=REPLAY_PAGE))
            if events:
                feed.position = events[-1].seq
                for subscription in tuple(feed.subscriptions):
                    subscription.push(events)
            if len(events) < REPLAY_PAGE:
                return
