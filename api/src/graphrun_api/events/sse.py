"""Server-sent events: the same stream for who has no WebSocket, `curl` for example.

    id: 17
    event: node_started
    data: {"seq": 17, …}

A client that connects again sends the last id as Last-Event-ID; once the run has ended it is answered with 204, which
tells browsers not to come again.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from graphrun_api.events.model import Event
from graphrun_api.events.socket import Subject, until_right_is_lost

MEDIA_TYPE: Final = "text/event-stream"
_PING_SECONDS: Final = 20.0
_PING: Final = ": ping\n\n"
# What a proxy would keep back, and a browser's cache keep, is no stream.
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(StreamingResponse):
    """The answer: events until the run ends, the right is lost, the client is too slow, or the server stops."""

    def __init__(
        self,
        batches: AsyncGenerator[list[Event], None],
        subject: Subject,
        overflowed: asyncio.Event,
        opened: Callable[[], Any],
    ) -> None:
        self._generator = self._text(batches, subject, overflowed)
        super().__init__(self._generator, media_type=MEDIA_TYPE, headers=_HEADERS)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it, and count it as an open stream meanwhile."""
        with self._opened():
            try:
                await super().__call__(scope, receive, send)
            finally:
                # A client that leaves leaves the generator where it stands, with all that it waits for.
                await self._generator.aclose()

    async def _text(
        self, batches: AsyncGenerator[list[Event], None], subject: Subject, overflowed: asyncio.Event
    ) -> AsyncGenerator[str, None]:
        async with aclosing(batches):
            checking = asyncio.create_task(_until_over(subject, overflowed))
            following: asyncio.Task[list[Event]] | None = None
            try:
                yield _PING  # the headers go out with it, before there is an event
                while True:
                    following = following or asyncio.ensure_future(anext(batches))
                    waiting = {following, checking}
                    done, _ = await asyncio.wait(
                        waiting, timeout=_PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    if checking in done:
                        return
                    if not done:
                        yield _PING
                        continue
                    batch, following = _result(following), None
                    if batch is None:
                        return
                    for event in batch:
                        if subject.types is None or event.type in subject.types:
                            yield f"id: {event.seq}\nevent: {event.type}\ndata: {event.to_json(subject.run_id)}\n\n"
            finally:
                tasks = [task for task in (checking, following) if task]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def _result(task: "asyncio.Task[list[Event]]") -> list[Event] | None:
    """The batch; None at the end."""
    error = task.exception()
    if isinstance(error, StopAsyncIteration):
        return None
    return task.result()


async def _until_over(subject: Subject, overflowed: asyncio.Event) -> None:
    endings = [
        asyncio.ensure_future(ending)
        for ending in (overflowed.wait(), subject.stopping.wait(), until_right_is_lost(subject.check_right))
    ]
    try:
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for ending in endings:
            ending.cancel()
        await asyncio.gather(*endings, return_exceptions=True)
