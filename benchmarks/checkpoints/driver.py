"""Runs one job in a process of its own and counts what passes between it and its server."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from benchmarks.checkpoints.worker import Figures, Job, Stage

_ROOT = Path(__file__).resolve().parents[2]


class SaverFailed(RuntimeError):
    """A saver did not get through its job; the message has the last line that it wrote."""


@dataclass(frozen=True)
class Traffic:
    """What passed between a process and its server in one stage.

    Attributes:
        requests: HTTP requests, or turns of a database.
        puts: PUTs among them.
        up: Bytes of bodies sent (of a database: all bytes).
        down: Bytes of bodies received (of a database: all bytes).
        whole_up: Bytes sent, with HTTP heads.
        whole_down: Bytes received, with HTTP heads.
    """

    requests: int = 0
    puts: int = 0
    up: int = 0
    down: int = 0
    whole_up: int = 0
    whole_down: int = 0


class Meter(Protocol):
    """Counts between a saver and its server."""

    def restart(self) -> Traffic:
        """Answer what passed so far, and count from zero."""
        ...


@dataclass(frozen=True)
class Measured:
    """One stage: what passed, and what the process saw of itself."""

    traffic: Traffic
    figures: Figures


def run_job(python: Path, job: Job, meter: Meter, *, seconds: float) -> dict[Stage, Measured]:
    """Run all stages of a job.

    Raises:
        SaverFailed: The process ended early, or was ended after `seconds`.
    """
    with _worker(python, job, seconds) as worker:
        return {stage: _stage(worker, stage, meter) for stage in job.stages}


def _stage(worker: "_Worker", stage: Stage, meter: Meter) -> Measured:
    worker.expect("ready", stage)
    meter.restart()
    worker.go()
    fields = worker.expect("done", stage)
    traffic = meter.restart()
    del fields["done"]
    return Measured(traffic, Figures(**fields | {"steps": tuple(fields["steps"])}))


class _Worker:
    def __init__(self, process: "subprocess.Popen[str]", log: IO[str]) -> None:
        self._process = process
        self._log = log
        self.timed_out = threading.Event()

    def expect(self, key: str, stage: Stage) -> dict[str, Any]:
        """The next message, which must be this one."""
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise SaverFailed(self._last_words())
        message: dict[str, Any] = json.loads(line)
        if message.get(key) != stage:
            raise SaverFailed(f"{key} {stage} was expected, not {line}")
        return message

    def go(self) -> None:
        """Let the next stage begin."""
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write("\n")
        stdin.flush()

    def kill_late(self) -> None:
        """For a timer."""
        self.timed_out.set()
        self._process.kill()

    def _last_words(self) -> str:
        self._process.wait()
        if self.timed_out.is_set():
            return "not done in time"
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if line.strip()]
        return lines[-1][:300] if lines else f"ended with code {self._process.returncode}"


@contextlib.contextmanager
def _worker(python: Path, job: Job, seconds: float) -> Iterator[_Worker]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(_ROOT),
        "LANGGRAPH_STRICT_MSGPACK": "true",
    }
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [str(python), "-m", "benchmarks.checkpoints.worker", job.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=tempfile.gettempdir(),
            text=True,
        )
        worker = _Worker(process, log)
        timer = threading.Timer(seconds, worker.kill_late)
        timer.start()
        try:
            yield worker
        finally:
            timer.cancel()
            with contextlib.suppress(BrokenPipeError):
                process.communicate()  # closing its input ends it
