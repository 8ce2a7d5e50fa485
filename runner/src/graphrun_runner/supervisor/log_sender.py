"""A thread that brings the attempt's log to the API in chunks, so that it outlives the pod. Nothing waits for it.

It is a courtesy: while the API is away the oldest bytes are dropped, and the next chunk's offset shows the gap. The
container's own log has every byte.
"""

import json
import threading
import time
from http import HTTPStatus
from typing import Final

from graphrun_core import protocol
from graphrun_runner.supervisor.api_client import ApiClient, Unreachable
from graphrun_runner.supervisor.log_buffer import LogBuffer, Piece
from graphrun_runner.supervisor.voice import say

# What one attempt may leave in storage, in bytes of its output.
LIMIT_BYTES: Final = 16 << 20
# How long the end of the log may hold up the container's end, in seconds.
FLUSH_SECONDS: Final = 2.0
_LIMIT_LINE: Final = "\ngraphrun: the stored log ends here; the rest is in the pod's log only\n"
_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 5.0
_CALL_SECONDS: Final = 10.0
_TAKEN: Final = (HTTPStatus.OK, HTTPStatus.NO_CONTENT)
# The API knows no logs, or takes no more from this pod.
_ENDED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT)
_REFUSED_FOR_GOOD: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class LogSender:
    """Takes bytes from any thread at once, sends them from its own once it is started."""

    def __init__(
        self, *, limit_bytes: int = LIMIT_BYTES, chunk_seconds: float = protocol.LOG_CHUNK_SECONDS
    ) -> None:
        self._left, self._chunk_seconds = limit_bytes, chunk_seconds
        self._buffer = LogBuffer()
        self._changed = threading.Condition()
        self._waiting_since = 0.0  # when the oldest byte came that is in no chunk yet
        self._in_flight = self._flushing = self._ended = False
        self._never = threading.Event()

    def add(self, data: bytes) -> None:
        """Queue output. Never waits for the API."""
        with self._changed:
            if self._ended:
                return
            if not self._buffer:
                self._waiting_since = time.monotonic()
            before = len(self._buffer)
            self._buffer.add(data)
            # Who waits needs the first byte, and the last of a chunk; woken for each, it would hold up who reads.
            if not before or before < protocol.LOG_CHUNK_BYTES <= len(self._buffer):
                self._changed.notify_all()

    def start(self, client: ApiClient, attempt: int) -> None:
        """Start to send, as the log of this attempt."""
        threading.Thread(target=self._run, args=(client, attempt), name="logs", daemon=True).start()

    def flush(self, patience: float) -> None:
        """Send what is queued, for at most `patience` seconds."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._ended or not (self._buffer or self._in_flight), timeout=patience
            )

    def _run(self, client: ApiClient, attempt: int) -> None:
        while not self._ended:
            piece = self._next_piece()
            self._deliver(client, _chunk(attempt, piece))
            self._left -= len(piece.data)
            if self._left <= 0 and not self._ended:
                self._deliver(client, _last_chunk(attempt, piece))
                self._end()
            with self._changed:
                self._in_flight = False
                self._changed.notify_all()

    def _next_piece(self) -> Piece:
        with self._changed:
            while True:
                self._changed.wait_for(self._buffer.__len__)
                left = self._waiting_since + self._chunk_seconds - time.monotonic()
                if left <= 0 or self._flushing or len(self._buffer) >= protocol.LOG_CHUNK_BYTES:
                    self._in_flight = True
                    self._waiting_since = time.monotonic()
                    return self._buffer.take(min(protocol.LOG_CHUNK_BYTES, self._left))
                self._changed.wait(left)

    def _deliver(self, client: ApiClient, chunk: protocol.LogChunk) -> None:
        """Send until the API has the chunk, refuses it for good, or takes none at all."""
        content, backoff = json.dumps(chunk).encode(), _FIRST_BACKOFF_SECONDS
        while True:
            status = _post(client, content)
            if status in _TAKEN:
                return
            if status in _ENDED:
                self._end()
                return
            if status in _REFUSED_FOR_GOOD:
                say("the API refuses a piece of the log; it is left out", status=status)
                return
            self._never.wait(backoff)
            backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._buffer = LogBuffer()
            self._changed.notify_all()


def _chunk(attempt: int, piece: Piece) -> protocol.LogChunk:
    text = piece.data.decode("utf-8", "replace")
    return {"attempt": attempt, "offset": piece.offset, "size": len(piece.data), "text": text}


def _last_chunk(attempt: int, before: Piece) -> protocol.LogChunk:
    """Says that no more follows; stands for no output."""
    return {
        "attempt": attempt,
        "offset": before.offset + len(before.data),
        "size": 0,
        "text": _LIMIT_LINE,
    }


def _post(client: ApiClient, content: bytes) -> int:
    """The answer's status; 0 where there is none."""
    try:
        return client.post(protocol.LOGS_PATH, content, timeout=_CALL_SECONDS).status
    except Unreachable:
        return 0
