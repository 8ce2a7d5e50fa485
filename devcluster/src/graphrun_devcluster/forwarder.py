"""Carries TCP connections from 127.0.0.1 into a cluster's network namespace.

It listens before it enters the namespace, and connects after: the listener stays outside, the
connections start inside. Run as ``python -m graphrun_devcluster.forwarder``.
"""

import argparse
import asyncio
import contextlib
import socket
from pathlib import Path

from graphrun_devcluster.netns import enter_netns

CHUNK_BYTES = 65536


def main() -> None:
    """Forward until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen-port", type=int, required=True)
    parser.add_argument("--netns", type=Path, required=True)
    parser.add_argument("--to", required=True, help="HOST:PORT inside the namespace")
    arguments = parser.parse_args()
    host, _, port = arguments.to.rpartition(":")
    listener = socket.create_server(("127.0.0.1", arguments.listen_port), backlog=256)
    enter_netns(arguments.netns)
    asyncio.run(forward(listener, host, int(port)))


async def forward(listener: socket.socket, host: str, port: int) -> None:
    """Join every connection that `listener` takes with one to `host` and `port`."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()  # nobody listens there: the caller's connection ends at once
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        for ended in (writer, far_writer):
            ended.close()

    server = await asyncio.start_server(join, sock=listener)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then end the target's half only: the other half may still talk."""
    try:
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
        target.write_eof()
    except OSError:
        with contextlib.suppress(OSError):
            target.transport.abort()


if __name__ == "__main__":
    main()
