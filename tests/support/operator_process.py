"""The operator as a process of its own, as a Deployment runs it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.waiting import wait_until
from support.ports import free_port

# Where its lease is: there on every control plane.
LEASE_NAMESPACE = "default"


class OperatorProcess:
    """Start it, end it gently, kill it, freeze it; its log lines are kept for a failing test to show."""

    def __init__(self, kubeconfig: Path, log: Path, **settings: str) -> None:
        self._kubeconfig, self._log = kubeconfig, log
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.health_port = free_port()
        self.metrics_port = free_port()

    def start(self, *, ready: bool = True) -> None:
        """Start, and wait until it watches, as leader or as standby; or, where not `ready`, do not wait."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",  # no kubeconfig of this machine's user
            "KUBECONFIG": str(self._kubeconfig),
            "GRAPHRUN_RUNNER_IMAGE": "runner:test",
            "GRAPHRUN_NAMESPACE": LEASE_NAMESPACE,
            "GRAPHRUN_HEALTH_PORT": str(self.health_port),
            "GRAPHRUN_METRICS_PORT": str(self.metrics_port),
            **self._settings,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "graphrun_operator"],
                env=environ,
                stdout=log,
                stderr=log,
            )
        assert not ready or wait_until(self.is_ready, timeout=30), self.logs()

    def is_healthy(self) -> bool:
        """What /healthz says."""
        return self._says_yes("healthz")

    def is_ready(self) -> bool:
        """What /readyz says: whether it could lead."""
        return self._says_yes("readyz")

    def _says_yes(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def metrics(self) -> str:
        """What /metrics says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=2) as answer:
            text: bytes = answer.read()
            return text.decode()

    def metric(self, name: str, **labels: str) -> float:
        """One value of /metrics; 0 where there is none (yet)."""
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in self.metrics().splitlines():
            series, _, value = line.rpartition(" ")
            found, _, rest = series.partition("{")
            if found == name and wanted <= set(rest.rstrip("}").split(",")):
                return float(value)
        return 0.0

    def leads(self) -> bool:
        """Whether it is the one that works, by its own metrics."""
        try:
            return self.metric("graphrun_operator_leader") == 1
        except OSError:
            return False

    def freeze(self) -> None:
        """Stop it where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def exit_code(self, seconds: float = 30) -> int:
        """Wait until it has ended by itself."""
        assert self._process is not None
        code = self._process.wait(timeout=seconds)
        self._process = None
        return code

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it without warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> tuple[int, float]:
        """End it by SIGTERM; answers its exit code and how long it took."""
        began = time.monotonic()
        code = self._end(signal.SIGTERM)
        return code, time.monotonic() - began

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def logs(self) -> str:
        """All lines so far."""
        return self._log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Its log lines, read."""
        return [json.loads(line) for line in self.logs().splitlines()]


@contextmanager
def operator_process(plane: ControlPlane, log: Path, **settings: str) -> Iterator[OperatorProcess]:
    """A running operator; it is ended whatever the test did to it."""
    process = OperatorProcess(plane.kubeconfig, log, **settings)
    try:
        process.start()
        yield process
    finally:
        process.kill()
