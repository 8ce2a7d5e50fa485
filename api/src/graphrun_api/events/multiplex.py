"""Many streams on one WebSocket: single runs, and the whole project.

    client: {"type": "subscribe", "id": "a", "run": "research-x7k2p", "after": 0, "types": ["node_started"]}
            {"type": "subscribe", "id": "b", "project": true, "after": "<cursor>"}
            {"type": "unsubscribe", "id": "a"}
    server: {"type": "subscribed", "id": "a", ...}   {"type": "event", "id": "a", "event": {...}}
            {"type": "event", "id": "b", "event": {...}, "cursor": "<cursor>"}
            {"type": "ended", "id": "a"}             {"type": "problem", "id": "a", "problem": {...}}

`id` is the client's word for a subscription. A problem ends the subscription that it names, or nothing where it names
none. Each subscription has its own order and its own places; one that cannot be kept up with closes the socket.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from graphrun_api.errors import ApiError, BodyInvalid
from graphrun_api.events.admission import Admitted
from graphrun_api.events.feed import Feeds
from graphrun_api.events.following import RunStream
from graphrun_api.events.places import Place, PlaceSeal
from graphrun_api.events.project_feed import ProjectFeeds, ProjectStream
from graphrun_api.events.project_reads import ProjectReads
from graphrun_api.events.reads import HistoryReads
from graphrun_api.events.socket import (
    STOPPING,
    TOO_SLOW,
    Close,
    first_close,
    say_goodbye,
    until,
    until_right_is_lost,
)
from graphrun_api.finding import Finder, RunName
from graphrun_api.web.problems import document, kind_of

_SUBSCRIPTIONS: Final = 200
_FRAME_CHARS: Final = 16_384
Json = dict[str, Any]
Ask = Callable[[], Awaitable[None]]


class _Frame(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern="^(subscribe|unsubscribe)$")
    id: str = Field(min_length=1, max_length=64)
    run: RunName | None = None
    project: bool = False
    after: StrictInt | StrictStr | None = None
    types: list[str] | None = Field(default=None, max_length=32)


@dataclass(frozen=True)
class StreamRooms:
    """What streams are made of."""

    finder: Finder
    reads: HistoryReads
    project_reads: ProjectReads
    feeds: Feeds
    project_feeds: ProjectFeeds


class Multiplex:
    """A session on an accepted WebSocket."""

    def __init__(self, socket: WebSocket, rooms: StreamRooms, admitted: Admitted) -> None:
        self._socket, self._rooms, self._admitted = socket, rooms, admitted
        self._sending = asyncio.Lock()
        self._overflowed = asyncio.Event()
        self._failure: asyncio.Future[Close | None] = asyncio.get_running_loop().create_future()
        self._subscriptions: dict[str, asyncio.Task[None]] = {}

    async def serve(self, stopping: asyncio.Event) -> None:
        """Until the client goes, or one side cannot go on."""
        try:
            close = await first_close(
                self._listen(),
                until(self._overflowed, TOO_SLOW),
                until(stopping, STOPPING),
                until_right_is_lost(self._admitted.check),
                self._failure,
            )
        finally:
            tasks = list(self._subscriptions.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if close is not None:
            await say_goodbye(self._socket, close)

    async def _listen(self) -> Close | None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            try:
                await self._obey(str(message.get("text") or ""))
            except WebSocketDisconnect:
                return None

    async def _obey(self, text: str) -> None:
        if len(text) > _FRAME_CHARS:
            await self._complain("", BodyInvalid(f"a frame has {_FRAME_CHARS} characters at most"))
            return
        try:
            frame = _Frame.model_validate_json(text)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            await self._complain("", BodyInvalid(told))
            return
        if frame.type == "unsubscribe":
            task = self._subscriptions.pop(frame.id, None)
            if task:
                task.cancel()
                await asyncio.wait([task])
            return
        if frame.id in self._subscriptions:
            await self._complain(
                "", BodyInvalid(f"id: {frame.id!r} is subscribed already; unsubscribe it first")
            )
            return
        if len(self._subscriptions) >= _SUBSCRIPTIONS:
            await self._complain(
                frame.id, BodyInvalid(f"one socket carries {_SUBSCRIPTIONS} subscriptions at most")
            )
            return
        task = asyncio.create_task(self._carry(frame), name=f"subscription {frame.id}")
        task.add_done_callback(self._tell_of_failure)
        self._subscriptions[frame.id] = task

    def _tell_of_failure(self, task: "asyncio.Task[None]") -> None:
        """A subscription that broke takes the socket with it: silent, it would look like a run in which nothing happens."""
        if not task.cancelled() and (error := task.exception()) and not self._failure.done():
            self._failure.set_exception(error)

    async def _carry(self, frame: _Frame) -> None:
        try:
            with suppress(WebSocketDisconnect):
                await self._deliver(frame)
        finally:
            if self._subscriptions.get(frame.id) is asyncio.current_task():
                del self._subscriptions[frame.id]

    async def _deliver(self, frame: _Frame) -> None:
        try:
            if frame.project == bool(frame.run):
                raise BodyInvalid("subscribe: name a run, or set project to true")
            found = self._run_frames(frame, frame.run) if frame.run else self._project_frames(frame)
            async with aclosing(found) as frames:
                async for text in frames:
                    await self._send(text)
            await self._send(_text({"type": "ended", "id": frame.id}))
        except ApiError as error:
            await self._complain(frame.id, error)

    async def _run_frames(self, frame: _Frame, run: str) -> AsyncGenerator[str, None]:
        after = 0 if frame.after is None else frame.after
        if not isinstance(after, int) or after < 0:
            raise BodyInvalid("after: the last seq that is known, a number; or leave it out for all")
        access = await self._admitted.allow(run)
        uid = await self._rooms.finder.uid_of(access.namespace, run)
        last = await self._rooms.reads.check_after(uid, after)
        stream = RunStream(self._rooms.reads, self._rooms.feeds, uid, after)
        yield _text({"type": "subscribed", "id": frame.id, "run": run, "last_seq": last})
        head = _head(frame.id)
        async with aclosing(stream.batches()) as batches:
            async for batch in self._unless_overflowed(batches, stream.overflowed):
                for event in _wanted(batch, frame.types):
                    yield f'{head}"event":{event.to_json(run)}}}'

    async def _project_frames(self, frame: _Frame) -> AsyncGenerator[str, None]:
        access = await self._admitted.allow("")
        seal = await self._rooms.project_reads.seal()
        place = await self._place(access.namespace, frame.after, seal)
        stream = ProjectStream(self._rooms.project_reads, self._rooms.project_feeds, access.namespace, place)
        await stream.check()
        cursor = seal.seal(access.namespace, place)
        yield _text({"type": "subscribed", "id": frame.id, "project": access.project, "cursor": cursor})
        head = _head(frame.id)
        async with aclosing(stream.batches()) as batches:
            async for batch in self._unless_overflowed(batches, stream.overflowed):
                for each in batch:
                    if frame.types is None or each.event.type in frame.types:
                        cursor = seal.seal(access.namespace, each.place)
                        yield f'{head}"cursor":"{cursor}","event":{each.event.to_json(each.run_id)}}}'

    async def _place(self, namespace: str, after: int | str | None, seal: PlaceSeal) -> Place:
        if after is None:
            return Place(await self._rooms.project_reads.horizon())
        if not isinstance(after, str):
            raise BodyInvalid("after: the cursor of the last event, a text; or leave it out to begin now")
        return seal.open(namespace, after)

    async def _unless_overflowed(
        self, batches: AsyncGenerator[list[Any], None], overflowed: asyncio.Event
    ) -> AsyncGenerator[list[Any], None]:
        """The batches; one subscription that is too slow says that the socket is."""
        relay = asyncio.create_task(_relay(overflowed, self._overflowed))
        try:
            async for batch in batches:
                yield batch
        finally:
            relay.cancel()

    async def _complain(self, subscription: str, error: ApiError) -> None:
        problem = document(kind_of(error), str(error), self._socket.url.path, error.fields)
        await self._send(_text({"type": "problem", "id": subscription, "problem": problem}))

    async def _send(self, text: str) -> None:
        async with self._sending:
            if self._socket.application_state is not WebSocketState.CONNECTED:
                raise WebSocketDisconnect  # another subscription has found out before
            await self._socket.send_text(text)


async def _relay(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()


def _wanted(batch: list[Any], types: Collection[str] | None) -> list[Any]:
    return batch if types is None else [event for event in batch if event.type in types]


def _head(subscription: str) -> str:
    return _text({"type": "event", "id": subscription})[:-1] + ","


def _text(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))
