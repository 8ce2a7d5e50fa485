"""Progress for people: plain lines everywhere, a spinner as well on a terminal. Written to stderr."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

HEARTBEAT_SECONDS = 10.0
"""How often a step that lasts says that it is still alive."""


class Progress:
    """Tells what is happening, one line per step with its elapsed time.

    Args:
        console: where to write; stderr when left out, so that stdout stays for results.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._inside = threading.local()

    def note(self, text: str) -> None:
        """Write one line."""
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Announce `label`, show that it lives while it lasts, and tell how long it took."""
        started = time.monotonic()
        if self._console.is_terminal and not getattr(self._inside, "step", False):
            self._inside.step = True
            try:
                with self._console.status(label):
                    yield
            finally:
                self._inside.step = False
        else:
            self.note(f"{label} ...")
            with self._heartbeat(label, started):
                yield
        self.note(f"{label}: done in {time.monotonic() - started:.1f} s")

    @contextmanager
    def _heartbeat(self, label: str, started: float) -> Iterator[None]:
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                self.note(f"{label}: {time.monotonic() - started:.0f} s so far")

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
