"""A port that nobody listens on at this moment."""

import socket


def free_port() -> int:
    """A TCP port of loopback; another program may take it before the caller does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
