"""One attempt at one request: how long it may last, how much it may read, and what to hear of it besides its outcome.

Timeouts of sockets count from byte to byte, so a server that drips holds a thread for ever. Here the event loop
cuts the connection of an attempt whose time is up; the thread then fails as after any lost connection.
"""

import asyncio
import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from graphrun_checkpoints.config import Credentials

T = TypeVar("T")

XML_BYTES = 8 << 20
"""What an answer of XML may measure: a LIST of 1,000 keys of 1,024 bytes, all escaped, is below."""
_CHUNK_BYTES = 1 << 16

_of_this_thread = threading.local()


class AttemptCut(urllib3.exceptions.TimeoutError):
    """The attempt lasted longer than an attempt may."""


class AnswerTooLarge(urllib3.exceptions.HTTPError):
    """The answer is larger than anything that this request can answer; it was not read."""


class AnswerWithoutLength(urllib3.exceptions.HTTPError):
    """The answer has no length and no chunks: its end cannot be told from a lost connection."""


class Attempt:
    """What is known of one attempt, shared by the event loop and the thread that makes it.

    Args:
        seconds: It is cut when it has lasted this long in its thread; waiting for a thread does not count.
        max_bytes: The largest answer that is read.
    """

    def __init__(self, seconds: float, max_bytes: int = XML_BYTES) -> None:
        self.max_bytes = max_bytes
        self.retry_after: str | None = None
        self.credentials: Credentials | None = None
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._started: float | None = None
        self._ended = False
        self._was_cut = False

    async def run(self, threads: Executor, call: Callable[[], T]) -> T:
        """Make the attempt in a thread.

        Raises:
            AttemptCut: It lasted too long.
        """
        loop = asyncio.get_running_loop()
        watch = loop.call_later(self._seconds, self._look, loop)
        pending = threads.submit(self._in_thread, call)
        try:
            return await asyncio.wrap_future(pending)
        finally:
            if pending.done():  # else the caller was cancelled, and the thread still needs its limit
                watch.cancel()

    def uses(self, connection: HTTPConnection) -> None:
        """The thread is about to wait on this connection."""
        with self._lock:
            if self._was_cut:
                raise AttemptCut(self._too_long())
            self._connection = connection

    def cut(self) -> None:
        """End the connection that the thread waits on, if it still does."""
        with self._lock:
            self._was_cut = True
            sock = self._connection.sock if self._connection is not None else None
            if sock is not None:
                with contextlib.suppress(OSError):  # it ended by itself
                    # The plain socket's method: that of TLS would drop its state under the reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._ended:
            return
        lasted = 0.0 if self._started is None else time.monotonic() - self._started
        if lasted >= self._seconds:
            self.cut()
        else:
            loop.call_later(self._seconds - lasted, self._look, loop)

    def _in_thread(self, call: Callable[[], T]) -> T:
        self._started = time.monotonic()
        _of_this_thread.attempt = self
        try:
            return call()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if self._was_cut:
                raise AttemptCut(self._too_long()) from error
            raise
        finally:
            _of_this_thread.attempt = None
            with self._lock:
                self._ended = True
                self._connection = None

    def _too_long(self) -> str:
        return f"not done within {self._seconds:g} s"


def current_attempt() -> Attempt | None:
    """The attempt that the calling thread makes."""
    attempt: Attempt | None = getattr(_of_this_thread, "attempt", None)
    return attempt


class BoundedPool(urllib3.PoolManager):
    """Connections that tell the current attempt about themselves, and answers no larger than it may read.

    Args:
        connect: Seconds for one connection attempt.
        read: Seconds without a byte.
        connections: Kept open per host.
        ca_file: PEM file with the authorities that may vouch for the server.
    """

    def __init__(self, *, connect: float, read: float, connections: int, ca_file: str) -> None:
        super().__init__(
            timeout=urllib3.Timeout(connect=connect, read=read),
            maxsize=connections,
            retries=False,  # ours count time, not attempts, and know which answers to trust
            ca_certs=ca_file,
        )
        self.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def urlopen(  # type: ignore[override]  # as the client calls it
        self,
        method: str,
        url: str,
        body: bytes | str | None = None,
        headers: "urllib3.HTTPHeaderDict | dict[str, str] | None" = None,
        preload_content: bool = True,  # noqa: FBT001, FBT002, ARG002 - the signature of urllib3
    ) -> urllib3.BaseHTTPResponse:
        """One request and its whole answer, whatever its status; redirects are not followed."""
        answer = super().urlopen(
            method,
            url,
            redirect=False,  # a signature holds for one host
            body=body,
            headers=headers,
            preload_content=False,
            decode_content=False,  # the bytes as they were stored
        )
        attempt = current_attempt()
        try:
            data = _read(answer, attempt.max_bytes if attempt else XML_BYTES)
        except urllib3.exceptions.HTTPError:
            answer.close()
            raise
        answer.release_conn()
        if attempt is not None:
            attempt.retry_after = answer.headers.get("Retry-After")
        return urllib3.HTTPResponse(
            data or io.BytesIO(),  # for no bytes at all it takes a file alone
            headers=answer.headers,
            status=answer.status,
            reason=answer.reason,
            decode_content=False,
        )


def _read(answer: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    if answer.chunked:
        return _read_chunks(answer, max_bytes)
    if answer.length_remaining is None:
        raise AnswerWithoutLength(f"HTTP {answer.status} with neither Content-Length nor chunks")
    if answer.length_remaining > max_bytes:
        raise AnswerTooLarge(f"{answer.length_remaining} bytes, where at most {max_bytes} make sense")
    return answer.read(decode_content=False)  # which compares the length


def _read_chunks(answer: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    read, chunks = 0, []
    for chunk in answer.stream(_CHUNK_BYTES, decode_content=False):
        read += len(chunk)
        if read > max_bytes:
            raise AnswerTooLarge(f"more than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class _TellingConnection(HTTPConnection):
    """Tells the attempt before it waits for the network."""

    def connect(self) -> None:
        _tell(self)
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on as they are
        _tell(self)
        super().request(*args, **kwargs)


class _TellingTlsConnection(_TellingConnection, HTTPSConnection):
    """The same over TLS."""


def _tell(connection: HTTPConnection) -> None:
    attempt = current_attempt()
    if attempt is not None:
        attempt.uses(connection)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TellingConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TellingTlsConnection
