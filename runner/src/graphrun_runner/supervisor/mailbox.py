"""What the main thread waits for: signals, answers of the API and other threads' news, in one queue."""

import signal
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

CHILD_CHANGED: Final = "child-changed"
TERMINATED: Final = "terminated"
CLAIM: Final = "claim"  # payload: claim.Claim
COMMAND: Final = "command"  # payload: protocol.Command
CHECKED: Final = "checked"  # the question after SIGTERM is answered, or will not be
SUPERSEDED: Final = "superseded"
NOTHING: Final = ""


class News(NamedTuple):
    """One item."""

    kind: str
    payload: Any = None


class Mailbox:
    """A queue that signal handlers may write to (SimpleQueue.put is reentrant)."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[News] = SimpleQueue()

    def put(self, kind: str, payload: object = None) -> None:
        """Leave an item; from any thread or signal handler."""
        self._queue.put(News(kind, payload))

    def get(self, seconds: float) -> News:
        """The next item, or NOTHING after `seconds`."""
        try:
            return self._queue.get(timeout=max(seconds, 0.0))
        except Empty:
            return News(NOTHING)

    def receive_signals(self) -> None:
        """Turn SIGTERM, SIGINT and SIGCHLD into items. PID 1 gets no signal that it does not handle."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.put(TERMINATED))
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self.put(CHILD_CHANGED))
