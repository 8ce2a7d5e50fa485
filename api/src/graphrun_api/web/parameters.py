"""What parameters of several routes have in common."""

from datetime import datetime
from typing import Final

from graphrun_api.errors import BodyInvalid

LIMIT: Final = "how many a page has at most"
CURSOR: Final = "where the page begins: the `next_cursor` of the page before; without it, the first page"


def with_zone(name: str, moment: datetime | None) -> datetime | None:
    """The moment; raises BodyInvalid for one that does not say in which zone it is."""
    if moment is not None and moment.tzinfo is None:
        raise BodyInvalid(f"{name}: a time needs its zone, for example 2026-01-31T12:00:00Z")
    return moment
