"""A runner as the operator would start it: a real supervisor process with its graph process."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphrun_core.claims import fence_of
from support.runner_api import RunnerApi
from support.s3server import ACCESS_KEY, REGION, SECRET_KEY

Json = dict[str, Any]
_POLL = threading.Event()  # never set


@dataclass
class Runner:
    """Starts attempts of one run; each attempt in a folder of its own, like a pod."""

    api: RunnerApi
    folder: Path
    storage: Any  # StorageConfig: the test's place in the bucket
    sources: dict[str, str]  # inline files
    run_uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: list["Attempt"] = field(default_factory=list)

    def start(
        self,
        entrypoint: str,
        *,
        sources: dict[str, str] | None = None,
        attempt: int = 1,
        prefix: tuple[str, ...] = (),
        environ: dict[str, str] | None = None,
        refused: bool = False,
        **changes: Any,
    ) -> "Attempt":
        """Start the attempt; `changes` replace fields of the grant, `prefix` is put before the command."""
        home = self.folder / f"attempt-{attempt}-{len(self.started)}"
        home.mkdir()
        (home / "token").write_text(self.api.token + "\n")
        (home / "state").write_text("Running")
        files = self.sources if sources is None else sources
        self.api.grant = {
            **self._grant(files, entrypoint, attempt),
            "input": {"folder": str(self.folder)},
            **changes,
        }
        self.api.events = []  # numbered per attempt
        if refused:
            self.api.grant = None
        started = Attempt(self.api, home, _popen(self.api, home, prefix, environ or {}))
        self.started.append(started)
        return started

    @property
    def marks(self) -> list[str]:
        """What nodes have left, in order, over all attempts."""
        path = self.folder / "marks"
        return path.read_text().splitlines() if path.exists() else []

    def go(self) -> None:
        """Let held nodes end."""
        (self.folder / "go").touch()

    def _grant(self, files: dict[str, str], entrypoint: str, attempt: int) -> Json:
        return {
            "protocol": 1,
            "namespace": "demo",
            "run": "example",
            "runUID": self.run_uid,
            "workflow": "example",
            "revision": "example-1",
            "attempt": attempt,
            "graph": {"entrypoint": entrypoint, "files": files},
            "inputRef": "",
            "context": {},
            "config": {"recursionLimit": 100, "tags": [], "configurable": {}},
            "durability": "async",
            "thread": self.run_uid,
            "fence": fence_of(attempt),
            "owner": self.run_uid,
            "resume": None,
            "pause": {"deadlineSeconds": 30, "onDeadline": "Wait"},
            "activeSecondsLeft": None,
            "storage": {
                "endpoint": self.storage.endpoint,
                "bucket": self.storage.bucket,
                "prefix": self.storage.prefix,
                "region": REGION,
                "accessKey": ACCESS_KEY,
                "secretKey": SECRET_KEY,
                "sessionToken": "",
            },
        }


def _popen(
    api: RunnerApi, home: Path, prefix: tuple[str, ...], environ: dict[str, str]
) -> "subprocess.Popen[bytes]":
    variables = {
        "PATH": os.environ["PATH"],
        "GRAPHRUN_API_URL": api.url,
        "GRAPHRUN_TOKEN_FILE": str(home / "token"),
        "GRAPHRUN_DESIRED_STATE_FILE": str(home / "state"),
        "GRAPHRUN_WORK_DIR": str(home / "work"),
        "GRAPHRUN_GRACE_SECONDS": "30",
        "GRAPHRUN_TERMINATION_LOG": str(home / "termination-log"),
        **environ,
    }
    with (home / "stdout").open("wb") as out, (home / "stderr").open("wb") as err:
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "graphrun_runner"],
            env=variables,
            stdout=out,
            stderr=err,
            cwd=home,
        )


@dataclass
class Attempt:
    """A started runner."""

    api: RunnerApi
    home: Path
    process: "subprocess.Popen[bytes]"

    def wait(self, seconds: float = 60.0) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(timeout=seconds)

    def until_marked(self, mark: str) -> None:
        """Wait until a node has left `mark`."""
        path = self.home.parent / "marks"
        self._until(lambda: path.exists() and mark in path.read_text().splitlines(), f"mark {mark!r}")

    def until_logged(self, text: str) -> None:
        """Wait until the log has `text`."""
        self._until(lambda: text in self.log, f"line {text!r}")

    def until_children(self) -> None:
        """Wait until the graph process is there."""
        self._until(self.children, "child")

    def _until(self, holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, f"no {what} within {seconds} s\n{self.log}"
            _POLL.wait(0.01)

    @property
    def log(self) -> str:
        """What supervisor and graph have written."""
        return "".join((self.home / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    @property
    def report(self) -> Json:
        """The last report."""
        return self.api.reports[-1]

    @property
    def outcome(self) -> Json:
        """The outcome of the last report."""
        assert self.report["stopped"] is True
        return dict(self.report["outcome"] or {})

    @property
    def termination_message(self) -> Json:
        """The outcome as the kubelet would read it."""
        return dict(json.loads((self.home / "termination-log").read_text()))

    def desire(self, state: str) -> None:
        """Change the downward-API file, as the kubelet does: at once and whole."""
        (self.home / "state.new").write_text(state)
        (self.home / "state.new").replace(self.home / "state")

    def children(self) -> list[int]:
        """Processes that the supervisor has started."""
        return children_of(self.process.pid)

    def end(self) -> None:
        """Clean up after a test that failed."""
        if self.process.poll() is None:
            for pid in [*self.children(), self.process.pid]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            self.process.wait()


def children_of(pid: int) -> list[int]:
    """Direct children of a process."""
    listed: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        listed += map(int, task.read_text().split())
    return listed
