"""PriorityClasses by name, as far as queued runs are ordered by them."""

import time
from typing import Any, Final

from graphrun_operator.cluster import PRIORITY_CLASSES, Cluster

# They hardly ever change; one that is not known is asked for sooner.
_FRESH_SECONDS: Final = 300.0
_ASK_AGAIN_SECONDS: Final = 10.0


class Priorities:
    """What each PriorityClass is worth; a class that does not exist counts as none named."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._values: dict[str, int] = {}
        self._default = 0
        self._asked_at: float | None = None

    async def refresh(self, name: str) -> None:
        """See to it that what is known of `name` is not old.

        Raises:
            OperatorError: the API server could not be asked.
        """
        known = not name or name in self._values
        limit = _FRESH_SECONDS if known else _ASK_AGAIN_SECONDS
        if self._asked_at is not None and time.monotonic() - self._asked_at < limit:
            return
        listing = await self._cluster.list(PRIORITY_CLASSES)
        self._values = {item["metadata"]["name"]: _value(item) for item in listing.items}
        self._default = max((_value(item) for item in listing.items if item.get("globalDefault")), default=0)
        self._asked_at = time.monotonic()

    def value_of(self, name: str) -> int:
        """The priority of pods of that class; of pods without one where the name is empty or unknown."""
        return self._values.get(name, self._default)


def _value(item: dict[str, Any]) -> int:
    return int(item.get("value", 0))
