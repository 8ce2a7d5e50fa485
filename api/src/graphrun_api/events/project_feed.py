"""A project's events, of all its runs, in the order in which they were stored: replay from a place, then live.

Transactions become visible out of order: what is handed out stays below the oldest one that is still under way, so that
nothing can turn up before a place that was handed out. Within one run the order is that of seq.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

from graphrun_api.errors import EventsExpired, HistoryUnavailable
from graphrun_api.events.patience import patiently
from graphrun_api.events.places import Place
from graphrun_api.events.project_reads import ProjectEvent, ProjectPage, ProjectReads

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
QUEUE_EVENTS: Final = 5000
# How soon a transaction that was still under way is looked at again: the first time, and at most.
_PENDING_SECONDS: Final = 0.01
_MAX_PENDING_SECONDS: Final = 0.5
PAGE_BATCHES: Final = 50


class _Follower:
    def __init__(self, position: Place, overflowed: asyncio.Event) -> None:
        self.position, self.overflowed = position, overflowed
        self._queue: deque[ProjectEvent] = deque()
        self._news = asyncio.Event()

    async def next_batch(self) -> list[ProjectEvent]:
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        batch = list(self._queue)
        self._queue.clear()
        return batch

    def push(self, found: Sequence[ProjectEvent]) -> None:
        if self.overflowed.is_set():
            return
        if len(self._queue) + len(found) > QUEUE_EVENTS:
            self.overflowed.set()
            return
        self._queue.extend(found)
        self._news.set()


class _Feed:
    """The events of one project, as far as they have been handed out."""

    def __init__(self, position: Place) -> None:
        self.position = position
        self.followers: set[_Follower] = set()
        self.hint = asyncio.Event()
        self.hint.set()  # what was stored meanwhile was hinted at before anybody listened
        self.task: asyncio.Task[None] | None = None


class ProjectFeeds:
    """All projects that are followed on this replica."""

    def __init__(self, reads: ProjectReads) -> None:
        self._reads = reads
        self._feeds: dict[str, _Feed] = {}

    def on_hint(self, namespace: str) -> None:
        """A run of the project has new events."""
        feed = self._feeds.get(namespace)
        if feed is not None:
            feed.hint.set()

    @asynccontextmanager
    async def follow(self, namespace: str, overflowed: asyncio.Event) -> AsyncIterator[_Follower]:
        """Subscribe to what comes after the follower's `position`; waits while Postgres is away."""
        feed = self._feeds.get(namespace)
        if feed is None:
            position = Place(await patiently(self._reads.horizon))
            # another follower may have made it meanwhile
            feed = self._feeds.setdefault(namespace, _Feed(position))
            feed.task = feed.task or asyncio.create_task(
                self._pump(namespace, feed), name=f"project feed {namespace}"
            )
        follower = _Follower(feed.position, overflowed)
        feed.followers.add(follower)
        try:
            yield follower
        finally:
            feed.followers.discard(follower)
            if not feed.followers and self._feeds.get(namespace) is feed:
                del self._feeds[namespace]
                assert feed.task is not None  # noqa: S101 - set where the feed is made
                feed.task.cancel()

    async def _pump(self, namespace: str, feed: _Feed) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await feed.hint.wait()
            except TimeoutError:
                pass
            feed.hint.clear()
            try:
                await self._drain(namespace, feed)
            except HistoryUnavailable:
                log.debug("project feed waits for Postgres", extra={"project_namespace": namespace})

    async def _drain(self, namespace: str, feed: _Feed) -> None:
        pause = _PENDING_SECONDS
        while True:
            found = await self._reads.page(namespace, feed.position, PAGE_BATCHES)
            feed.position = found.end
            if found.events:
                pause = _PENDING_SECONDS
                for follower in tuple(feed.followers):
                    follower.push(found.events)
            if found.is_last:
                if not await self._reads.is_pending(namespace):
                    return
                await asyncio.sleep(pause)
                # Any transaction of the server may be what is waited for, a long one too.
                pause = min(2 * pause, _MAX_PENDING_SECONDS)


class ProjectStream:
    """One follower of a project.

    Attributes:
        position: the place up to which events were handed out.
        overflowed: set when the follower is too slow; nothing more is handed out then.
    """

    def __init__(self, reads: ProjectReads, feeds: ProjectFeeds, namespace: str, after: Place) -> None:
        self._reads, self._feeds, self._namespace = reads, feeds, namespace
        self.position = after
        self.overflowed = asyncio.Event()

    async def check(self) -> None:
        """Whether all that came after the place is still there.

        Raises:
            EventsExpired: it is not.
            HistoryUnavailable: Postgres is away.
        """
        if not await self._reads.keeps(self.position):
            message = "the cursor is older than what a project's stream keeps; read the list of runs anew, and go on from its cursor"
            raise EventsExpired(message)

    async def batches(self) -> AsyncGenerator[list[ProjectEvent], None]:
        """Events in order, none of them empty, for as long as they are asked for. Waits while Postgres is away.

        Raises:
            EventsExpired: what was to be replayed was dropped meanwhile.
        """
        async with aclosing(self._replay()) as stored:
            async for batch in stored:
                yield batch
        async with self._feeds.follow(self._namespace, self.overflowed) as follower:
            async with aclosing(self._replay(follower.position)) as missed:
                async for batch in missed:
                    yield batch
            while True:
                if batch := self._fresh(await follower.next_batch()):
                    yield batch

    async def _replay(self, end: Place | None = None) -> AsyncGenerator[list[ProjectEvent], None]:
        """What is stored after the position: all there is, or up to `end`."""
        while end is None or self.position < end:
            found = await patiently(self._page)
            if batch := self._fresh(found.events):
                yield batch
            self.position = max(self.position, found.end)
            if found.is_last:
                return

    async def _page(self) -> ProjectPage:
        found = await self._reads.page(self._namespace, self.position, PAGE_BATCHES)
        await self.check()  # afterwards: what is dropped between two pages would be missing without a word
        return found

    def _fresh(self, found: Sequence[ProjectEvent]) -> list[ProjectEvent]:
        fresh = [each for each in found if each.place > self.position]
        if fresh:
            self.position = fresh[-1].place
        return fresh
