"""The graph process's ends of the two pipes. Writing never waits: a thread of its own does it.

What waits to be written is bounded: a node may write custom events faster than the supervisor can take them.
"""

import fcntl
import json
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from graphrun_core import events
from graphrun_runner import wire

# Out of the way of descriptors that user code may guess at.
_FIRST_FD: Final = 100
_GONE: Final = 1
# Bytes that may wait for the supervisor before tokens, custom events and progress are left out.
_MOST_WAITING: Final = 8 << 20


class Pipes:
    """Reads the grant and commands, writes events and the verdict."""

    def __init__(self) -> None:
        self._down = os.fdopen(_moved(wire.DOWN_FD), "rb")
        self._up = _moved(wire.UP_FD)
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = self._left_out = 0
        self._writer = threading.Thread(target=self._write_lines, name="graphrun-events", daemon=True)

    def read_grant(self) -> dict[str, Any]:
        """Wait for the claim to be granted. Where it is not, the supervisor ends this process."""
        line = self._down.readline()
        if not line:
            os._exit(_GONE)
        self._writer.start()
        grant: dict[str, Any] = json.loads(line)
        return grant

    def follow_commands(self, on_drain: Callable[[str], None]) -> None:
        """Call `on_drain(reason)` from a thread, so that user code that blocks the event loop cannot hold it up."""

        def follow() -> None:
            for line in self._down:
                message = json.loads(line)
                if message["command"] == wire.COMMAND_DRAIN:
                    on_drain(message["reason"])
            os._exit(_GONE)  # the supervisor is gone: nobody watches over this process any more

        threading.Thread(target=follow, name="graphrun-commands", daemon=True).start()

    def send(self, key: str, value: object, *, droppable: bool = False) -> None:
        """Queue one line; from any thread. A droppable one is left out where too much waits already."""
        line = json.dumps({key: value}).encode() + b"\n"
        with self._lock:
            if droppable and self._waiting > _MOST_WAITING:
                self._left_out += 1
                return
            self._waiting += len(line)
            self._lines.put(line)

    def send_event(self, event: dict[str, Any]) -> None:
        """Queue an event (an events.RunnerEvent without `seq`)."""
        self.send(wire.EVENT, event, droppable=event["type"] in events.DROPPABLE_TYPES)

    def finish(self) -> None:
        """Return when all that was queued is in the pipe."""
        self._lines.put(None)
        self._writer.join()
        if self._left_out:
            sys.stderr.write(f"graphrun: {self._left_out} events were left out: they came too fast\n")

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            written = 0
            while written < len(line):
                written += os.write(self._up, line[written:])
            with self._lock:
                self._waiting -= written


def _moved(descriptor: int) -> int:
    """To a high number that programs started by user code do not inherit."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD)
    os.close(descriptor)
    return high
