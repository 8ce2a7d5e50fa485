"""Serves both applications in one process until told to stop, then lets everyone finish."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from graphrun_api.app import public_app, runner_app
from graphrun_api.compose import Program, running
from graphrun_api.kube.cluster import Cluster
from graphrun_api.settings import Settings

# A stream is pinged this often, and given up when the answer takes longer, in seconds.
_PING_SECONDS: Final = 20.0
_GRACE_SECONDS: Final = 10
# Longer than clients and proxies keep a connection that is idle: who closes first must be the one that sends.
_KEEP_ALIVE_SECONDS: Final = 75
_BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    """One of two in a process: signals are the program's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Addresses:
    """Where the program listens."""

    port: int
    runner_port: int


@asynccontextmanager
async def serving(settings: Settings, cluster: Cluster) -> AsyncIterator[tuple[Program, Addresses]]:
    """Both ports open while inside; leaving ends long polls and streams first, then the servers."""
    async with running(settings, cluster) as program:
        sockets = [_listen(settings.host, port) for port in (settings.port, settings.runner_port)]
        servers = [_Server(_config(app)) for app in (public_app(program), runner_app(program))]
        tasks = [
            asyncio.create_task(server.serve([listener]), name="server")
            for server, listener in zip(servers, sockets, strict=True)
        ]
        try:
            yield program, Addresses(*(listener.getsockname()[1] for listener in sockets))
        finally:
            program.stop()
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)
            for listener in sockets:
                listener.close()


async def serve(settings: Settings, cluster: Cluster) -> bool:
    """Until SIGTERM or SIGINT; False where a part of the program broke."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serving(settings, cluster) as (program, _):
        endings = [asyncio.ensure_future(event.wait()) for event in (stopped, program.broken)]
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for ending in endings:
            ending.cancel()
    return not program.broken.is_set()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        http="httptools",
        ws="websockets-sansio",
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        # compression would hold some 100 KB a client, for messages of a few hundred bytes
        ws_per_message_deflate=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
        server_header=False,
    )


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), backlog=_BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listener
