"""HTTP messages as bytes, for a proxy that counts and damages them."""

import contextlib
import re
import socket
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_COPY = re.compile(rb"\r\nx-amz-copy-source:", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
NO_BODY = (204, 304)


@dataclass(frozen=True)
class Message:
    head: bytes = b""
    body: bytes = b""

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1]) if self.head else 0


class Stream:
    """A socket read message by message."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self._left = bytearray()

    def read_head(self) -> bytes:
        while (end := self._left.find(b"\r\n\r\n")) < 0:
            self._more()
        return self._take(end + 4)

    def read_body(self, head: bytes) -> bytes:
        if _CHUNKED.search(head):
            return self._read_chunks()
        length = _LENGTH.search(head)
        return self._read(int(length[1])) if length else b""

    def _read_chunks(self) -> bytes:
        raw = bytearray()
        while True:
            while (end := self._left.find(b"\r\n")) < 0:
                self._more()
            line = self._take(end + 2)
            size = int(line.split(b";")[0], 16)
            raw += line
            if size == 0:
                break
            raw += self._read(size + 2)
        while raw[-4:] != b"\r\n\r\n":  # trailers
            raw += self._read(1)
        return bytes(raw)

    def _read(self, length: int) -> bytes:
        while len(self._left) < length:
            self._more()
        return self._take(length)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._left[:length])
        del self._left[:length]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError
        self._left += data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def operation_of(head: bytes) -> str:
    method, target = head.split(b" ", 2)[:2]
    path, _, query = target.partition(b"?")
    if method == b"POST" and b"delete" in query:
        return "DELETE"
    if method == b"PUT" and _COPY.search(head):
        return "COPY"
    if method == b"GET" and (b"list-type=" in query or path.count(b"/", 0, -1) < 2):
        return "LIST"
    return method.decode()


def damaged(request: Message) -> Message:
    middle = len(request.body) // 2
    changed = bytes([request.body[middle] ^ 0x01]) if request.body else b""
    return Message(request.head, request.body[:middle] + changed + request.body[middle + 1 :])


def plain_body(answer: Message) -> bytes:
    """The body without the frames of its chunks."""
    if not _CHUNKED.search(answer.head):
        return answer.body
    plain, rest = b"", answer.body
    while (size := int(rest.partition(b"\r\n")[0], 16)) > 0:
        _, _, rest = rest.partition(b"\r\n")
        plain, rest = plain + rest[:size], rest[size + 2 :]
    return plain


def with_body(answer: Message, body: bytes, status: bytes | None = None) -> Message:
    lines = [
        line
        for line in answer.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        if not line.lower().startswith((b"content-length:", b"transfer-encoding:"))
    ]
    lines[0] = status or lines[0]
    return Message(b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n", body)
