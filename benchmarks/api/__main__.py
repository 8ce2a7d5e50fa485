"""Measure the API, and print tables."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from benchmarks.api import ingest, long_history, rates, streams
from benchmarks.api.others import beside
from benchmarks.api.site import Site, open_site
from benchmarks.choosing import choice
from benchmarks.tables import Table

Part = Callable[[Site, argparse.Namespace], Awaitable[Table]]
PARTS: dict[str, Part] = {
    "rates": lambda site, asked: rates.measure(site, asked.seconds),
    "ingest": lambda site, asked: ingest.measure(site, asked.seconds),
    "streams": lambda site, asked: streams.measure(site, asked.clients, asked.seconds),
    "replay": lambda site, asked: streams.replay(site, asked.replayed),
    "others": lambda site, asked: beside.measure(
        site, beside.Asked(asked.servers, asked.seconds, asked.others_clients)
    ),
    "lists": lambda site, asked: long_history.measure(site, asked.runs, asked.events),
}


async def measure(asked: argparse.Namespace) -> None:
    """Each part on the same replica, one after the other."""
    async with open_site() as site:
        for part in asked.only:
            table = await PARTS[part](site, asked)
            print(table.text(markdown=asked.markdown), end="\n\n", flush=True)


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument(
        "--only", type=choice(tuple(PARTS)), default=list(PARTS), help=f"of {','.join(PARTS)}"
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="of each loop; default: %(default)s")
    parser.add_argument("--clients", type=int, default=2000, help="WebSocket clients; default: %(default)s")
    parser.add_argument(
        "--replayed", type=int, default=100_000, help="events of a long run; default: %(default)s"
    )
    parser.add_argument(
        "--servers",
        type=choice(beside.NAMES),
        default=list(beside.NAMES),
        help=f"side by side, of {','.join(beside.NAMES)}",
    )
    parser.add_argument(
        "--others-clients", type=int, default=200, help="of streams, side by side; default: %(default)s"
    )
    parser.add_argument("--runs", type=int, default=1_000_000, help="in the history; default: %(default)s")
    parser.add_argument("--events", type=int, default=20_000_000, help="in the history; default: %(default)s")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    asyncio.run(measure(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
