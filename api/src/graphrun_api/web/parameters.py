"""Parameters and fields that several routes have in common."""

import re
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

LIMIT: Final = "how many a page has at most"
CURSOR: Final = "where the page begins: the `next_cursor` of the page before; without it, the first page"

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NAME: Final = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_PREFIX: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"

_KEY: Final = f"^({_PREFIX}/)?{_NAME}$"
_VALUE: Final = f"^({_NAME})?$"
_LABELS: Final = {
    "type": "object",
    "propertyNames": {"pattern": _KEY, "maxLength": 317},
    "additionalProperties": {"type": "string", "pattern": _VALUE},
}
# As Kubernetes takes them. By itself pydantic would say that keys of any other form are let be.
Labels = Annotated[
    dict[Annotated[str, Field(max_length=317, pattern=_KEY)], Annotated[str, Field(pattern=_VALUE)]],
    WithJsonSchema(_LABELS),
]

LABEL_PATTERN: Final = f"^({_PREFIX}/)?{_NAME}=({_NAME})?$"
# Postgres has no text with a NUL in it, nor has a key in object storage.
TEXT_PATTERN: Final = r"^[^\x00]*$"


def _no_text(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """Not what only looks like a number. JSON's 5.0 is a whole one."""
    if isinstance(value, str | bool):
        raise ValueError("a whole number is needed, not a text or a truth value")  # noqa: TRY004 - what pydantic tells on
    return value


# Stands behind the bounds, which belong to the number.
WHOLE: Final = BeforeValidator(_no_text)


def _written_out(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """Not what only a guess could make a time of: a number, a day, an hour of no zone."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        message = "a time is written out with its zone, for example 2026-01-31T12:00:00Z"
        raise ValueError(message)
    return value


Moment = Annotated[datetime, BeforeValidator(_written_out)]
