"""What the objects of a namespace went through, each state with the moment at which it was heard of."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from benchmarks.cluster.kube import Kube, Object

RECONNECT_SECONDS = 0.2

RUN_LABEL = "graphrun.dev/run"


class TooSlow(Exception):
    """What was waited for did not come in time."""


@dataclass(frozen=True)
class Heard:
    """A state of an object, and when it was heard of (monotonic seconds)."""

    at: float
    state: Object
    gone: bool


@dataclass
class Watched:
    """The states of all objects of one kind.

    Attributes:
        what: the kind, in words.
        states: of each object by its name, the oldest first.
        of_run: name to UID of the objects that carry a run's label, those that are gone included.
    """

    what: str
    states: defaultdict[str, list[Heard]] = field(default_factory=lambda: defaultdict(list))
    of_run: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Object) -> None:
        """Take a watch event in."""
        found = event["object"]
        meta = found["metadata"]
        self.states[meta["name"]].append(Heard(time.monotonic(), found, event["type"] == "DELETED"))
        if run := meta.get("labels", {}).get(RUN_LABEL):
            self.of_run[run][meta["name"]] = meta["uid"]
        self._news.set()

    def last(self, name: str) -> Object:
        """Return the last known state; empty where nothing is known."""
        heard = self.states.get(name)
        return heard[-1].state if heard else {}

    async def until(self, name: str, holds: Callable[[Heard], bool], seconds: float = 60) -> float:
        """Return when the first state of the object `name` was heard of for which `holds`.

        Raises:
            TooSlow: none was within `seconds`.
        """
        seen = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._news.clear()
                    for heard in self.states[name][seen:]:
                        seen += 1
                        if holds(heard):
                            return heard.at
                    await self._news.wait()
        except TimeoutError:
            status = self.last(name).get("status", {})
            raise TooSlow(f"{self.what} {name}: not within {seconds:.0f} s; last seen {status}") from None


@asynccontextmanager
async def watching(kube: Kube, path: str, what: str) -> AsyncIterator[Watched]:
    """Follow all objects at `path` while inside."""
    watched = Watched(what)
    began = asyncio.Event()
    task = asyncio.create_task(_follow(kube, path, watched, began), name=f"watch of {what}")
    try:
        await asyncio.wait_for(began.wait(), 30)
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _follow(kube: Kube, path: str, watched: Watched, began: asyncio.Event) -> None:
    """Follow for ever; where the watch breaks, begin anew with a list."""
    while True:
        try:
            listed = await kube.call("GET", path)
            for found in listed["items"]:
                watched.take({"type": "ADDED", "object": found})
            async with kube.watch(path, listed["metadata"]["resourceVersion"]) as events:
                began.set()
                async for event in events:
                    if event["type"] == "ERROR":
                        break
                    watched.take(event)
        except httpx.HTTPError:
            await asyncio.sleep(RECONNECT_SECONDS)
