"""PriorityClasses by name, as far as queued runs are ordered by them."""

import math
import time
from typing import Any, Final

from graphrun_operator.cluster import PRIORITY_CLASSES, Cluster

# They hardly ever change. One that was not there when it was asked for may have been made since.
_FRESH_SECONDS: Final = 300.0
_MISSING_SECONDS: Final = 10.0


class Priorities:
    """What each PriorityClass is worth; a class that does not exist counts as none named."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._values: dict[str, int] = {}
        self._missing: dict[str, float] = {}  # when each was asked for and not there
        self._default = 0
        self._asked_at = -math.inf

    async def refresh(self, name: str) -> None:
        """See to it that what is known of `name` is not old.

        Raises:
            OperatorError: the API server could not be asked.
        """
        now = time.monotonic()
        known = not name or name in self._values
        asked_at, good_for = self._asked_at, _FRESH_SECONDS
        if not known:
            asked_at, good_for = self._missing.get(name, -math.inf), _MISSING_SECONDS
        if now - asked_at < good_for:
            return
        listing = await self._cluster.list(PRIORITY_CLASSES)
        self._values = {item["metadata"]["name"]: _value(item) for item in listing.items}
        self._default = max((_value(item) for item in listing.items if item.get("globalDefault")), default=0)
        self._asked_at = now
        self._missing = {each: at for each, at in self._missing.items() if now - at < _MISSING_SECONDS}
        if name and name not in self._values:
            self._missing[name] = now

    def value_of(self, name: str) -> int:
        """The priority of pods of that class; of pods without one where the name is empty or unknown."""
        return self._values.get(name, self._default)


def _value(item: dict[str, Any]) -> int:
    return int(item.get("value", 0))
