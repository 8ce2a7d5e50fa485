"""Outlives whoever started a control plane, ends what that one left behind, and goes.

Its standard input is a pipe from the owner: the kernel closes it when the owner dies, however that
happens. Run as ``python -m graphrun_devcluster.guardian FOLDER``.
"""

import contextlib
import shutil
import signal
import sys
from pathlib import Path

from graphrun_devcluster.processes.ledger import Ledger, stop_all


def main() -> None:
    """Wait for the owner's end, then kill the folder's processes and remove the folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner answers to Ctrl-C; this one answers to the owner
    sys.stdin.buffer.read()
    folder = Path(sys.argv[1])
    ended = folder / "ended"
    with contextlib.suppress(FileNotFoundError):
        # From here on a process that is about to record itself fails to, and so does not start.
        (folder / "processes").rename(ended)
    stop_all([record.identity for record in Ledger(ended, folder / "log").records()], grace=0)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
