"""A thread that brings spooled events to the API, in order and each once, however long the API is away."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from graphrun_core import protocol
from graphrun_runner.supervisor.api_client import ApiClient, Unreachable
from graphrun_runner.supervisor.spool import Entry, Spool
from graphrun_runner.supervisor.voice import say

# After a quiet time the first event waits only this long for companions; in a stream of events a batch goes out
# every EVENTS_BATCH_SECONDS.
_GATHER_SECONDS: Final = 0.005
_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 2.0
_CALL_SECONDS: Final = 10.0
_TAKEN: Final = (HTTPStatus.OK, HTTPStatus.NO_CONTENT)
_REFUSED_FOR_GOOD: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class EventSender:
    """Takes events from any thread at once, sends them from its own."""

    def __init__(self, client: ApiClient, spool: Spool, on_superseded: Callable[[], None]) -> None:
        self._client, self._spool, self._on_superseded = client, spool, on_superseded
        self._changed = threading.Condition()
        self._waiting_since = 0.0  # when the oldest event came that is in no batch yet
        self._last_sent = 0.0
        self._in_flight = 0
        self._flushing = self._halted = False
        self.cut_off = False  # the last call did not reach the API
        self._progress = 0  # batches stored by the API
        self._never = threading.Event()

    @property
    def dropped(self) -> int:
        """How many events were left out, for the spool was full."""
        return self._spool.dropped

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def add(self, entry: Entry) -> None:
        """Queue an event. Never waits for the API."""
        with self._changed:
            if not self._spool:
                self._waiting_since = time.monotonic()
            self._spool.add(entry)
            # Who waits needs the first and the last of a batch; woken for each, it would hold up who reads.
            if len(self._spool) in (1, protocol.EVENTS_BATCH_SIZE):
                self._changed.notify_all()

    def flush(self, patience: float) -> bool:
        """Send what is queued, now. Gives up after `patience` seconds in which the API took no batch."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            seen, deadline = self._progress, time.monotonic() + patience
            while (self._spool or self._in_flight) and not self._halted:
                if self._progress != seen:
                    seen, deadline = self._progress, time.monotonic() + patience
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _run(self) -> None:
        while not self._halted:
            batch = self._next_batch()
            self._deliver(batch)
            with self._changed:
                self._in_flight = 0
                self._progress += 1
                self._waiting_since = time.monotonic()
                self._changed.notify_all()

    def _next_batch(self) -> list[bytes]:
        with self._changed:
            while True:
                self._changed.wait_for(self._spool.__len__)
                due = max(
                    self._waiting_since + _GATHER_SECONDS, self._last_sent + protocol.EVENTS_BATCH_SECONDS
                )
                left = due - time.monotonic()
                if left <= 0 or self._flushing or len(self._spool) >= protocol.EVENTS_BATCH_SIZE:
                    batch = self._spool.take(protocol.EVENTS_BATCH_SIZE)
                    self._in_flight = len(batch)
                    self._last_sent = time.monotonic()
                    return batch
                self._changed.wait(left)

    def _deliver(self, batch: list[bytes]) -> None:
        """Send until the API has the batch, or refuses it for good."""
        backoff = _FIRST_BACKOFF_SECONDS
        while not self._halted:
            status = self._post(batch)
            if status in _TAKEN:
                return
            if status == HTTPStatus.CONFLICT:
                self._halted = True
                self._on_superseded()
            elif status in _REFUSED_FOR_GOOD:
                self._deliver_singly(batch, status)
                return
            else:
                self._never.wait(backoff)
            backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)

    def _deliver_singly(self, batch: list[bytes], status: int) -> None:
        # One event that the API cannot take must not hold up, or take with it, the others.
        if len(batch) > 1:
            for line in batch:
                self._deliver([line])
        else:
            say("the API refuses an event for good; it is left out", status=status, bytes=len(batch[0]))

    def _post(self, batch: list[bytes]) -> int:
        body = b'{"events":[' + b",".join(batch) + b"]}"
        try:
            status = self._client.post(protocol.EVENTS_PATH, body, timeout=_CALL_SECONDS).status
        except Unreachable:
            self.cut_off = True
            return 0
        self.cut_off = False
        return status
