"""Pods as processes, for a test to start, freeze, thaw and follow."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.s3server import S3Server

_TESTS = Path(__file__).parents[1]


@dataclass
class PodProcess:
    """A pod that waits for its first word before it claims the thread."""

    process: "subprocess.Popen[str]"
    told: list[dict[str, Any]]

    @classmethod
    def start(cls, server: S3Server, prefix: str, author: str, fence: int, **changes: Any) -> "PodProcess":
        """Start one; `changes` replace fields of its plan."""
        plan = {
            "endpoint": server.endpoint,
            "prefix": prefix,
            "author": author,
            "fence": fence,
            "rounds": 3,
            "durability": "async",
            "hold_at": "",
            "node_seconds": 0.0,
            "clock": "nodes",
            "fence_seconds": 1_000_000,
            "clock_behind_seconds": 0,
            **changes,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "support.pod_process", json.dumps(plan)],
            cwd=_TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return cls(process, [])

    def until(self, what: str, **more: object) -> dict[str, Any]:
        """Follow what it tells until it tells this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            self.told.append(told)
            if told["what"] == what and more.items() <= told.items():
                return dict(told)
        raise AssertionError(f"ended with {self.process.wait()} before it told {what!r}: {self.told[-3:]}")

    def go(self) -> None:
        """Say the word that it waits for."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def freeze(self) -> None:
        """Stop it where it is, as a node that is suspended does."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let it run on; it does not know that it was away."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Clean up, whatever became of it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
