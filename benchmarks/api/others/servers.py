"""The other servers: each from its lock, in an environment and a process of its own, on the core that ours has."""

import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.api.others.contestants import GRAPH, RUNS, AgentProtocol
from benchmarks.api.process import Server, pinned
from benchmarks.api.site import Site
from graphrun_devcluster.progress import Progress
from support.locked_environment import ensure_environment
from support.ports import free_port
from support.waiting import eventually

_GRAPHS = {GRAPH: f"{Path(__file__).with_name('graph') / 'echo.py'}:graph"}
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Kind:
    """A server that is published.

    Attributes:
        name: As on the command line.
        title: As the table shows it.
        lock: What it needs, the name of a lock in `locks/`.
        python: The least version that it takes.
        command: What its interpreter is told, by the port.
        health: The path that answers once it is up.
        environ: Its settings, by the DSN of a database of its own.
    """

    name: str
    title: str
    lock: str
    python: tuple[int, int]
    command: Callable[[int], list[str]]
    health: str
    environ: Callable[[str], dict[str, str]]


KINDS = (
    Kind(
        "langgraph",
        "langgraph-api 0.16.7, in memory",
        "server-langgraph",
        (3, 11),
        # What `langgraph dev` runs, without watching files; its own port would be 2024.
        lambda port: [
            "-m",
            "langgraph_api.cli",
            "--no-reload",
            "--port",
            str(port),
            "--n-jobs-per-worker",
            str(RUNS),
        ],
        "/ok",
        lambda _: {"LANGGRAPH_NO_VERSION_CHECK": "true", "LOG_LEVEL": "WARNING"},
    ),
    Kind(
        "aegra",
        "aegra-api 0.11.0",
        "server-aegra",
        (3, 12),
        lambda port: ["-m", "uvicorn", "aegra_api.main:app", "--port", str(port), "--no-access-log"],
        "/health",
        lambda dsn: {"DATABASE_URL": dsn, "AEGRA_CONFIG": "langgraph.json", "LOG_LEVEL": "WARNING"},
    ),
)


@asynccontextmanager
async def running(kind: Kind, site: Site, progress: Progress) -> AsyncIterator[AgentProtocol]:
    """Install it if it is missing, start it with the graph, and end it.

    Raises:
        RuntimeError: it cannot be installed, or has ended by itself.
        AssertionError: it does not answer.
    """
    python = ensure_environment(kind.lock, progress, kind.python)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="graphrun-bench-") as home:
        folder = Path(home)
        (folder / "langgraph.json").write_text(json.dumps({"graphs": _GRAPHS}), encoding="utf-8")
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            **kind.environ(await site.postgres.make_database()),
        }
        with pinned([str(python), *kind.command(port)], environ, folder) as server:
            await _until_ready(site.http, url + kind.health, server)
            yield AgentProtocol(kind.title, server, url, site.http)


async def _until_ready(http: aiohttp.ClientSession, url: str, server: Server) -> None:
    async def answers() -> bool:
        server.ensure_running()
        try:
            async with http.get(url) as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False

    await eventually(answers, seconds=_START_SECONDS, what=f"{url} answers")
