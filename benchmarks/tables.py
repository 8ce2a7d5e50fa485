"""Tables of figures, as plain text and as Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Cell = float | str | None
_NONE = "-"


@dataclass(frozen=True)
class Column:
    """A column of figures; `digits` after the point; `compared` has a ratio to the best peer, the least unless more is better."""

    title: str
    digits: int = 0
    compared: bool = True
    more_is_better: bool = False

    def show(self, cell: Cell) -> str:
        """A figure as it is printed."""
        if cell is None:
            return _NONE
        return cell if isinstance(cell, str) else f"{cell:,.{self.digits}f}"


@dataclass
class Table:
    """Rows of one title and figures each.

    Attributes:
        title: Above it.
        columns: Of the figures.
        rows: Title and figures; a figure that is a string is shown as it is, None is a dash.
        notes: Below it, a line each.
    """

    title: str
    columns: Sequence[Column]
    rows: list[tuple[str, Sequence[Cell]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, title: str, ours: str, peers: Sequence[str]) -> None:
        """Add a row: our figure over the best of these peers', where there are both."""
        cells = dict(self.rows)
        others = [cells[peer] for peer in peers if peer in cells]
        if ours not in cells or not others:
            return
        ratios: list[Cell] = [
            _ratio(cells[ours], others, index, max if column.more_is_better else min)
            if column.compared
            else None
            for index, column in enumerate(self.columns)
        ]
        self.rows.append((title, ratios))

    def text(self, *, markdown: bool) -> str:
        """The whole table."""
        head = ["", *(column.title for column in self.columns)]
        body = [
            [title, *(column.show(cell) for column, cell in zip(self.columns, cells, strict=False))]
            for title, cells in self.rows
        ]
        body = [row + [""] * (len(head) - len(row)) for row in body]
        lines = _markdown(head, body) if markdown else _plain(head, body)
        title = f"**{self.title}**\n" if markdown else self.title
        notes = ([""] if markdown and self.notes else []) + self.notes
        return "\n".join([title, *lines, *notes])


def _ratio(
    mine: Sequence[Cell], others: Sequence[Sequence[Cell]], index: int, best_of: Callable[..., float]
) -> Cell:
    figures = [figure for each in others if (figure := _figure(each, index))]
    best = best_of(figures) if figures else None
    figure = _figure(mine, index)
    return None if best is None or figure is None else f"{figure / best:.2f}"


def _figure(cells: Sequence[Cell], index: int) -> float | None:
    """None also where a failed saver has a reason in place of figures."""
    cell = cells[index] if index < len(cells) else None
    return None if isinstance(cell, str) else cell


def _markdown(head: list[str], body: list[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]


def _plain(head: list[str], body: list[list[str]]) -> list[str]:
    widths = [max(len(row[index]) for row in (head, *body)) for index in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *body)
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
