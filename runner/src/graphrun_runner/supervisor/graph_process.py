"""The graph process: started early, in a session and process group of its own, ended to the last descendant."""

import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from graphrun_runner import wire

# After SIGTERM, user code has this long to end by itself; part of the budget of a cancel.
TERM_SECONDS: Final = 0.3
_RECHECK_SECONDS: Final = 0.005
_STDOUT: Final = 1
_STDERR: Final = 2
# The graph process has no business with the API.
_HIDDEN_VARIABLES: Final = ("GRAPHRUN_API_URL", "GRAPHRUN_TOKEN_FILE", "GRAPHRUN_TERMINATION_LOG")
_DEFAULT_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD)


class GraphProcess:
    """The child and the pipes to it. The main thread alone calls this."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        down_read, self._down = os.pipe()
        self.up, up_write = os.pipe()
        self.stdout, out_write = os.pipe()
        self.stderr, err_write = os.pipe()
        # Through high numbers, or dup2 could close one end while making the other.
        theirs = {
            wire.DOWN_FD: _raised(down_read),
            wire.UP_FD: _raised(up_write),
            _STDOUT: _raised(out_write),
            _STDERR: _raised(err_write),
        }
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "graphrun_runner.child"],
            {name: value for name, value in environ.items() if name not in _HIDDEN_VARIABLES},
            file_actions=[(os.POSIX_SPAWN_DUP2, high, number) for number, high in theirs.items()],
            setsid=True,
            setsigdef=_DEFAULT_SIGNALS,
        )
        for high in theirs.values():
            os.close(high)
        self.status: int | None = None  # as Ending.status, once it has ended

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one line to the process; it may be gone already."""
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._down, data) :]
        except BrokenPipeError:
            return

    def signal_group(self, number: int) -> None:
        """Signal the child's process group, if any of it is left."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def reap(self) -> None:
        """Collect what has ended: the child, and as PID 1 every orphan."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def end_all(self) -> None:
        """Kill what is left of the child's descendants, and return only when none is.

        As PID 1 this is every other process of the container; outside one, it is the child's process group:
        `kill(-1)` would there end everything that the user owns.
        """
        pause = threading.Event()
        target = -1 if os.getpid() == 1 else -self.pid
        while True:
            self.reap()
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                self.reap()
                if self.status is not None:
                    return
            pause.wait(_RECHECK_SECONDS)


def _raised(descriptor: int) -> int:
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high
