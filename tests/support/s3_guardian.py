"""The process that runs the tests' S3 server (SeaweedFS) and leaves nothing of it behind.

    python s3_guardian.py <access key> <secret key> <bucket> <region>

Prints one line of JSON when the bucket is there. Ends the server and removes its files as soon as standard input
closes: that happens too when the tests are killed. Imports little, for a fast start.
"""

import contextlib
import ctypes
import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import minio
import urllib3

ACCESS_KEY, SECRET_KEY, BUCKET, REGION = sys.argv[1:5]

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")


def guard() -> int:
    """Start the server, tell where it listens, and end it with our standard input."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for _ in range(3):  # a port may be taken between our look and the server's bind
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        folder = Path(tempfile.mkdtemp(prefix="graphrun-s3-"))
        server = subprocess.Popen(
            _command(folder, ports),
            stdin=subprocess.DEVNULL,
            stdout=(folder / "log").open("w"),
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder)},
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the guardian has one thread
        )
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
            for port in ports.values():  # the server leaves its sockets behind
                for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - the server's choice
                    socket_file.unlink(missing_ok=True)
    sys.stderr.write(log[-4000:])
    return 1


def _command(folder: Path, ports: dict[str, int]) -> list[str]:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    flags = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 0,
        "filer": "true",
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.config": config,
        "s3.iam": "false",
        "s3.localSocket": folder / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.port": ports["master"],
        "master.port.grpc": ports["master.grpc"],
        "volume.port": ports["volume"],
        "volume.port.grpc": ports["volume.grpc"],
        "filer.port": ports["filer"],
        "filer.port.grpc": ports["filer.grpc"],
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3.grpc"],
    }
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    return [str(weed), "-logtostderr", "server", *(f"-{name}={value}" for name, value in flags.items())]


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> bool:
    """Make the bucket as soon as the server lets us; False if it ended, did not answer, or our parent is gone."""
    client, give_up = _client(f"127.0.0.1:{port}"), time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            client.make_bucket(BUCKET)
        except (minio.error.MinioException, urllib3.exceptions.HTTPError):
            if select.select([sys.stdin], [], [], _POLL_SECONDS)[0]:
                return False
        else:
            return True
    return False


def _client(host: str) -> minio.Minio:
    pool = urllib3.PoolManager(retries=False, timeout=5.0)
    return minio.Minio(host, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION, http_client=pool)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(guard())
