"""The runner's half of the protocol with the API: one kept-alive connection, the token read afresh for each call."""

import http.client
import json
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_CONNECT_SECONDS = 5.0


class Answer(NamedTuple):
    """An HTTP answer: status and parsed JSON body ({} where there is none)."""

    status: int
    body: dict[str, Any]


class Unreachable(Exception):
    """The API did not answer; asking again may help."""


class ApiClient:
    """One thread's connection to the API's runner port. Every call of the protocol may safely be repeated."""

    def __init__(self, url: str, token_file: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix = parts.path.rstrip("/")
        self._token_file = token_file
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, *, timeout: float) -> Answer:
        """POST a JSON body.

        Raises:
            Unreachable: no answer within `timeout` seconds, or no token yet.
        """
        return self._call("POST", path, body, timeout)

    def get(self, path: str, *, timeout: float) -> Answer:
        """GET.

        Raises:
            Unreachable: no answer within `timeout` seconds, or no token yet.
        """
        return self._call("GET", path, None, timeout)

    def _call(self, method: str, path: str, body: bytes | None, timeout: float) -> Answer:
        reused = self._connection is not None
        try:
            return self._exchange(method, path, body, timeout)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            if (
                not reused
            ):  # a kept connection may have been closed by the other side meanwhile: one fresh try
                raise Unreachable(str(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(str(error)) from error
        try:
            return self._exchange(method, path, body, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(str(error)) from error

    def _exchange(self, method: str, path: str, body: bytes | None, timeout: float) -> Answer:
        try:
            connection = self._open(timeout)
            connection.request(method, self._prefix + path, body, self._headers())
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        if not content or not response.headers.get("content-type", "").startswith("application/"):
            return Answer(response.status, {})
        parsed = json.loads(content)
        return Answer(response.status, parsed if isinstance(parsed, dict) else {})

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = kind(self._host, self._port, timeout=min(timeout, _CONNECT_SECONDS))
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
        self._connection.sock.settimeout(timeout)
        return self._connection

    def _headers(self) -> dict[str, str]:
        # The kubelet replaces the token before it expires.
        with open(self._token_file, encoding="ascii") as file:
            token = file.read().strip()
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
