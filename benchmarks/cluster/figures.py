"""What many measurements of one thing come to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Number of measurements, and of their values the median, the 99th percentile and the greatest."""

    count: int
    p50: float
    p99: float
    most: float

    def cells(self) -> list[float]:
        """Return them in the order in which tables have them, the number left out."""
        return [self.p50, self.p99, self.most]


def figures(values: Sequence[float]) -> Figures | None:
    """Return the figures of `values`; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return Figures(len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.99), ordered[-1])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the least of `ordered` that is not exceeded by this share of them (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


@dataclass(frozen=True)
class Budget:
    """What architecture.md, section 11, allows: seconds. `most` is for each single measurement."""

    p50: float
    p99: float
    most: float | None = None

    def verdict(self, found: Figures) -> str:
        """Return "held", or what is over, in words."""
        over = [
            f"{name} {value:.2f} > {limit:.2f}"
            for name, value, limit in (
                ("p50", found.p50, self.p50),
                ("p99", found.p99, self.p99),
                ("max", found.most, self.most),
            )
            if limit is not None and value > limit
        ]
        return "held" if not over else f"over: {', '.join(over)}"


CANCEL = Budget(0.15, 0.6, 1.0)
PAUSE = Budget(0.3, 0.8)
START = Budget(2.0, 3.5)
RESUME = Budget(2.0, 3.5)
WRITES = 6

ARGO_START, ARGO_SIGTERM, ARGO_ENDED = 1.7, 5.4, 15.3
"""Argo Workflows 4.1 at its defaults, on the same cluster, in seconds: submit → process started;
``shutdown: Terminate`` → SIGTERM in the pod; → shown as ended."""
