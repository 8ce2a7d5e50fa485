"""Closed loops of requests: so many at a time, the next as soon as one is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.cluster.figures import Figures, figures

Request = Callable[[int], Awaitable[None]]
"""Make the request of that number, and take the whole answer."""


@dataclass
class Rate:
    """What a loop came to: seconds of each request, and of all together."""

    seconds: float
    times: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds

    @property
    def figures(self) -> Figures:
        """Of the single requests."""
        found = figures(self.times)
        if found is None:
            raise RuntimeError("no request was made")
        return found


async def loop(clients: Sequence[Request], *, seconds: float = 0.0, count: int = 0) -> Rate:
    """Let each client make one request after another, for so many seconds, or so many of all together."""
    numbers = iter(range(count)) if count else iter(int, 1)
    made = iter(range(1 << 60))
    times: list[float] = []
    began = time.perf_counter()

    async def work(request: Request) -> None:
        for _ in numbers:
            started = time.perf_counter()
            if seconds and started - began > seconds:
                return
            await request(next(made))
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(work(client) for client in clients))
    return Rate(time.perf_counter() - began, times)
