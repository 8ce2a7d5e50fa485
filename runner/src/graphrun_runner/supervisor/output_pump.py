"""A thread between the graph process's stdout and stderr and the container's: bytes pass at once and untouched."""

import os
import select
import threading
from collections.abc import Callable, Mapping
from typing import Final

_READ_BYTES: Final = 1 << 16


class OutputPump:
    """Passes on what comes from each descriptor to its target, and tells `on_bytes` of it."""

    def __init__(self, targets: Mapping[int, int], on_bytes: Callable[[bytes], None]) -> None:
        self._targets = dict(targets)
        self._on_bytes = on_bytes
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Pass on what the pipes still hold, for at most `seconds`.

        For when the writers are gone: a process that escaped may hold a pipe open, and is not waited for.
        """
        os.write(self._end, b".")
        self._thread.join(seconds)

    def _run(self) -> None:
        poll = select.poll()
        for descriptor in (*self._targets, self._ending):
            poll.register(descriptor, select.POLLIN)
        open_pipes, patience = set(self._targets), None
        while open_pipes:
            ready = [descriptor for descriptor, _ in poll.poll(patience)]
            if self._ending in ready:
                poll.unregister(self._ending)
                patience = 0
            elif not ready:
                return
            for descriptor in open_pipes.intersection(ready):
                if not self._pass_on(descriptor):
                    poll.unregister(descriptor)
                    open_pipes.discard(descriptor)

    def _pass_on(self, descriptor: int) -> bool:
        """One read; False at the end of the pipe."""
        data = os.read(descriptor, _READ_BYTES)
        if not data:
            return False
        _write_all(self._targets[descriptor], data)
        self._on_bytes(data)
        return True


def _write_all(target: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:  # whoever reads it made it non-blocking
            select.select([], [target], [])
        except OSError:  # nobody reads it any more; the graph must not notice
            return
