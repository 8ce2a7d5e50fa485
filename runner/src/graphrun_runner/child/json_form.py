"""The JSON form of whatever a graph's state holds: readable for people, never an error, of bounded depth."""

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

_MAX_DEPTH: Final = 60


def to_json(value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Plain dicts, lists, strings, numbers and booleans for `value`; what has no better form becomes its repr."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return _storable(value)
    if value is None or (isinstance(value, bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _MAX_DEPTH:
        return _storable(repr(value))
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return convert(value, depth + 1)
    return _other(value, depth + 1)


def dump(value: object) -> bytes:
    """`to_json` as compact UTF-8 text."""
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":")).encode()


def cut(value: object, limit: int) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """`to_json`, or the beginning of its text where that is longer than `limit` bytes."""
    plain = to_json(value)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) <= limit:
        return plain
    source = plain if isinstance(plain, str) else text
    return source.encode()[: max(limit - 8, 0)].decode(errors="ignore") + "…"


def _storable(text: str) -> str:
    """Postgres takes no NUL, UTF-8 no lone surrogate."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _mapping(value: Any, depth: int) -> Any:  # noqa: ANN401
    return {_storable(str(key)): to_json(item, depth) for key, item in value.items()}


def _list(value: Any, depth: int) -> Any:  # noqa: ANN401
    return [to_json(item, depth) for item in value]


def _set(value: Any, depth: int) -> Any:  # noqa: ANN401
    items = [to_json(item, depth) for item in value]
    return sorted(items, key=repr)


def _model(value: BaseModel, depth: int) -> Any:  # noqa: ANN401
    fields = {name: getattr(value, name, None) for name in type(value).model_fields}
    return _mapping({**fields, **(value.model_extra or {})}, depth)


def _other(value: object, depth: int) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _mapping({f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}, depth)
    if isinstance(value, list | tuple) or type(value).__name__ == "deque":
        return _list(value, depth)
    to_list = getattr(value, "tolist", None)  # numpy's and its kin's
    if callable(to_list):
        return to_json(to_list(), depth)
    return _storable(repr(value))


_CONVERTERS: Final[tuple[tuple[Any, Callable[[Any, int], Any]], ...]] = (
    (Mapping, _mapping),
    ((list, tuple), _list),
    ((set, frozenset), _set),
    (BaseModel, _model),
    (Enum, lambda value, depth: to_json(value.value, depth)),
    ((datetime, date, time), lambda value, _: value.isoformat()),
    ((UUID, PurePath), lambda value, _: str(value)),
    ((bytes, bytearray), lambda value, _: base64.b64encode(value).decode()),
)
