"""Values of the graph's state, to serialised parts and back. A value that cannot be stored is named by its channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from graphrun_checkpoints.errors import SerializationFailed
from graphrun_checkpoints.format.parts import Part, Value

_SHORT_TEXT = 64  # characters; below, an element is cheaper repeated than referred to
_MOST_PARTS = 20_000
"""Beyond it a list or dict is stored whole: bookkeeping per element would cost more than it saves."""
_STEP_TAG = "writes"


def dump(serde: SerializerProtocol, channel: str, value: object) -> Value:
    """Serialise one value, a list or dict element by element.

    Raises:
        SerializationFailed: With the channel and the type of the value.
    """
    if isinstance(serde, JsonPlusSerializer):  # others may treat a value differently when it stands alone
        if type(value) is list and _is_worth_splitting(value):
            return Value("l", tuple(_part(serde, channel, each) for each in value))
        if type(value) is dict and _has_text_keys(value) and _is_worth_splitting(value.values()):
            return Value("d", tuple(_part(serde, channel, each, key) for key, each in value.items()))
    return Value("v", (_part(serde, channel, value),))


def dump_whole(serde: SerializerProtocol, channel: str, value: object) -> Part:
    """Serialise one value as a single part."""
    return _part(serde, channel, value)


def dump_all(serde: SerializerProtocol, values: Mapping[str, object]) -> dict[str, Value]:
    """Serialise the values of several channels."""
    return {channel: dump(serde, channel, value) for channel, value in values.items()}


def load(serde: SerializerProtocol, value: Value) -> Any:  # noqa: ANN401 - the user's own types
    """The value again."""
    match value.kind:
        case "l":
            return [load_part(serde, part) for part in value.parts]
        case "d":
            return {part.key: load_part(serde, part) for part in value.parts}
    return load_part(serde, value.parts[0])


def load_part(serde: SerializerProtocol, part: Part) -> Any:  # noqa: ANN401 - as above
    """What a single part holds."""
    return serde.loads_typed((part.tag, part.data))


@dataclass(frozen=True)
class StepWrite:
    """What a task wrote to a DeltaChannel; `idx` is its place in the task's list."""

    task: str
    idx: int
    value: Value


def pack_step(writes: Iterable[StepWrite]) -> Part:
    """What one superstep wrote to a channel, in the order of application, as one part of a log."""
    plain = [
        [each.task, each.idx, each.value.kind, [[p.tag, p.data, p.key] for p in each.value.parts]]
        for each in writes
    ]
    return Part(_STEP_TAG, ormsgpack.packb(plain))


def unpack_step(part: Part) -> list[StepWrite]:
    """The writes of a superstep."""
    return [
        StepWrite(task, idx, Value(kind, tuple(Part(*each) for each in parts)))
        for task, idx, kind, parts in ormsgpack.unpackb(part.data)
    ]


def write_in_step(part: Part, task: str, idx: int) -> Value:
    """A task's write among those of a superstep.

    Raises:
        LookupError: It is not among them.
    """
    for each in unpack_step(part):
        if (each.task, each.idx) == (task, idx):
            return each.value
    raise LookupError(task)


def _part(serde: SerializerProtocol, channel: str, value: object, key: str | None = None) -> Part:
    try:
        tag, data = serde.dumps_typed(value)
    except Exception as error:  # types of the user's run their own code here, which may raise anything
        where = f"channel {channel!r}" if key is None else f"channel {channel!r}, key {key!r}"
        raise SerializationFailed(
            f"{where}: a value of type {_type_name(value)} cannot be stored ({error}); "
            "put plain data, a dataclass or a Pydantic model into the state"
        ) from error
    return Part(tag, bytes(data), key)


def _is_worth_splitting(elements: Any) -> bool:  # noqa: ANN401 - a list, or the values of a dict
    return 0 < len(elements) <= _MOST_PARTS and any(not _is_small(each) for each in elements)


def _is_small(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _SHORT_TEXT
    return value is None or isinstance(value, bool | int | float)


def _has_text_keys(value: dict[Any, Any]) -> bool:
    return all(type(key) is str for key in value)


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
