"""Forwarders of a cluster: recorded processes that listen on 127.0.0.1 and lead into it."""

import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.launch import Part, ensure_running
from graphrun_devcluster.processes.ledger import Ledger, ProcessSpec
from graphrun_devcluster.whole_files import write_whole

PREFIX = "forward-"
"""Begins the names of forwarders in the ledger."""

FIRST_PORT, PORT_COUNT = 20000, 12000
"""Where forwarders listen: below the ports that the kernel gives to outgoing connections."""


def port_candidates(cluster: str, target: str) -> list[int]:
    """Return ports to try for the forwarder `target` of a cluster, the same ones every time."""
    seed = hashlib.sha256(f"{cluster}/{target}".encode()).digest()
    first = int.from_bytes(seed[:4], "big")
    return [FIRST_PORT + (first + step) % PORT_COUNT for step in range(100)]


class Forwards:
    """The forwarders of one cluster.

    Args:
        cluster: its name.
        folder: keeps which port each forwarder has.
        ledger: the cluster's processes.
    """

    def __init__(self, cluster: str, folder: Path, ledger: Ledger) -> None:
        self._cluster = cluster
        self._folder = folder
        self._ledger = ledger

    def ensure(self, label: str, command: Callable[[int], tuple[str, ...]]) -> int:
        """Return the port of the forwarder called `label`, started or mended where needed.

        The port stays the same as long as nobody else takes it while no forwarder runs.

        Args:
            label: tells it from the cluster's other forwarders.
            command: returns the command that listens on the port it is given.

        Raises:
            DevClusterError: no port is free.
            NotReadyError: the forwarder does not come up.
        """
        name = f"{PREFIX}{label}"
        port = self._port_of(name) or self._free_port(label)
        self._remember(name, port)
        ensure_running(self._ledger, Part(ProcessSpec(name, command(port)), lambda: _listens(port)))
        return port

    def running(self) -> list[str]:
        """Return one line for each forwarder that runs."""
        alive = (record.name for record in self._ledger.records() if record.alive())
        return [f"{name}: 127.0.0.1:{self._port_of(name)}" for name in alive if name.startswith(PREFIX)]

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _remember(self, name: str, port: int) -> None:
        self._file(name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(name), json.dumps({"port": port}))

    def _port_of(self, name: str) -> int:
        """Return the port that the forwarder holds, or held if it is free still; 0 for none."""
        try:
            port = int(json.loads(self._file(name).read_text())["port"])
        except (OSError, ValueError, KeyError):
            return 0
        record = self._ledger.record(name)
        return port if (record and record.alive()) or _is_free(port) else 0

    def _free_port(self, label: str) -> int:
        found = next((port for port in port_candidates(self._cluster, label) if _is_free(port)), None)
        if found is None:
            raise DevClusterError("no port is free for a forwarder: end what holds the ports from 20000 up")
        return found


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
