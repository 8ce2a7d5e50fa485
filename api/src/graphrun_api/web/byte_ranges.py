"""The Range header, as far as it is served: one range of bytes. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from graphrun_api.errors import RangeUnsatisfiable

_ONE_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def wanted_span(header: str, size: int) -> Span | None:
    """What a Range header asks for of `size` bytes; None: all of it, also where the header is of another kind.

    Raises:
        RangeUnsatisfiable: nothing of it lies within.
    """
    found = _ONE_RANGE.fullmatch(header)
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return None
    if not first:  # so many of the last bytes
        return _checked(Span(max(size - int(last), 0), size), size)
    if last and int(last) < int(first):
        return None  # which HTTP calls invalid, and not unsatisfiable
    return _checked(Span(int(first), min(int(last) + 1, size) if last else size), size)


def _checked(span: Span, size: int) -> Span:
    if span.start >= size:
        raise RangeUnsatisfiable(f"Range: it begins at byte {span.start}, and there are {size} bytes")
    return span
