"""Starting a process that outlives its parent, without an object that complains when it is dropped."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path


class Started:
    """A process that was just started by this program.

    Args:
        pid: its id. It stays ours until it is waited for, so it cannot be given to another process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended (below zero: by that signal), or None while it runs."""
        if self.returncode is None:
            self._reap(os.WNOHANG)
        return self.returncode

    def end(self) -> None:
        """Kill it at once, and wait for its end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap(0)

    def _reap(self, options: int) -> None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # someone else in this program waited for all its children
            self.returncode = -1
            return
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)


def start_process(argv: Sequence[str], log: Path, env: Mapping[str, str]) -> Started:
    """Start `argv` in a session of its own, reading nothing and appending its output to `log`."""
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawnp(
        argv[0],
        list(argv),
        dict(env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appended, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Started(pid)
