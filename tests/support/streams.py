"""Clients of streams: the socket of one run, the one of many, and server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.api_world import Api, Json, Rest, Runner


def socket_url(api: Api, rest: Rest, path: str) -> str:
    """Where a socket of the project is, below its runs."""
    return f"ws{api.url.removeprefix('http')}/api/projects/{rest.project.name}/workflows/runs{path}"


def run_socket(
    api: Api, rest: Rest, run: str, after: int = 0, token: str | None = None, **options: Any
) -> connect:
    """The socket of one run."""
    headers = {"Authorization": f"Bearer {rest.token if token is None else token}"}
    url = socket_url(api, rest, f"/{run}/stream?after={after}")
    return connect(url, additional_headers=headers, proxy=None, max_size=None, max_queue=None, **options)


async def taken(connection: ClientConnection, count: int) -> list[Json]:
    """The next frames."""
    async with asyncio.timeout(30):
        return [json.loads(await connection.recv()) for _ in range(count)]


async def all_of(connection: ClientConnection) -> list[Json]:
    """All frames until the close, whatever its code."""
    found = []
    # the iteration ends by itself after 1000 and 1001, and raises after any other code
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(60):
            async for message in connection:
                found.append(json.loads(message))
    return found


class Many:
    """A client of the multiplexed socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, subscription: str, **fields: Any) -> None:
        """Send a frame."""
        await self.connection.send(json.dumps({"type": kind, "id": subscription, **fields}))

    async def next(self) -> Json:
        """The next frame."""
        [frame] = await taken(self.connection, 1)
        return frame

    async def subscribed(self, subscription: str, **fields: Any) -> Json:
        """Subscribe; the server's answer, which must be the next frame."""
        await self.say("subscribe", subscription, **fields)
        frame = await self.next()
        assert (frame["type"], frame["id"]) == ("subscribed", subscription), frame
        return frame

    async def problem(self, subscription: str, **fields: Any) -> Json:
        """Subscribe in vain; the problem."""
        await self.say("subscribe", subscription, **fields)
        return await self.refused()

    async def refused(self) -> Json:
        """The next frame, which must be a problem."""
        frame = await self.next()
        assert frame["type"] == "problem", frame
        problem: Json = {"id": frame["id"], **frame["problem"]}
        return problem

    async def events(self, count: int) -> list[Json]:
        """The next frames, which must be events."""
        frames = await taken(self.connection, count)
        assert {frame["type"] for frame in frames} <= {"event"}, frames
        return frames


@asynccontextmanager
async def many_of(
    api: Api, rest: Rest, query: str = "", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Many]:
    """An open multiplexed socket; with the person's token unless other headers are given."""
    sent = {"Authorization": f"Bearer {rest.token}"} if headers is None else headers
    url = socket_url(api, rest, f"/stream{query}")
    async with connect(url, additional_headers=sent, proxy=None, max_size=None, max_queue=None) as connection:
        yield Many(connection)


@dataclass(frozen=True)
class Told:
    """One server-sent event; a comment has neither id nor data."""

    id: str
    event: str
    data: Json | None


class Sse:
    """A client of server-sent events."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._blocks = self._read()

    async def _read(self) -> AsyncIterator[Told]:
        fields: dict[str, str] = {}
        async for line in self.answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                data = json.loads(fields["data"]) if "data" in fields else None
                yield Told(fields.get("id", ""), fields.get("event", ""), data)
                fields = {}

    async def next(self) -> Told:
        """The next block, a ping too."""
        async with asyncio.timeout(30):
            return await anext(self._blocks)

    async def events(self, count: int) -> list[Json]:
        """The next events, pings left out."""
        found: list[Json] = []
        while len(found) < count:
            told = await self.next()
            if told.data is not None:
                assert told.id == str(told.data["seq"])
                assert told.event == told.data["type"]
                found.append(told.data)
        return found

    async def rest(self) -> list[Json]:
        """All events until the end of the answer."""
        async with asyncio.timeout(30):
            return [told.data async for told in self._blocks if told.data is not None]


@asynccontextmanager
async def sse_of(rest: Rest, run: str, query: str = "", **headers: str) -> AsyncIterator[Sse]:
    """An open answer; whoever asks looks at its status."""
    path = f"/api/projects/{rest.project.name}/workflows/runs/{run}/events{query}"
    sent = {"Accept": "text/event-stream", **headers}
    async with rest.http.stream("GET", path, headers=sent, timeout=60) as answer:
        yield Sse(answer)


def custom(runner: Runner, number: int) -> Json:
    """The attempt's next event, told apart by its number."""
    return runner.event("custom", data={"payload": number})


async def cut_all_connections(dsn: str) -> None:
    """What a restart of Postgres does to its clients."""
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await admin.close()


def places(frames: list[Json]) -> list[tuple[str, int]]:
    """Run and seq of the events in frames."""
    return [(frame["event"]["run_id"], frame["event"]["seq"]) for frame in frames]
