"""Cursors of lists: opaque to clients, and useless for another list. Pure.

What is read back must be what would be given out: a cursor that was put together by hand is refused, so that nothing in
it can be a value that the database does not take.
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from graphrun_api.errors import CursorInvalid
from graphrun_api.events.reads import Visit

_MAX_ORDER: Final = 2**63
T = TypeVar("T")


def encode(namespace: str, created_at: datetime, order: int) -> str:
    """The place after a run in the list of its project."""
    return _sealed([namespace, _moment(created_at), order])


def decode(namespace: str, cursor: str) -> tuple[datetime, int]:
    """The place that `encode` gave out.

    Raises:
        CursorInvalid: it is none of this project's list.
    """

    def read(created_at: str, order: object) -> tuple[datetime, int]:
        if not isinstance(order, int) or isinstance(order, bool) or not 0 <= order < _MAX_ORDER:
            raise CursorInvalid
        return datetime.fromisoformat(created_at), order

    return _opened(cursor, namespace, read, lambda place: encode(namespace, *place))


def encode_visit(uid: str, visit: Visit) -> str:
    """The place after a visit in the timeline of its run."""
    return _sealed([uid, _moment(visit.started_at), visit.task_id, visit.ns])


def decode_visit(uid: str, cursor: str) -> Visit:
    """The place that `encode_visit` gave out.

    Raises:
        CursorInvalid: it is none of this run's timeline.
    """

    def read(started_at: str, task: object, ns: object) -> Visit:
        if not (isinstance(task, str) and isinstance(ns, str)) or "\0" in task + ns:
            raise CursorInvalid  # Postgres has no such text
        return Visit(datetime.fromisoformat(started_at), task, ns)

    return _opened(cursor, uid, read, lambda visit: encode_visit(uid, visit))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _sealed(values: list[Any]) -> str:
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str, whose: str, read: Callable[..., T], again: Callable[[T], str]) -> T:
    """What was sealed for this list, unless it would be sealed differently."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        of, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        place = read(*values)
        is_ours = of == whose and again(place) == cursor
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise CursorInvalid from error
    if not is_ours:
        raise CursorInvalid
    return place
