"""Values of the graph's state, to bytes and back. A value that cannot be stored is named by its channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from graphrun_checkpoints.errors import SerializationFailed


@dataclass(frozen=True)
class StoredValue:
    """A serialised value: the serializer's type tag and its bytes."""

    type: str
    data: bytes


def dump(serde: SerializerProtocol, channel: str, value: object) -> StoredValue:
    """Serialise one value.

    Raises:
        SerializationFailed: With the channel and the type of the value.
    """
    try:
        tag, data = serde.dumps_typed(value)
    except Exception as error:  # types of the user's run their own code here, which may raise anything
        raise SerializationFailed(
            f"channel {channel!r}: a value of type {_type_name(value)} cannot be stored ({error}); "
            "put plain data, a dataclass or a Pydantic model into the state"
        ) from error
    return StoredValue(tag, bytes(data))


def dump_all(serde: SerializerProtocol, values: Mapping[str, object]) -> dict[str, StoredValue]:
    """Serialise the values of all channels."""
    return {channel: dump(serde, channel, value) for channel, value in values.items()}


def load(serde: SerializerProtocol, value: StoredValue) -> Any:  # noqa: ANN401 - the user's own types
    """The value again."""
    return serde.loads_typed((value.type, value.data))


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
