"""The tests' own S3 servers go away with the tests, however they end."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.s3server import S3_KINDS
from support.waiting import eventually

_TESTS = Path(__file__).parents[2]
_HOLD = """
import json, os, pathlib, sys
from support.s3server import running_server
with running_server(sys.argv[1]) as server:
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    print(json.dumps({"endpoint": server.endpoint, "guardian": int(children[0])}), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Traces:
    """What a running server has: processes, a folder, sockets beside it."""

    processes: tuple[Path, ...]
    folder: Path
    port: str

    async def left(self) -> list[str]:
        # The server puts its sockets into /tmp whatever the temporary folder is.
        sockets = Path("/tmp").glob(f"seaweedfs-*-{self.port}.sock")  # noqa: S108, ASYNC240 - a glance, in a test
        return [str(each) for each in (*self.processes, self.folder, *sockets) if each.exists()]


@pytest.mark.parametrize("kind", S3_KINDS)
async def test_killed_tests_leave_no_server_and_no_files(kind: str) -> None:
    traces = _start_and_kill(kind)
    await eventually(traces.left, lambda seen: not seen, seconds=10, what="nothing is left")


def _start_and_kill(kind: str) -> Traces:
    """Run a server under a process that stands for pytest, and kill that process."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_TESTS), "TMPDIR": tempfile.gettempdir()},
        text=True,
    )
    assert holder.stdout is not None
    told = json.loads(holder.stdout.readline())
    guardian = told["guardian"]
    server = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()[0]
    folder = Path(f"/proc/{server}/cwd").resolve()
    assert folder.is_dir()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    return Traces(
        (Path(f"/proc/{guardian}"), Path(f"/proc/{server}")), folder, told["endpoint"].rsplit(":", 1)[1]
    )
