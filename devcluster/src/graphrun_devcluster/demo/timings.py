"""What the demo measured, and the table that tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

from graphrun_devcluster.demo.stream import Event


@dataclass
class Timings:
    """Seconds, each measured once but for the socket's delays; None: not measured."""

    first_node: float | None = None
    pause: float | None = None
    pod_gone: float | None = None
    resume: float | None = None
    cancel: float | None = None
    socket: list[float] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Count the delay of an event that a node caused."""
        if event.type in ("node_started", "node_completed"):
            self.socket.append(event.delay_seconds)


def worst(delays: Sequence[float]) -> float:
    """The 99th percentile (of fewer than 100 the largest)."""
    return sorted(delays)[min(len(delays) - 1, int(len(delays) * 0.99))]


def table(timings: Timings) -> Table:
    """For a person: what, how long, from where to where."""
    shown = Table(title="Measured in this demo", title_justify="left")
    shown.add_column("what", no_wrap=True)
    shown.add_column("time", justify="right", no_wrap=True)
    shown.add_column("from … to")
    shown.add_row("create → first node", _s(timings.first_node), "POST of the run … its first node starts")
    if timings.socket:
        figures = f"{_s(median(timings.socket))} (99 %: {_s(worst(timings.socket))})"
        what = f"node starts or ends … message received ({len(timings.socket)} events)"
        shown.add_row("node → event on the socket", figures, what)
    shown.add_row("pause", _s(timings.pause), "POST pause … 200 PAUSED, checkpoint stored")
    shown.add_row("", _s(timings.pod_gone), "POST pause … kubectl shows that its pod is gone")
    shown.add_row("resume", _s(timings.resume), "POST resume … next node starts in a new pod")
    shown.add_row("cancel → processes gone", _s(timings.cancel), "POST cancel … proof that they have stopped")
    return shown


def _s(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
