"""Who a process is: its id alone is not enough, because the kernel gives ids out again."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

STAT_START_TIME = 22
"""Number of the field of /proc/PID/stat that holds the start time, in clock ticks since boot."""
STAT_STATE = 3
"""Number of the field that holds the state letter."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for all time of one boot.

    Attributes:
        pid: its id.
        start_ticks: when it started, in clock ticks since boot.
    """

    pid: int
    start_ticks: int


def parse_stat(line: str) -> tuple[ProcessIdentity, str]:
    """Return identity and state letter out of a line of /proc/PID/stat.

    The command's name, in parentheses, may itself hold blanks and parentheses: the fields are
    counted from the last one.

    Raises:
        ValueError: the line is no such line (a record cut off by a crash, say).
    """
    head, closed, tail = line.rpartition(")")
    fields = tail.split()
    if not closed or len(fields) <= STAT_START_TIME - STAT_STATE:
        raise ValueError(f"no line of /proc/PID/stat: {line!r}")
    identity = ProcessIdentity(int(head.split(" ", 1)[0]), int(fields[STAT_START_TIME - STAT_STATE]))
    return identity, fields[0]


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of the live process `pid`, or None when it has ended (a zombie has)."""
    try:
        identity, state = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else identity


def is_alive(identity: ProcessIdentity) -> bool:
    """Tell whether exactly this process still runs, not merely one that got its id."""
    return identify(identity.pid) == identity


def is_stopped(identity: ProcessIdentity) -> bool:
    """Tell whether this process does nothing: it was stopped by a signal, or it has ended."""
    try:
        found, state = parse_stat(Path(f"/proc/{identity.pid}/stat").read_text())
    except (OSError, ValueError):
        return True
    return found != identity or state in "TtZX"


def send_signal(identity: ProcessIdentity, number: int) -> None:
    """Send a signal to exactly this process; one that has ended is left in peace."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is bound to whoever has the id now: if the start time still fits, it is ours for good.
        if is_alive(identity):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def boot_id() -> str:
    """Return the id of this boot: what was recorded before another one is void."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
