"""Large states in small answers: what is too deep or too large is named by its place, to be asked for by itself. Pure.

A place is a JSON Pointer (RFC 6901) into the document that holds the state.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

Json = Any
# A list or object of more members than this is named as a whole.
_MEMBERS: Final = 1000


@dataclass
class Budget:
    """How much an answer may hold.

    Attributes:
        depth: levels below the clipped value that are shown.
        value_bytes: a value up to this size, as JSON, is shown whole.
        left: bytes that the answer may still hold.
    """

    depth: int
    value_bytes: int
    left: int


def clip(value: Json, place: str, budget: Budget) -> Json:
    """The value, with `{"$ref": place, "bytes": size}` in place of what is too deep or too large."""
    return _clip(value, place, budget, budget.depth)


def _clip(value: Json, place: str, budget: Budget, depth: int) -> Json:
    size = size_of(value)
    if size <= min(budget.value_bytes, budget.left):
        budget.left -= size
        return value
    members = _members(value)
    if depth <= 0 or members is None or len(members) > _MEMBERS:
        named = {"$ref": place, "bytes": size}
        budget.left -= size_of(named)
        return named
    shown = {key: _clip(each, f"{place}/{_escaped(key)}", budget, depth - 1) for key, each in members.items()}
    return shown if isinstance(value, dict) else list(shown.values())


def find(document: Json, place: str) -> Json:
    """The value at a place.

    Raises:
        KeyError: there is none.
    """
    if place and not place.startswith("/"):
        raise KeyError(place)
    for part in place.split("/")[1:]:
        members = _members(document)
        if members is None:
            raise KeyError(place)
        document = members[part.replace("~1", "/").replace("~0", "~")]
    return document


def size_of(value: Json) -> int:
    """Bytes as JSON."""
    return len(json.dumps(value, separators=(",", ":")))


def _members(value: Json) -> dict[str, Json] | None:
    if isinstance(value, dict):
        return value
    return {str(at): each for at, each in enumerate(value)} if isinstance(value, list) else None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
