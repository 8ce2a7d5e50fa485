"""All that the command prints: results on stdout, complaints and questions on stderr."""

import json
import sys
from collections.abc import Sequence
from typing import TextIO

_UNIT = 1024
_UNITS = ("kB", "MB", "GB", "TB")


class Output:
    """Where results go.

    Args:
        as_json: One JSON document a line, else text for people.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def document(self, value: object) -> None:
        """One JSON document: on one line, or indented for people."""
        if self.as_json:
            _write(sys.stdout, json.dumps(value))
        else:
            _write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False))

    def line(self, text: str) -> None:
        """One line of text."""
        _write(sys.stdout, text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Aligned columns.

        Args:
            head: Their names.
            rows: Their cells.
            right: The names of columns that are aligned to the right: numbers.
        """
        widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
        for row in [head, *rows]:
            cells = [
                cell.rjust(width) if name in right else cell.ljust(width)
                for cell, width, name in zip(row, widths, head, strict=True)
            ]
            self.line("  ".join(cells).rstrip())

    def complain(self, text: str) -> None:
        """One line on stderr."""
        _write(sys.stderr, "graphrun-checkpoints: " + " ".join(text.split()))

    def agrees(self, question: str) -> bool | None:
        """Ask y or n on the terminal; None if there is none to ask."""
        if not sys.stdin.isatty():
            return None
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


def visible(name: str) -> str:
    """A name in one printable piece: names are free text, and a terminal obeys some of it."""
    return name if name and name.isprintable() else json.dumps(name)


def size(count: int) -> str:
    """Bytes for people."""
    if count < _UNIT:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= _UNIT
        if value < _UNIT or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def shortened(text: str, width: int) -> str:
    """A text in so many columns; "…" stands for what is left out."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
