"""Real processes that die: forked from one that has imported everything, so that hundreds take seconds.

Only for programs without threads, as each child must make its own.
"""

import ctypes
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

DIED = 77
"""Exit code of a process that ended itself in the middle."""

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def forked(work: Callable[[], int]) -> int:
    """Do work in a child that ends with its result as exit code, 1 after an error; answers the child's id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        die_with_parent()
        code = work()
    except BaseException:  # noqa: BLE001 - nothing may fall through into the parent's program
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def exit_code(child: int) -> int:
    """Wait for a child's end; negative is the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_after(child: int, seconds: float) -> int:
    """As `exit_code`; a child that still runs after so long is killed."""
    handle = os.pidfd_open(child)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(handle)
    return exit_code(child)
