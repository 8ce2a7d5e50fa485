"""Events between the graph and the API: in memory while the API keeps up, in files of the work folder while it is away.

Bounded: over the limit, the oldest tokens, custom events and progress are dropped first; events of nodes, runs
and checkpoints never are. `seq` is given when a batch is made, after any drop, so that it stays dense.
"""

import os
from collections import deque
from typing import Final, NamedTuple

_SEGMENT_BYTES: Final = 1 << 20
_DROPPABLE: Final = b"d"
_KEPT: Final = b"k"


class Entry(NamedTuple):
    """One event: a JSON object as bytes, without `seq`."""

    line: bytes
    droppable: bool


class _Segment(NamedTuple):
    path: str
    size: int
    events: int
    stripped: bool


class Spool:
    """A queue of events, oldest first. Not thread-safe: its one user holds a lock."""

    def __init__(
        self, folder: str, *, limit_bytes: int = 64 << 20, segment_bytes: int = _SEGMENT_BYTES
    ) -> None:
        self._folder, self._limit, self._segment_bytes = folder, limit_bytes, segment_bytes
        self._head: deque[Entry] = deque()  # oldest
        self._segments: deque[_Segment] = deque()
        self._tail: list[Entry] = []  # newest
        self._memory_bytes = self._tail_bytes = self._disk_bytes = 0
        self._written = 0
        self._seq = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._head) + sum(segment.events for segment in self._segments) + len(self._tail)

    def add(self, entry: Entry) -> None:
        """Append an event; over the limit, drop what may be dropped."""
        size = len(entry.line)
        full = self._memory_bytes + self._disk_bytes + size > self._limit and not self._make_room(size)
        if full and entry.droppable:
            self.dropped += 1
            return
        self._tail.append(entry)
        self._memory_bytes += size
        self._tail_bytes += size
        if self._tail_bytes >= self._segment_bytes:
            self._spill()

    def take(self, count: int) -> list[bytes]:
        """Remove up to `count` of the oldest events and give each its `seq`. They are never dropped from here on."""
        if not self._head:
            self._refill()
        batch = [self._head.popleft() for _ in range(min(count, len(self._head)))]
        self._memory_bytes -= sum(len(entry.line) for entry in batch)
        return [self._numbered(entry.line) for entry in batch]

    def _numbered(self, line: bytes) -> bytes:
        self._seq += 1
        return b'{"seq":%d,%s' % (self._seq, line[1:])  # every event has a type: the object is never empty

    def _refill(self) -> None:
        if self._segments:
            segment = self._segments.popleft()
            self._disk_bytes -= segment.size
            try:
                self._head.extend(_read(segment.path))
                os.unlink(segment.path)
            except OSError:  # the disk has lost it
                self.dropped += segment.events
            self._memory_bytes += sum(len(entry.line) for entry in self._head)
        else:
            self._head.extend(self._tail)
            self._tail, self._tail_bytes = [], 0

    def _spill(self) -> None:
        if not self._head and not self._segments:
            return self._refill()  # the reader of this queue keeps up: no need for a file
        self._written += 1
        path = os.path.join(self._folder, f"events-{self._written:06d}.spool")
        try:
            _write(path, self._tail)
        except OSError:  # the folder is full or gone: keep what must be kept, in memory
            self._strip_tail()
            return None
        self._segments.append(_Segment(path, self._tail_bytes, len(self._tail), stripped=False))
        self._disk_bytes += self._tail_bytes
        self._memory_bytes -= self._tail_bytes
        self._tail, self._tail_bytes = [], 0
        return None

    def _make_room(self, size: int) -> bool:
        """Drop from the oldest file on until `size` bytes fit. Returns whether they do."""
        for place, segment in enumerate(self._segments):
            if segment.stripped:
                continue
            try:
                self._segments[place] = self._strip(segment)
            except OSError:  # no room even for what remains of it
                break
            if self._memory_bytes + self._disk_bytes + size <= self._limit:
                return True
        self._strip_tail()
        return self._memory_bytes + self._disk_bytes + size <= self._limit

    def _strip(self, segment: _Segment) -> _Segment:
        kept = [entry for entry in _read(segment.path) if not entry.droppable]
        _write(segment.path, kept)
        size = sum(len(entry.line) for entry in kept)
        self.dropped += segment.events - len(kept)
        self._disk_bytes += size - segment.size
        return _Segment(segment.path, size, len(kept), stripped=True)

    def _strip_tail(self) -> None:
        kept = [entry for entry in self._tail if not entry.droppable]
        size = sum(len(entry.line) for entry in kept)
        self.dropped += len(self._tail) - len(kept)
        self._memory_bytes += size - self._tail_bytes
        self._tail, self._tail_bytes = kept, size


def _write(path: str, entries: list[Entry]) -> None:
    draft = f"{path}.new"
    with open(draft, "wb") as file:
        file.writelines((_DROPPABLE if e.droppable else _KEPT) + e.line + b"\n" for e in entries)
    os.replace(draft, path)


def _read(path: str) -> list[Entry]:
    with open(path, "rb") as file:
        return [Entry(line[1:-1], droppable=line[:1] == _DROPPABLE) for line in file]
