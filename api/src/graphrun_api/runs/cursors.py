"""Cursors of the list of runs: opaque to clients, and useless in another project. Pure."""

import base64
import binascii
import json
from datetime import datetime

from graphrun_api.errors import CursorInvalid


def encode(namespace: str, created_at: datetime, order: int) -> str:
    """The place after a run in the list of its project."""
    text = json.dumps([namespace, created_at.isoformat(), order], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(namespace: str, cursor: str) -> tuple[datetime, int]:
    """The place that `encode` gave out.

    Raises:
        CursorInvalid: it is none of this project's list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        whose, created_at, order = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        place = datetime.fromisoformat(created_at), int(order)
    except (ValueError, TypeError, binascii.Error) as error:
        raise CursorInvalid from error
    if whose != namespace or place[0].tzinfo is None or not 0 <= place[1] < 2**63:
        raise CursorInvalid
    return place
