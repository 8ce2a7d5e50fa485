"""Follows one run's socket in the background and lets the story wait for what it tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from websockets.exceptions import ConnectionClosed

from graphrun_devcluster.demo.errors import DemoError
from graphrun_devcluster.demo.stream import Event, events
from graphrun_devcluster.demo.view import RunView

LAST_EVENTS = ("run_cancelled", "run_completed", "run_failed")
CONNECTIONS = 5
RECONNECT_SECONDS = 0.2

OnEvent = Callable[[Event, RunView], None]


class Watcher:
    """A run as its socket tells it. `history` has every event, `view` what they add up to."""

    def __init__(self, on_event: OnEvent) -> None:
        self.view = RunView()
        self.history: list[Event] = []
        self._on_event = on_event
        self._news = asyncio.Event()
        self._ended: asyncio.Task[None] | None = None

    def take(self, event: Event) -> None:
        """Take one event in and wake whoever waits."""
        self.view.apply(event)
        self.history.append(event)
        self._on_event(event, self.view)
        self._news.set()

    def end(self, task: asyncio.Task[None]) -> None:
        """No further event will come; `task` knows why."""
        self._ended = task
        self._news.set()

    async def until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until `holds` after some event.

        Raises:
            DemoError: it did not within `seconds`, or the events ended before.
        """
        try:
            async with asyncio.timeout(seconds):
                while not holds() and self._ended is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise DemoError(f"{what}: not within {seconds:.0f} s; last seen: {self.view.word}") from error
        if not holds():
            raise DemoError(
                f"{what}: the events ended before; last seen: {self.view.word}"
            ) from self._failure()

    @property
    def is_over(self) -> bool:
        """Whether the run's last event has come."""
        return bool(self.history) and self.history[-1].type in LAST_EVENTS

    def first(self, kind: str, attempt: int) -> Event:
        """The first event of this type in an attempt; `has` it first."""
        return next(event for event in self.history if event.type == kind and event.attempt == attempt)

    def has(self, kind: str, attempt: int) -> bool:
        """Whether an event of this type in this attempt has come."""
        return any(event.type == kind and event.attempt == attempt for event in self.history)

    def _failure(self) -> BaseException | None:
        ended = self._ended
        return None if ended is None or ended.cancelled() else ended.exception()


@asynccontextmanager
async def watch(base: str, token: str, run: str, on_event: OnEvent) -> AsyncIterator[Watcher]:
    """Follow a run while inside.

    Args:
        base: the project's address, http://host:port/api/projects/{project}.
        token: the bearer token.
        run: the run's id.
        on_event: called with each event and the view that it is part of.
    """
    watcher = Watcher(on_event)
    task = asyncio.create_task(_follow(watcher, base, token, run), name=f"events of {run}")
    task.add_done_callback(watcher.end)
    try:
        yield watcher
    finally:
        # After the last event the socket is being closed already; cancelled in that, it would be left open.
        if not watcher.is_over:
            task.cancel()
        await asyncio.wait([task])


async def _follow(watcher: Watcher, base: str, token: str, run: str) -> None:
    """Take events until the run's last one; where the socket breaks, another one goes on from there."""
    for _ in range(CONNECTIONS):
        try:
            # Closed at once, not when the collector finds it: else the socket outlives the story.
            async with aclosing(events(base, token, run, after=watcher.view.seq)) as stream:
                async for event in stream:
                    watcher.take(event)
                    if watcher.is_over:
                        return
        except (ConnectionClosed, ConnectionError):
            await asyncio.sleep(RECONNECT_SECONDS)
