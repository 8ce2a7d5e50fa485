"""The process that runs the tests' Postgres and leaves nothing of it behind.

    python postgres_guardian.py <user> [durable]

Prints one line of JSON when the server is ready. Ends it and removes its files as soon as standard input closes:
that happens too when the tests are killed.
"""

import contextlib
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from graphrun_devcluster.needs import ensure_packages
from graphrun_devcluster.progress import Progress

USER = sys.argv[1]
_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_PACKAGE = "postgresql"
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")
# For benchmarks: what is committed is on the disk.
_DURABLE = ("max_connections=200", "shared_buffers=1GB", "max_wal_size=4GB")
_SETTINGS = _DURABLE if sys.argv[2:] == ["durable"] else _FAST


def guard() -> int:
    """Start the server, tell where it listens, and end it with our standard input."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    programs, account = _programs(), _account()
    folder = Path(tempfile.mkdtemp(prefix="graphrun-pg-"))
    try:
        if account:
            shutil.chown(folder, account)
        data, log = folder / "data", folder / "log"
        _run(
            [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
            account,
            folder,
        )
        for _ in range(3):  # a port may be taken between our look and the server's bind
            port = _free_port()
            server = _start(programs, data, log, port, account)
            try:
                if _wait_until_ready(programs, server, port):
                    print(json.dumps({"port": port, "pid": server.pid}), flush=True)  # noqa: T201 - the protocol
                    sys.stdin.read()
                    return 0
            finally:
                server.send_signal(signal.SIGQUIT)  # at once, with its children
                server.wait()
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of the newest server; installed where it is missing and that is possible."""
    found = _newest()
    if found is None:
        # standard output is the protocol with our parent
        with contextlib.redirect_stdout(sys.stderr):
            ensure_packages([_PACKAGE], Progress())
        found = _newest()
    if found is None:
        raise RuntimeError("no Postgres server: install the package postgresql")
    return found


def _newest() -> Path | None:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name, default=None)


def _account() -> str | None:
    return pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None


def _run(command: list[str | Path], account: str | None, folder: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], user=account, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def _start(
    programs: Path, data: Path, log: Path, port: int, account: str | None
) -> "subprocess.Popen[bytes]":
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *_SETTINGS]
    flags = [part for setting in settings for part in ("-c", setting)]
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), *flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=data,
            user=account,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the guardian has one thread
        )


def _wait_until_ready(programs: Path, server: "subprocess.Popen[bytes]", port: int) -> bool:
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        if subprocess.run(ready, check=False).returncode == 0:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _die_with_parent() -> None:
    # As another user the kernel has cleared this already; SIGQUIT by us is then what ends it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(guard())
