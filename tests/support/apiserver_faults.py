"""What a proxy in front of an API server breaks, and the writes that it has seen."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

_WRITE = re.compile(rb"^(POST|PATCH|PUT|DELETE) ([^ ?]*)")
_LISTING = re.compile(rb"^GET (/[^ ?]*/(?:workflowruns|workflows|jobs|pods)(?:[?][^ ]*)?) ")

Watches = Literal["pass", "silent", "gone", "gone in stream"]


@dataclass(frozen=True)
class _Cut:
    at: int
    reached: bool
    then: Callable[[], None]


@dataclass
class ApiServerFaults:
    """Set its fields at any moment; `heal` lets everything pass again.

    Attributes:
        away: every request is answered by closing its connection.
        watches: what becomes of watches; "silent" holds back what open and new ones tell, "gone" is HTTP 410.
        writes: method and path of each write but the lease's, in the order in which they came.
        listings: the target of each listing of all namespaces, in the order in which they came.
        watches_opened: the target of each watch, in the order in which they came.
    """

    away: bool = False
    writes: list[str] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    watches_opened: list[str] = field(default_factory=list)
    was_cut: threading.Event = field(default_factory=threading.Event)
    _watches: Watches = "pass"
    _audible: threading.Event = field(default_factory=threading.Event)
    _cut: _Cut | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._audible.set()

    @property
    def watches(self) -> Watches:
        return self._watches

    @watches.setter
    def watches(self, what: Watches) -> None:
        self._watches = what
        if what == "silent":
            self._audible.clear()
        else:
            self._audible.set()

    def heal(self) -> None:
        """Everything passes."""
        self.away, self.watches, self._cut = False, "pass", None

    def cut_at(self, number: int, *, reached: bool, then: Callable[[], None]) -> None:
        """At the `number`-th write from now on call `then` (which kills the writer) and let nothing pass any more.

        `reached`: the API server has carried the write out, and its answer is lost; else it never sees it.
        """
        with self._lock:
            self.writes.clear()
            self.was_cut.clear()
            self._cut = _Cut(number, reached, then)

    def note_listing(self, head: bytes) -> None:
        """Take note of a request that is a listing of all namespaces."""
        found = _LISTING.match(head)
        if found:
            self.listings.append(found[1].decode())

    def let_pass(self, head: bytes) -> bool:
        """Whether a request may go on to the API server."""
        write = _write_of(head)
        if write is None:
            return not self.away
        with self._lock:
            if self.away:
                return False
            self.writes.append(write)
            if self._cut and not self._cut.reached and len(self.writes) == self._cut.at:
                self._strike(self._cut)
        return not self.away

    def let_back(self, head: bytes) -> bool:
        """Whether the answer to a request may go back."""
        write = _write_of(head)
        if write is not None and self._cut and self._cut.reached:
            with self._lock:
                if not self.away and len(self.writes) >= self._cut.at:
                    self._strike(self._cut)
        return not self.away

    def hold_if_silent(self) -> None:
        """Wait as long as watches are silent."""
        self._audible.wait()

    def _strike(self, cut: _Cut) -> None:
        self.away = True
        cut.then()
        self.was_cut.set()


def _write_of(head: bytes) -> str | None:
    found = _WRITE.match(head)
    if found is None or b"/leases" in found[2]:
        return None
    return f"{found[1].decode()} {found[2].decode()}"
