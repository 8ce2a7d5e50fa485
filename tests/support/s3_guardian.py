"""The process that runs one of the tests' S3 servers and leaves nothing of it behind.

    python s3_guardian.py <Account as JSON> <Launch as JSON>

Prints one line of JSON when the bucket is there. Ends the server and removes its files as soon as standard input
closes: that happens too when the tests are killed. Imports little, for a fast start.
"""

import contextlib
import ctypes
import glob
import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import minio
import urllib3

ACCOUNT: dict[str, str] = json.loads(sys.argv[1])
LAUNCH: dict[str, Any] = json.loads(sys.argv[2])

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


def guard() -> int:
    """Start the server, tell where it listens, and end it with our standard input."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for _ in range(3):  # a port may be taken between our look and the server's bind
        ports = _free_ports(LAUNCH["ports"])
        folder = Path(tempfile.mkdtemp(prefix="graphrun-s3-"))
        server = _start(folder, ports)
        try:
            if _wait_until_ready(server, ports["s3"]):
                print(json.dumps({"endpoint": f"http://127.0.0.1:{ports['s3']}"}), flush=True)  # noqa: T201 - the protocol
                sys.stdin.read()
                return 0
            if server.poll() is None:
                break
        finally:
            log = (folder / "log").read_text(errors="replace")
            server.kill()
            server.wait()
            shutil.rmtree(folder, ignore_errors=True)
            _remove_leftovers(ports)
    sys.stderr.write(log[-4000:])
    return 1


def _start(folder: Path, ports: dict[str, int]) -> "subprocess.Popen[bytes]":
    for name, text in LAUNCH["files"].items():
        (folder / name).write_text(text)
    known = {"folder": folder, **ports}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [part.format(**known) for part in LAUNCH["command"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={name: value.format(**known) for name, value in LAUNCH["environment"].items()},
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the guardian has one thread
        )


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> bool:
    """Make the bucket as soon as the server lets us; False if it ended, did not answer, or our parent is gone."""
    client, give_up = _client(f"127.0.0.1:{port}"), time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            client.make_bucket(ACCOUNT["bucket"])
        except (minio.error.MinioException, urllib3.exceptions.HTTPError):
            if select.select([sys.stdin], [], [], _POLL_SECONDS)[0]:
                return False
        else:
            return True
    return False


def _client(host: str) -> minio.Minio:
    pool = urllib3.PoolManager(retries=False, timeout=5.0)
    return minio.Minio(
        host,
        ACCOUNT["access_key"],
        ACCOUNT["secret_key"],
        secure=False,
        region=ACCOUNT["region"],
        http_client=pool,
    )


def _free_ports(names: Sequence[str]) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: int(each.getsockname()[1]) for name, each in zip(names, sockets, strict=True)}


def _remove_leftovers(ports: dict[str, int]) -> None:
    for pattern in LAUNCH["leftovers"]:
        for port in ports.values():
            for left in glob.glob(pattern.format(port=port)):
                Path(left).unlink(missing_ok=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(guard())
