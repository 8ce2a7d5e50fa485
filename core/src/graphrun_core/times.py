"""Times as the resources write them: RFC 3339 in UTC."""

from datetime import UTC, datetime


def to_rfc3339(moment: datetime) -> str:
    """With microseconds, so that latencies can be told from the resource; naive times are refused.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.tzinfo is None:
        message = "a time without a zone has no meaning here"
        raise ValueError(message)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """The moment that `text` names, in UTC.

    Raises:
        ValueError: `text` is no RFC 3339 time.
    """
    return datetime.fromisoformat(text).astimezone(UTC)
