"""An HTTP proxy on loopback in front of a real server: it breaks, delays and counts requests.

    with fault_proxy("http://127.0.0.1:8333", latency=0.02) as plan:
        plan.add("PUT", "lose answer")           # the next PUT
        plan.at_random(0.2, seed=7)              # every fifth of all others
        ...                                      # ask plan.endpoint
        plan.traffic.requests["PUT"], plan.traffic.bytes_up

Operations are PUT, COPY, GET (an object), LIST, DELETE (one or many) and HEAD; other methods keep their names.
It works on bytes, a thread and a connection to the server for each of the client's connections.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from support.fault_plan import PASSING_FAULTS, Fault, FaultPlan, Made, Traffic
from support.http_bytes import (
    CLOSE,
    EXPECT,
    NO_BODY,
    Message,
    Stream,
    damaged,
    operation_of,
    plain_body,
    with_body,
)

__all__ = ["PASSING_FAULTS", "Fault", "FaultPlan", "Made", "Traffic", "fault_proxy"]

_MADE: dict[str, Made] = {
    "answer 500": Made(500, b"<Error><Code>InternalError</Code></Error>"),
    "answer 503": Made(503, b"<Error><Code>SlowDown</Code></Error>"),
    "answer 429": Made(429, b"<h1>too many requests</h1>", {"Content-Type": "text/html"}),
    "answer 409": Made(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>"),
    "answer a web page": Made(502, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"}),
}
_DRIP_SECONDS = 0.05


@contextlib.contextmanager
def fault_proxy(
    upstream: str, *, latency: float = 0.0, tls: ssl.SSLContext | None = None
) -> Iterator[FaultPlan]:
    """Run a proxy on loopback in front of `http://host:port`; with `tls` it is itself spoken to over TLS."""
    url = urlsplit(upstream)
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    scheme = "https" if tls else "http"
    plan = FaultPlan(f"{scheme}://127.0.0.1:{server.getsockname()[1]}", latency)
    conversations: set[_Conversation] = set()

    def accept() -> None:
        while not plan.ended.is_set():
            try:
                client, _ = server.accept()
            except OSError:  # closed
                return
            if tls is not None:
                client = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            each = _Conversation(client, (url.hostname or "", url.port or 80), plan)
            conversations.add(each)
            threading.Thread(target=each.run, daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield plan
    finally:
        plan.ended.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes accept
        server.close()
        thread.join()
        for each in conversations:
            each.end()


class _Conversation:
    """One connection of a client, and the one to the server that stands for it."""

    def __init__(self, client: socket.socket, upstream: tuple[str, int], plan: FaultPlan) -> None:
        self._client = Stream(client)
        self._upstream = upstream
        self._server: Stream | None = None
        self._plan = plan

    def run(self) -> None:
        try:
            while self._exchange():
                pass
        except OSError:  # one of the two went away: so does the other
            pass
        finally:
            self.end()

    def end(self) -> None:
        self._client.close()
        if self._server is not None:
            self._server.close()

    def _exchange(self) -> bool:
        """One request and its answer; whether there may be another on this connection."""
        head = self._client.read_head()
        if EXPECT.search(head):
            self._client.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Message(head, self._client.read_body(head))
        operation = operation_of(head)
        fault = self._plan.take(operation)
        if self._plan.latency:
            self._plan.ended.wait(self._plan.latency)
        if fault in ("reset", "never answer"):
            self._plan.count(operation, 0, request, Message())
            if fault == "never answer":
                self._plan.ended.wait()
            self._reset()
            return False
        made = fault if isinstance(fault, Made) else _MADE.get(fault or "")
        if made is not None:
            answer = Message(made.head, made.body)
        else:
            answer = self._ask(damaged(request) if fault == "damage upload" else request)
        if fault == "hide refusal" and answer.status == 412:
            answer = with_body(answer, b"", status=b'HTTP/1.1 200 OK\r\nETag: "hidden"')
        self._plan.count(operation, answer.status, request, answer)
        if fault == "lose answer":
            return False
        return self._answer(answer, fault, head)

    def _answer(self, answer: Message, fault: Fault | Made | None, request_head: bytes) -> bool:
        if fault == "shorten body":
            answer = with_body(answer, plain_body(answer)[: len(plain_body(answer)) // 2])
        elif fault == "flip bytes":
            answer = with_body(
                answer, bytes(byte ^ 0x80 for byte in plain_body(answer)[:64]) + plain_body(answer)[64:]
            )
        elif fault == "cut body short":
            self._client.socket.sendall(answer.head + answer.body[: len(answer.body) // 2])
            return not answer.body
        elif fault == "drip":
            return self._drip(answer.head + answer.body)
        self._client.socket.sendall(answer.head + answer.body)
        return not (CLOSE.search(answer.head) or CLOSE.search(request_head))

    def _drip(self, data: bytes) -> bool:
        for position in range(len(data)):
            self._client.socket.sendall(data[position : position + 1])
            if self._plan.ended.wait(_DRIP_SECONDS):
                return False
        return True

    def _ask(self, request: Message) -> Message:
        if self._server is None:
            self._server = Stream(socket.create_connection(self._upstream, timeout=30))
        self._server.socket.sendall(request.head + request.body)
        head = self._server.read_head()
        while head.startswith(b"HTTP/1.1 1"):  # Continue
            head = self._server.read_head()
        bodyless = request.head.startswith(b"HEAD ") or Message(head).status in NO_BODY
        return Message(head, b"" if bodyless else self._server.read_body(head))

    def _reset(self) -> None:
        linger_not = struct.pack("ii", 1, 0)
        self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        self._client.socket.close()
