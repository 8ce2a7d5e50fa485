"""What parameters of several routes have in common."""

from datetime import datetime

from graphrun_api.errors import BodyInvalid


def with_zone(name: str, moment: datetime | None) -> datetime | None:
    """The moment; raises BodyInvalid for one that does not say in which zone it is."""
    if moment is not None and moment.tzinfo is None:
        raise BodyInvalid(f"{name}: a time needs its zone, for example 2026-01-31T12:00:00Z")
    return moment
