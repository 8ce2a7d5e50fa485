"""The forwarder's two directions, without a network namespace."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

FORWARD = """
import asyncio, socket, sys
from graphrun_devcluster.forwarder import forward
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
asyncio.run(forward(listener, "127.0.0.1", int(sys.argv[1])))
"""
SENT = b"x" * 300_000


@contextmanager
def forwarder(to: int) -> Iterator[int]:
    """Run a forwarder to the port `to`, and yield its own."""
    with subprocess.Popen([sys.executable, "-c", FORWARD, str(to)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_an_answer_still_comes_after_the_caller_has_ended_its_half() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far, forwarder(far.getsockname()[1]) as port:

        def answer() -> None:
            with far.accept()[0] as connection:
                connection.sendall(read_to_the_end(connection).upper())

        answering = Thread(target=answer)
        answering.start()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
            caller.sendall(SENT)
            caller.shutdown(socket.SHUT_WR)
            assert read_to_the_end(caller) == SENT.upper()
        answering.join()


def test_a_connection_ends_at_once_where_nobody_listens_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]

    with forwarder(nobody) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        assert read_to_the_end(caller) == b""
