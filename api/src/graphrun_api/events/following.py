"""One run's events from a seq on: what is stored, then what comes, until the run has ended. No gap, nothing twice.

Nothing is buffered without bound: while replaying, the database is the buffer; live, the subscription's queue.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from graphrun_api.events.feed import Feeds, Subscription
from graphrun_api.events.milestones import END_TYPES
from graphrun_api.events.model import Event
from graphrun_api.events.patience import patiently
from graphrun_api.events.reads import REPLAY_PAGE, EventQuery, HistoryReads


class RunStream:
    """One follower of a run.

    Attributes:
        position: the seq up to which events were handed out.
        is_live: whether all that was stored before has been.
        overflowed: set when the follower is too slow; nothing more is handed out then.
    """

    def __init__(self, reads: HistoryReads, feeds: Feeds, uid: str, after: int) -> None:
        self._reads, self._feeds, self._uid = reads, feeds, uid
        self.position = after
        self.is_live = False
        self.overflowed = asyncio.Event()

    async def batches(self) -> AsyncGenerator[list[Event], None]:
        """Events in order, none of them empty; ends with the event that ends the run. Waits while Postgres is away."""
        async with aclosing(self._all()) as found:
            async for batch in found:
                last = next((at for at, event in enumerate(batch) if event.type in END_TYPES), None)
                if last is not None:
                    yield batch[: last + 1]
                    return
                yield batch

    async def _all(self) -> AsyncGenerator[list[Event], None]:
        async for batch in self._replay():
            yield batch
        end = await patiently(lambda: self._reads.end_seq(self._uid))
        if end is not None and end <= self.position:
            return
        async with self._feeds.follow(self._uid, self.overflowed) as subscription:
            async for batch in self._catch_up(subscription):
                yield batch
            self.is_live = True
            while True:
                if batch := self._fresh(await subscription.next_batch()):
                    yield batch

    async def _replay(self) -> AsyncIterator[list[Event]]:
        while True:
            batch = await self._page()
            if batch:
                yield batch
            if len(batch) < REPLAY_PAGE:
                return

    async def _catch_up(self, subscription: Subscription) -> AsyncIterator[list[Event]]:
        """What was stored between the replay and the subscription; later events are in its queue."""
        while self.position < subscription.position:
            batch = await self._page()
            if not batch:  # tokens that are not kept any more
                self.position = subscription.position
                return
            yield batch

    async def _page(self) -> list[Event]:
        query = EventQuery(after=self.position)
        return self._fresh(await patiently(lambda: self._reads.events(self._uid, query)))

    def _fresh(self, batch: list[Event]) -> list[Event]:
        fresh = [event for event in batch if event.seq > self.position]
        if fresh:
            self.position = fresh[-1].seq
        return fresh
