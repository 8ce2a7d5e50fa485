"""The demo's words and pictures: a live view on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from graphrun_devcluster.demo.view import RunView

PLAIN_STEP = 0.1  # of progress: how often a plain line is written
STYLES = {"running": "bold cyan", "completed": "green", "failed": "bold red", "pending": "dim"}


class Screen:
    """Where the demo speaks.

    Args:
        console: stdout when left out.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._plain_mark: tuple[str, int, int] | None = None
        self._started = time.monotonic()

    def title(self, text: str) -> None:
        """Begin a chapter of the story."""
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def line(self, text: str) -> None:
        """Tell one thing."""
        self.console.print(Text(f"  {text}"))

    def block(self, text: str) -> None:
        """Show the output of something, line by line."""
        for line in text.rstrip().splitlines():
            self.console.print(Text(f"    {line}"))

    def table(self, table: Table) -> None:
        """Show a table."""
        self.console.print(table)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While inside, `show` keeps one live picture up to date (on a terminal)."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, refresh_per_second=10, transient=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def show(self, run: str, view: RunView) -> None:
        """Bring the picture up to date; off a terminal, write a line where enough has changed."""
        if self._live is not None:
            self._live.update(picture(run, view))
        if self.console.is_terminal:
            return
        mark = (view.word, view.attempt, int(view.progress / PLAIN_STEP))
        if mark != self._plain_mark:
            self._plain_mark = mark
            self.line(f"{time.monotonic() - self._started:6.1f} s  {plain(view)}")


def plain(view: RunView) -> str:
    """One line: state, progress, nodes under way, visits done."""
    now = ", ".join(_times(name, view.nodes[name].running) for name in view.current) or "-"
    done = sum(node.completed for node in view.nodes.values())
    return f"{view.word:<10} {view.progress:4.0%}  attempt {view.attempt}  now: {now}  nodes done: {done}"


def picture(run: str, view: RunView) -> RenderableType:
    """The live picture: a bar, and a row for each node of the graph."""
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(f"  {run}"),
        ProgressBar(total=1.0, completed=view.progress, width=40),
        Text(f"{view.progress:.0%} {view.word}, attempt {view.attempt}"),
    )
    rows = Table.grid(padding=(0, 2))
    for name, node in view.nodes.items():
        now = f"{node.running} now" if node.running else ""
        rows.add_row(Text(f"    {name}"), Text(node.word, style=STYLES[node.word]), str(node.completed), now)
    return Group(head, rows)


def _times(name: str, count: int) -> str:
    return name if count == 1 else f"{name} x{count}"
