"""A proxy on loopback between an operator and a real API server: it counts writes, and breaks what it is told to.

    with apiserver_proxy(plane, folder) as proxy:
        ...                                        # an operator with proxy.kubeconfig
        proxy.faults.cut_at(2, reached=True, then=operator.kill)
        proxy.faults.watches = "silent"
        proxy.cut_watches()

It is spoken to in plain HTTP and speaks TLS to the API server; the bearer token passes through. A thread and a
connection to the server stand for each connection of the client.
"""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.rendering.kubeconfig import render_kubeconfig
from support.apiserver_faults import ApiServerFaults
from support.http_bytes import CLOSE, Message, Stream

_WATCH = re.compile(rb"^GET [^ ]*[?&]watch=(true|1)[& ]")
_HTTP_GONE = b"HTTP/1.1 410 Gone\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
_STREAM_GONE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
)
_EXPIRED = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}'


class ApiServerProxy:
    """What a test uses; made by `apiserver_proxy`."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.faults = ApiServerFaults()
        url = urlsplit(plane.url)
        self._upstream = (url.hostname or "", url.port or 443)
        self._tls = ssl.create_default_context(cafile=str(plane.ca))
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._ended = threading.Event()
        self._conversations: set[_Conversation] = set()
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        port = self._server.getsockname()[1]
        self.kubeconfig = folder / f"kubeconfig-{port}"
        text = render_kubeconfig(f"http://127.0.0.1:{port}", plane.ca.read_text(), plane.token)
        self.kubeconfig.write_text(text)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self.faults.heal()
        self.cut_all()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._server.close()
        self._thread.join()
        for thread in list(self._threads):
            thread.join(timeout=10)

    def cut_watches(self) -> None:
        """End every watch that is open, in the middle of its stream."""
        for each in list(self._conversations):
            if each.is_watch:
                each.end()

    def silence_open_watches(self) -> None:
        """Those that are open now tell nothing any more; new ones do."""
        for each in list(self._conversations):
            each.is_silent = each.is_watch

    def cut_all(self) -> None:
        """End every connection."""
        for each in list(self._conversations):
            each.end()

    def open_watches(self) -> int:
        """How many watches stream at this moment."""
        return sum(each.is_watch for each in list(self._conversations))

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:  # closed
                return
            each = _Conversation(self, client)
            self._conversations.add(each)
            thread = threading.Thread(target=each.run, daemon=True)
            self._threads.append(thread)
            thread.start()

    def leave(self, conversation: "_Conversation") -> None:
        self._conversations.discard(conversation)

    def connect(self) -> Stream:
        """A connection to the API server."""
        plain = socket.create_connection(self._upstream, timeout=30)
        return Stream(self._tls.wrap_socket(plain, server_hostname=self._upstream[0]))


class _Conversation:
    """One connection of the operator, and the one to the API server that stands for it."""

    def __init__(self, proxy: ApiServerProxy, client: socket.socket) -> None:
        self._proxy, self._client = proxy, Stream(client)
        self._server: Stream | None = None
        self.is_watch = False
        self.is_silent = False

    def run(self) -> None:
        with contextlib.suppress(OSError):  # one of the two went away: so does the other
            while self._exchange():
                pass
        self.end()
        self._proxy.leave(self)

    def end(self) -> None:
        self._client.close()
        if self._server is not None:
            self._server.close()

    def _exchange(self) -> bool:
        """One request and its answer; whether there may be another on this connection."""
        head = self._client.read_head()
        request = Message(head, self._client.read_body(head))
        faults = self._proxy.faults
        if faults.away:
            return False
        if _WATCH.match(head):
            self._watch(request)
            return False
        faults.note_listing(head)
        if not faults.let_pass(head):
            return False
        answer = self._ask(request)
        if not faults.let_back(head):
            return False
        self._client.socket.sendall(answer.head + answer.body)
        return not (CLOSE.search(answer.head) or CLOSE.search(head))

    def _ask(self, request: Message) -> Message:
        if self._server is None:
            self._server = self._proxy.connect()
        self._server.socket.sendall(request.head + request.body)
        head = self._server.read_head()
        return Message(head, self._server.read_body(head))

    def _watch(self, request: Message) -> None:
        faults = self._proxy.faults
        faults.watches_opened.append(request.head.split(b" ", 2)[1].decode())
        answer = faults.watches
        if answer == "gone in stream":
            event = b'{"type":"ERROR","object":%s}\n' % _EXPIRED
            self._client.socket.sendall(_STREAM_GONE % (len(event), event))
            return
        if answer == "gone":
            self._client.socket.sendall(_HTTP_GONE % (len(_EXPIRED), _EXPIRED))
            return
        self.is_watch = True
        if self._server is not None:
            self._server.close()
        server = self._server = self._proxy.connect()
        server.socket.settimeout(None)  # a watch may be quiet for minutes
        server.socket.sendall(request.head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        while data := server.socket.recv(1 << 16):
            faults.hold_if_silent()
            if not self.is_silent:
                self._client.socket.sendall(data)


@contextlib.contextmanager
def apiserver_proxy(plane: ControlPlane, folder: Path) -> Iterator[ApiServerProxy]:
    """Run a proxy on loopback in front of the plane's API server."""
    proxy = ApiServerProxy(plane, folder)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
