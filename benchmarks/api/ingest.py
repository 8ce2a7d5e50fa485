"""Events a second that one replica takes in."""

from benchmarks.api.claimed import Sender, claimed
from benchmarks.api.load import Request, loop
from benchmarks.api.site import Site
from benchmarks.tables import Column, Table

RUNNERS, BATCH = 32, 50
COLUMNS = [
    Column("events/s"),
    Column("batches/s"),
    Column("p50 ms", 1),
    Column("p99 ms", 1),
    Column("CPU ms a batch", 2),
]
DATA = {"payload": {"text": "x" * 60}}


async def measure(site: Site, seconds: float) -> Table:
    """Batches as runners send them, from many runs at once."""
    senders = await claimed(site, RUNNERS)
    before = site.server.cpu_seconds()
    rate = await loop([_batches(sender) for sender in senders], seconds=seconds)
    found, used = rate.figures, (site.server.cpu_seconds() - before) / len(rate.times)
    cells = [rate.per_second * BATCH, rate.per_second, found.p50 * 1000, found.p99 * 1000, used * 1000]
    title = f"events from {RUNNERS} runs in batches of {BATCH}, one replica (budget: 15,000/s)"
    return Table(title, COLUMNS, [("custom events of 100 bytes", cells)])


def _batches(sender: Sender) -> Request:
    async def request(_: int) -> None:
        await sender.send(BATCH, DATA)

    return request
