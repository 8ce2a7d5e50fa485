"""Which requests a fault proxy breaks, and what it counts."""

import random
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from support.http_bytes import Message

Fault = Literal[
    "lose answer",  # the request is done, the connection then cut
    "answer 500",
    "answer 503",
    "answer 429",
    "answer 409",
    "answer a web page",  # 502, as from a load balancer
    "never answer",
    "drip",  # the answer byte by byte
    "cut body short",  # half of it under its whole Content-Length
    "shorten body",  # half of it, with a Content-Length that fits
    "flip bytes",  # of the answer, into what is no UTF-8
    "damage upload",  # flip a byte of the request's body
    "reset",  # before the server sees the request
    "hide refusal",  # 200 in place of 412, as a store answers that ignores conditions
]

PASSING_FAULTS: tuple[Fault, ...] = tuple(each for each in get_args(Fault) if each != "hide refusal")
"""Those that a client must get over, or report as what they are."""


@dataclass(frozen=True)
class Made:
    """An answer that the proxy makes up; the server does not see the request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/xml"})

    @property
    def head(self) -> bytes:
        length = {} if "Transfer-Encoding" in self.headers else {"Content-Length": str(len(self.body))}
        fields = {**length, **self.headers}
        lines = [f"HTTP/1.1 {self.status} Made", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class Traffic:
    """What passed, faults included: requests by operation; bytes with heads (`bytes_…`) and without (`body_…`)."""

    requests: Counter[str] = field(default_factory=Counter)
    bytes_up: int = 0
    bytes_down: int = 0
    body_up: int = 0
    body_down: int = 0


@dataclass
class FaultPlan:
    """Faults by operation, used up in order, then at random; requests without one pass.

    Attributes:
        latency: Seconds added to each request.
        requests: Operation and status of each request, in the order of their answers; 0 where there was none.
        heads: The last requests' lines and headers.
        traffic: Counts, replaced by `restart_counts`.
    """

    endpoint: str = ""
    latency: float = 0.0
    faults: dict[str, list[Fault | Made]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    heads: deque[bytes] = field(default_factory=lambda: deque(maxlen=100))
    traffic: Traffic = field(default_factory=Traffic)
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _share: float = 0.0
    _random: random.Random = field(default_factory=random.Random)
    _random_faults: Sequence[Fault] = ()

    def add(self, operation: str, *faults: Fault | Made) -> None:
        """Break the next requests of this operation."""
        self.faults.setdefault(operation, []).extend(faults)

    def at_random(self, share: float, *, seed: int, faults: Sequence[Fault] = PASSING_FAULTS) -> None:
        """Break this share of all requests; the seed is printed for the report of a failed test."""
        print(f"fault_proxy: {share:.0%} faults, seed {seed}")  # noqa: T201 - shown with a failed test
        with self._lock:
            self._share, self._random, self._random_faults = share, random.Random(seed), faults  # noqa: S311 - no secret

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._share = 0.0
            self.faults.clear()

    def restart_counts(self) -> Traffic:
        """Answer what passed so far, and count from zero."""
        with self._lock:
            counted, self.traffic = self.traffic, Traffic()
        return counted

    def take(self, operation: str) -> Fault | Made | None:
        """The fault for a request that has come in."""
        with self._lock:
            waiting = self.faults.get(operation)
            if waiting:
                return waiting.pop(0)
            if self._share and self._random.random() < self._share:
                return self._random.choice(self._random_faults)
            return None

    def count(self, operation: str, status: int, sent: Message, answered: Message) -> None:
        """Note one request and its answer."""
        with self._lock:
            self.requests.append((operation, status))
            self.heads.append(sent.head)
            counted = self.traffic
            counted.requests[operation] += 1
            counted.bytes_up += len(sent.head) + len(sent.body)
            counted.body_up += len(sent.body)
            counted.bytes_down += len(answered.head) + len(answered.body)
            counted.body_down += len(answered.body)
