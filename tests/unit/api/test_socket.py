"""The seam between replay and live: whatever is stored in between, nothing is missing and nothing comes twice."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from starlette.websockets import WebSocket

from graphrun_api.events.feed import Feeds
from graphrun_api.events.model import Event
from graphrun_api.events.reads import EventQuery, HistoryReads
from graphrun_api.events.socket import EventSocket, State, Subject


class StoredEvents:
    """The history of one run in memory; `before_end_seq` happens between a replay and the subscription."""

    def __init__(self, count: int) -> None:
        self.stored: list[Event] = []
        self.before_end_seq: Callable[[], None] = lambda: None
        self.store(count)

    def store(self, count: int, kind: str = "custom") -> None:
        for _ in range(count):
            self.stored.append(Event(len(self.stored) + 1, 1, kind, datetime.now(UTC), None, "{}"))

    async def events(self, _uid: str, query: EventQuery) -> list[Event]:
        return self.stored[query.after : query.after + query.limit]

    async def last_seq(self, _uid: str) -> int:
        return len(self.stored)

    async def end_seq(self, _uid: str) -> int | None:
        self.before_end_seq()
        return None


class Client:
    """A WebSocket's other end, in memory."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.closed: int | None = None
        self.left = asyncio.Event()

    async def send_text(self, text: str) -> None:
        self.seen.append(json.loads(text)["seq"])

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "websocket.disconnect"}

    async def close(self, code: int, _reason: str) -> None:
        self.closed = code


async def no_check() -> None:
    return None


def session(history: StoredEvents, feeds: Feeds, client: Client) -> EventSocket:
    return EventSocket(cast(WebSocket, client), cast(HistoryReads, history), feeds)


def subject(after: int = 0) -> Subject:
    return Subject("u", "run", after, no_check, asyncio.Event())


async def test_what_is_stored_between_replay_and_subscription_is_not_missed() -> None:
    history, client = StoredEvents(3), Client()
    feeds = Feeds(cast(HistoryReads, history))

    def late() -> None:
        history.store(1)

    history.before_end_seq = late
    serving = asyncio.create_task(session(history, feeds, client).serve(subject()))
    await asyncio.sleep(0.05)
    history.store(1, "run_completed")
    feeds.on_hint("u")
    await asyncio.wait_for(serving, 5)

    assert client.seen == [1, 2, 3, 4, 5]
    assert client.closed == 1000


async def test_what_the_feed_hands_out_after_the_replay_had_it_does_not_come_twice() -> None:
    history, client = StoredEvents(3), Client()
    feeds = Feeds(cast(HistoryReads, history))
    async with feeds.follow("u", asyncio.Event()):  # another client's: the feed stands at 3
        history.store(2)  # without a hint so far
        serving = asyncio.create_task(session(history, feeds, client).serve(subject()))
        await asyncio.sleep(0.05)
        feeds.on_hint("u")
        await asyncio.sleep(0.05)
        history.store(1, "run_failed")
        feeds.on_hint("u")
        await asyncio.wait_for(serving, 5)

    assert client.seen == [1, 2, 3, 4, 5, 6]


async def test_a_long_history_is_replayed_page_by_page() -> None:
    history, client = StoredEvents(1234), Client()
    history.store(1, "run_cancelled")

    await session(history, Feeds(cast(HistoryReads, history)), client).serve(subject(after=10))

    assert client.seen == list(range(11, 1236))
    assert client.closed == 1000


async def test_a_client_that_leaves_ends_the_session_without_a_word() -> None:
    history, client = StoredEvents(1), Client()
    found = session(history, Feeds(cast(HistoryReads, history)), client)
    serving = asyncio.create_task(found.serve(subject()))
    await asyncio.sleep(0.05)
    live = found.state
    client.left.set()
    await asyncio.wait_for(serving, 5)

    assert client.closed is None
    assert [live, found.state] == [State.LIVE, State.CLOSED]
