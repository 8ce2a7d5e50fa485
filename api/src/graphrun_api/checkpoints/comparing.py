"""What is different between two states. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ADDED: Final = "added"
REMOVED: Final = "removed"
CHANGED: Final = "changed"


@dataclass(frozen=True)
class Change:
    """One place at which they differ: a JSON Pointer, and what is there in each; None where it is not there."""

    path: str
    kind: str
    before: Any
    after: Any


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:  # noqa: ANN401 - any JSON
    """The smallest places at which two JSON values differ, in the order of the document."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _at(before, after, key, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(before, list) and isinstance(after, list):
        left, right = dict(enumerate(before)), dict(enumerate(after))
        for place in range(max(len(before), len(after))):
            yield from _at(left, right, place, f"{path}/{place}")
    elif not _same(before, after):
        yield Change(path, CHANGED, before, after)


def _at(before: dict[Any, Any], after: dict[Any, Any], key: object, path: str) -> Iterator[Change]:
    if key not in before:
        yield Change(path, ADDED, None, after[key])
    elif key not in after:
        yield Change(path, REMOVED, before[key], None)
    else:
        yield from changes(before[key], after[key], path)


def _same(before: Any, after: Any) -> bool:  # noqa: ANN401 - any JSON
    # JSON tells true from 1, Python does not
    return type(before) is type(after) and before == after
