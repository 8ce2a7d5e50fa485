"""Stored values as JSON, without importing or building any of the graph's types.

LangGraph's msgpack carries foreign types as extensions that name module and class; they become
{"$type": "module.Class", "value": …}. What is not msgpack (old or foreign serializers) is only described.
"""

import base64
import json
import math
from typing import Any

import ormsgpack

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format.parts import Part, Value

_MOST_BYTES_SHOWN = 1024
_NUMPY = 6
_DELTA_SNAPSHOT = 7
_LARGEST_EXACT = 2**53  # what a JavaScript number holds; larger integers become text


def to_json(value: Value) -> Any:  # noqa: ANN401 - JSON
    """A stored value as JSON.

    Raises:
        CorruptObject: The bytes are not what their tag says.
    """
    match value.kind:
        case "l":
            return [part_to_json(part) for part in value.parts]
        case "d":
            return {part.key or "": part_to_json(part) for part in value.parts}
    return part_to_json(value.parts[0])


def part_to_json(part: Part) -> Any:  # noqa: ANN401 - JSON
    """What a single part holds, as JSON; raises CorruptObject."""
    match part.tag:
        case "null":
            return None
        case "bytes" | "bytearray":
            return _bytes(part.data)
        case "msgpack":
            return _unpack(part.data)
        case "json":
            return json.loads(part.data)
    return {"$type": part.tag, "bytes": len(part.data)}


def _unpack(data: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        plain = ormsgpack.unpackb(data, ext_hook=_extension, option=ormsgpack.OPT_NON_STR_KEYS)
    except ormsgpack.MsgpackDecodeError as error:
        raise CorruptObject(f"a stored value is not msgpack: {error}") from error
    return _plain(plain)


def _extension(code: int, data: bytes) -> Any:  # noqa: ANN401 - JSON
    if code == _DELTA_SNAPSHOT:
        return _unpack(data)
    content = ormsgpack.unpackb(data, ext_hook=_extension, option=ormsgpack.OPT_NON_STR_KEYS)
    if code == _NUMPY and isinstance(content, (list, tuple)):
        return {"$type": "numpy.ndarray", "dtype": content[0], "shape": list(content[1])}
    match content:
        case [str(module), str(name), value, *_]:
            return {"$type": f"{module}.{name}", "value": value}
    return {"$type": f"extension {code}", "bytes": len(data)}


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {key if isinstance(key, str) else str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case bytes():
            return _bytes(value)
    return value if _is_exact(value) else str(value)


def _is_exact(value: object) -> bool:
    """Whether JSON, as JavaScript reads it, holds a value without loss."""
    match value:
        case bool() | None | str():
            return True
        case int():
            return abs(value) <= _LARGEST_EXACT
        case float():
            return math.isfinite(value)
    return False


def _bytes(data: bytes) -> dict[str, Any]:
    shown = base64.b64encode(data[:_MOST_BYTES_SHOWN]).decode("ascii")
    return {"$type": "bytes", "bytes": len(data), "base64": shown}
