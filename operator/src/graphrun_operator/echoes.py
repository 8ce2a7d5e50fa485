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
class _Watch:
    heard: int = 0
    owed: int | None = None
    since: float = 0.0
    unheard: int = 0


class Echoes:
    """Per kind (its plural): the oldest change that is known, and that the watch has not told yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watches: dict[str, _Watch] = {}

    def expect(self, plural: str, version: str) -> None:
        """An object of this kind is there in this version: the watch tells of it, where it has not done so already.

        It may have: what a watch tells of a write can be here before the write's own answer.
        """
        if version.isdecimal():
            self._expect(self._watch(plural), int(version))

    def expect_news(self, plural: str) -> None:
        """Something of this kind has changed that the watch has not told so far, in a version that is not known."""
        watch = self._watch(plural)
        self._expect(watch, watch.heard + 1)

    def hear(self, plural: str, version: str) -> None:
        """The watch has told of an object of this kind, in this version: of all older ones it has told, too."""
        if not version.isdecimal():
            return
        watch = self._watch(plural)
        watch.heard = max(watch.heard, int(version))
        if watch.owed is None or watch.owed <= watch.heard:
            watch.owed, watch.unheard = None, 0

    def overdue(self) -> list[str]:
        """The kinds whose watch should have told by now. They are told once: the next change counts anew."""
        late = {
            plural: watch
            for plural, watch in self._watches.items()
            if watch.owed is not None and self._clock() - watch.since >= DUE_SECONDS
        }
        for watch in late.values():
            watch.owed, watch.unheard = None, watch.unheard + 1
        return list(late)

    def deaf(self) -> list[str]:
        """The kinds whose watch has told of none of the last few changes."""
        return [plural for plural, watch in self._watches.items() if watch.unheard >= DEAF]

    def _watch(self, plural: str) -> _Watch:
        return self._watches.setdefault(plural, _Watch())

    def _expect(self, watch: _Watch, version: int) -> None:
        if watch.owed is None and version > watch.heard:
            watch.owed, watch.since = version, self._clock()
