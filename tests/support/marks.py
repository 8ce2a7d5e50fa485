"""What a run's nodes have done outside of it, as the counter of side effects knows it, and how often they may."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx

Hit = dict[str, Any]

# In durability `async` a crash repeats the superstep under way, and the one before it if its checkpoint was not stored.
REPEATED_BY_A_CRASH = 2
_END = "end/"
_PULSE = "pulse"


@dataclass(frozen=True)
class Marks:
    """The marks of one run: what graphs/marked.py leaves."""

    hits: dict[str, Hit]

    @property
    def counts(self) -> dict[str, int]:
        """How often each visit began, by ROUND-INDEX."""
        return {key: hit["count"] for key, hit in self.hits.items() if not key.startswith((_END, _PULSE))}

    @property
    def ended(self) -> int:
        """How many different visits have ended."""
        return sum(key.startswith(_END) for key in self.hits)

    @property
    def last(self) -> str:
        """When anything was last done, as RFC 3339; empty: never."""
        return max((hit["last"] for hit in self.hits.values()), default="")

    @property
    def pods(self) -> list[str]:
        """The pods that did anything, in the order of their beginnings."""
        return [pod for _, _, pod in self._spans()]

    def repeats(self) -> int:
        """How many rounds too many were begun: a round counts as often as its most repeated visit."""
        most: dict[str, int] = {}
        for key, count in self.counts.items():
            number = key.partition("-")[0]
            most[number] = max(most.get(number, 0), count - 1)
        return sum(most.values())

    def overlaps(self) -> list[str]:
        """Pods that worked although another had begun: each pod's marks must lie apart from every other's."""
        spans = self._spans()
        return [
            f"{pod} worked until {last}, {other} from {first} on"
            for (_, last, pod), (first, _, other) in pairwise(spans)
            if first < last
        ]

    def _spans(self) -> list[tuple[str, str, str]]:
        spans: dict[str, tuple[str, str]] = {}
        for hit in self.hits.values():
            for pod, (first, last) in hit["pods"].items():
                known = spans.get(pod, (first, last))
                spans[pod] = (min(known[0], first), max(known[1], last))
        return sorted((first, last, pod) for pod, (first, last) in spans.items())


@dataclass(frozen=True)
class Counter:
    """The counter of side effects, reached without the API server."""

    http: httpx.AsyncClient

    async def answers(self) -> bool:
        """Whether it can be reached: a Service is told to every node only after it was made."""
        try:
            return (await self.http.get("/hits", params={"prefix": "none/"})).is_success
        except httpx.TransportError:
            return False

    async def marks(self, key: str) -> Marks:
        """What was done under the prefix `key`."""
        answer = await self.http.get("/hits", params={"prefix": f"{key}/"})
        answer.raise_for_status()
        return Marks({name.removeprefix(f"{key}/"): hit for name, hit in answer.json().items()})
