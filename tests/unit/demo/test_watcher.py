"""The demo's watcher against a real WebSocket server on the loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from graphrun_devcluster.demo.errors import DemoError, RefusedError
from graphrun_devcluster.demo.watcher import watch


def message(seq: int, kind: str, node: str = "") -> str:
    body = {"seq": seq, "run_id": "r", "attempt": 1, "type": kind, "at": "2026-01-01T12:00:00Z", "data": {}}
    return json.dumps({**body, "node_id": node})


@asynccontextmanager
async def serving(talk: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/api/projects/demo"


def nothing(*_: object) -> None:
    """Take no notice."""


async def test_waiting_ends_with_the_event_that_was_waited_for() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(message(1, "node_started", "a"))
        await socket.send(message(2, "run_completed"))

    async with serving(talk) as base, watch(base, "token", "r", nothing) as watcher:
        await watcher.until(lambda: watcher.view.word == "completed", 5, "completes")

    assert watcher.has("node_started", 1)
    assert watcher.first("node_started", 1).node == "a"


async def test_a_broken_socket_is_opened_again_where_it_broke() -> None:
    asked: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        await socket.send(message(len(asked), "node_started" if len(asked) == 1 else "run_completed", "a"))

    async with serving(talk) as base, watch(base, "token", "r", nothing) as watcher:
        await watcher.until(lambda: watcher.view.word == "completed", 5, "completes")

    assert [path.partition("?")[2] for path in asked] == ["after=0", "after=1"]


async def test_waiting_in_vain_says_what_for() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serving(talk) as base, watch(base, "token", "r", nothing) as watcher:
        with pytest.raises(DemoError, match=r"the moon rises: not within"):
            await watcher.until(lambda: False, 0.05, "the moon rises")


async def test_a_refused_socket_is_told_with_its_status() -> None:
    async def refuse(socket: ServerConnection, _: object) -> object:
        return socket.respond(HTTPStatus.FORBIDDEN, "no right")

    async def talk(_: ServerConnection) -> None:
        await asyncio.sleep(0)

    async with serving(talk, process_request=refuse) as base, watch(base, "token", "r", nothing) as watcher:
        with pytest.raises(DemoError) as told:
            await watcher.until(lambda: False, 5, "starts")

    assert isinstance(told.value.__cause__, RefusedError)
    assert told.value.__cause__.status == HTTPStatus.FORBIDDEN
