"""What the watches owe: every own write, and what a listing found, must come through the watch of its kind.

A watch that is open and tells nothing cannot be told from a quiet cluster by listening alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# A watch that is silent is opened anew after 15 s (handlers.py), and then tells what it owes; in seconds.
DUE_SECONDS: Final = 20.0
# After so many changes in a row that a watch has not told in time, it is deaf.
DEAF: Final = 3


@dataclass
class _Owed:
    version: int = 0
    since: float = 0.0
    unheard: int = 0

    @property
    def is_owed(self) -> bool:
        return self.version > 0


class Echoes:
    """Per kind (its plural): the oldest change that is known, and that the watch has not told yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owed: dict[str, _Owed] = {}

    def expect(self, plural: str, version: str) -> None:
        """An object of this kind is there in this version."""
        owed = self._owed.setdefault(plural, _Owed())
        if not owed.is_owed and version.isdecimal():
            owed.version, owed.since = int(version), self._clock()

    def hear(self, plural: str, version: str) -> None:
        """The watch has told of an object of this kind, in this version: of all older ones it has told, too."""
        owed = self._owed.get(plural)
        if owed and version.isdecimal() and int(version) >= owed.version:
            self._owed[plural] = _Owed()

    def overdue(self) -> list[str]:
        """The kinds whose watch should have told by now. They are told once: the next change counts anew."""
        late = [
            plural
            for plural, owed in self._owed.items()
            if owed.is_owed and self._clock() - owed.since >= DUE_SECONDS
        ]
        for plural in late:
            self._owed[plural] = _Owed(unheard=self._owed[plural].unheard + 1)
        return late

    def deaf(self) -> list[str]:
        """The kinds whose watch has told of none of the last few changes."""
        return [plural for plural, owed in self._owed.items() if owed.unheard >= DEAF]
