"""A TCP relay on loopback before Postgres that counts turns (a question of the client's, then an answer) and bytes."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Meter:
    """What passed since the last `restart`.

    Attributes:
        port: Where the relay listens.
        turns: How often the client spoke after the server had, or first.
        up: Bytes to the server.
        down: Bytes to the client.
    """

    port: int
    turns: int = 0
    up: int = 0
    down: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Count from zero."""
        with self._lock:
            self.turns = self.up = self.down = 0

    def note_up(self, size: int, *, new_turn: bool) -> None:
        """Count bytes of the client."""
        with self._lock:
            self.up += size
            self.turns += new_turn

    def note_down(self, size: int) -> None:
        """Count bytes of the server."""
        with self._lock:
            self.down += size


@contextlib.contextmanager
def postgres_meter(server_port: int) -> Iterator[Meter]:
    """Run a relay to a port of loopback; its connections end with it."""
    listener = socket.create_server(("127.0.0.1", 0))
    meter = Meter(listener.getsockname()[1])
    open_sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", server_port))
            open_sockets.extend((client, server))
            _Conversation(client, server, meter).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        listener.close()
        thread.join()
        for each in open_sockets:
            each.close()


class _Conversation:
    """One connection of the client's, and the one to the server that stands for it."""

    def __init__(self, client: socket.socket, server: socket.socket, meter: Meter) -> None:
        self._client, self._server, self._meter = client, server, meter
        self._server_spoke = True

    def start(self) -> None:
        for each in (self._client, self._server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._up, daemon=True).start()
        threading.Thread(target=self._down, daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):  # one of the two went away: so does the other
            while data := self._client.recv(1 << 16):
                self._meter.note_up(len(data), new_turn=self._server_spoke)
                self._server_spoke = False
                self._server.sendall(data)
        self._end()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(1 << 16):
                self._meter.note_down(len(data))
                self._server_spoke = True
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
