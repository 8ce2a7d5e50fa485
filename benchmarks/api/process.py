"""A server in a process of its own, on one core."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
"""The server that is measured has a core of its own; Postgres, the API server and the load share the other one."""

_END_SECONDS = 10.0
_SHOWN = 2000


@dataclass(frozen=True)
class Server:
    """A server that was started.

    Attributes:
        log: What it has written so far.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    def cpu_seconds(self) -> float:
        """CPU time that it has used so far: unlike rates, the same on a busy machine."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        text = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ensure_running(self) -> None:
        """Fail, with the end of its log, if it has ended.

        Raises:
            RuntimeError: it has ended.
        """
        if self.process.poll() is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]
            raise RuntimeError(f"the server ended with {self.process.returncode}: {tail}")


@contextmanager
def pinned(
    command: Sequence[str], environ: Mapping[str, str], folder: Path | None = None
) -> Iterator[Server]:
    """Start a server on its core, in `folder`, and end it."""
    with tempfile.NamedTemporaryFile(prefix="graphrun-bench-", suffix=".log") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Server(process, Path(log.name))
        finally:
            process.terminate()
            try:
                process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:  # it waits for work that it was given
                process.kill()
                process.wait()
