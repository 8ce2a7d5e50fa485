"""An HTTP proxy in front of a real server that breaks chosen answers: lost, refused or cut short."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["lose answer", "answer 503", "cut body short"]


@dataclass
class FaultPlan:
    """Faults by method, used up in order; requests without one pass."""

    endpoint: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)

    def add(self, method: str, *faults: Fault) -> None:
        """Break the next requests with this method."""
        self.faults.setdefault(method, []).extend(faults)

    def next(self, method: str) -> Fault | None:
        """The fault for a request that has come in."""
        waiting = self.faults.get(method)
        return waiting.pop(0) if waiting else None


@contextlib.contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultPlan]:
    """Run a proxy on loopback in front of `http://host:port`."""
    plan = FaultPlan()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = plan.next(self.command)
            if fault == "answer 503":
                plan.requests.append((self.command, 503))
                self._answer(503, {"Content-Type": "text/html"}, b"<h1>busy</h1>", 13)
                return
            upstream_host = upstream.removeprefix("http://")
            connection = http.client.HTTPConnection(upstream_host, timeout=10)
            with contextlib.closing(connection):
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)  # Host included: it is signed
                connection.endheaders(body)
                answer = connection.getresponse()
                data = answer.read()
            plan.requests.append((self.command, answer.status))
            if fault == "lose answer":
                self.close_connection = True
                return
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            shown = data[: len(data) // 2] if fault == "cut body short" else data
            self._answer(answer.status, kept, shown, len(data))

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the base class's names

        def _answer(self, status: int, headers: dict[str, str], data: bytes, length: int) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = len(data) != length

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    plan.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield plan
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection"})
