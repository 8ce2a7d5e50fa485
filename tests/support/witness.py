"""A witness of all runs of a namespace: sees every status that is shown, and complains of each that is not so.

It watches WorkflowRuns and pods, and looks at the processes on this machine at the moment a status is shown. What
it complains of holds in every test, whatever else is broken:

- a terminal phase never changes, and status.attempt never falls;
- Paused, AwaitingInput, Succeeded, Failed and Cancelled are shown only when no process of a claimed attempt is left.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.kube_access import PODS, RUNS, KubeAccess
from support.node_processes import ContainerProcess, processes_of

Json = dict[str, Any]
TERMINAL = ("Succeeded", "Failed", "Cancelled")
QUIET = ("Paused", "AwaitingInput", *TERMINAL)
# How long anything that must come may take on a machine that does much else; what is measured is measured elsewhere.
PATIENCE = 180.0
_RETRY_SECONDS = 0.2


@dataclass(frozen=True)
class Sight:
    """A run as it was shown at one moment (`at`: monotonic seconds)."""

    at: float
    event: str
    state: str
    status: Json

    @property
    def phase(self) -> str:
        """`status.phase`; empty before the operator's first word."""
        return str(self.status.get("phase", ""))

    @property
    def attempt(self) -> int:
        """`status.attempt`; 1 where it is absent."""
        return int(self.status.get("attempt", 1))

    @property
    def claimed(self) -> int:
        """The newest attempt that was claimed; 0: none."""
        return int(self.status.get("runner", {}).get("attempt", 0))

    def __str__(self) -> str:
        """One line of a story."""
        runner = self.status.get("runner", {})
        outcome = runner.get("outcome") or {}
        return (
            f"{self.at:.3f} {self.event} state={self.state} phase={self.phase or '-'} attempt={self.attempt} "
            f"claimed={self.claimed} stopped={'yes' if runner.get('stoppedTime') else 'no'} "
            f"outcome={outcome.get('result', '-')} reason={self.status.get('reason', '-')}"
        )


@dataclass(frozen=True)
class PodOfRun:
    """A pod that a run has or had; it stays known when it is gone."""

    uid: str
    name: str
    run: str
    attempt: int
    seen_at: float


class Witness:
    """What was shown, by run; `complaints` are the lies."""

    def __init__(self, access: KubeAccess) -> None:
        self._access = access
        self._news = asyncio.Event()
        self.sights: dict[str, list[Sight]] = {}
        self.pods: dict[str, PodOfRun] = {}
        self.complaints: list[str] = []
        # Runs of which two attempts may be at work at once for a while: those that go on without a lost node.
        self.excused: set[str] = set()

    def story(self, run: str) -> str:
        """All that was shown of a run, a line each."""
        return "\n".join(map(str, self.sights.get(run, ())))

    def last(self, run: str) -> Sight | None:
        """The newest sight of a run."""
        seen = self.sights.get(run)
        return seen[-1] if seen else None

    def phases(self, run: str) -> list[str]:
        """The phases that were shown, each once in a row."""
        shown = [sight.phase for sight in self.sights.get(run, ())]
        return [phase for place, phase in enumerate(shown) if place == 0 or shown[place - 1] != phase]

    def pods_of(self, run: str, attempt: int | None = None) -> list[PodOfRun]:
        """The pods that a run has had."""
        return [pod for pod in self.pods.values() if pod.run == run and attempt in (None, pod.attempt)]

    def processes(self, run: str, attempt: int | None = None) -> list[ContainerProcess]:
        """What lives of a run's pods, those included that are no longer in the API."""
        return processes_of({pod.uid for pod in self.pods_of(run, attempt)})

    async def until(self, run: str, holds: Any, *, seconds: float, what: str) -> Sight:
        """Wait until the newest sight of a run holds.

        Raises:
            AssertionError: it did not in time; the message has the run's story.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    seen = self.last(run)
                    if seen and holds(seen):
                        return seen
                    await self.next_news()
        except TimeoutError:
            raise AssertionError(
                f"{run}: {what}: not within {seconds:.0f} s; seen:\n{self.story(run)}"
            ) from None

    async def until_phase(self, run: str, *phases: str, seconds: float = PATIENCE) -> Sight:
        """Wait until a run shows one of these phases."""
        what = f"phase {' or '.join(phases)}"
        return await self.until(run, lambda seen: seen.phase in phases, seconds=seconds, what=what)

    async def until_pod(self, run: str, attempt: int = 1, seconds: float = PATIENCE) -> PodOfRun:
        """Wait until an attempt has a pod."""
        async with asyncio.timeout(seconds):
            while not self.pods_of(run, attempt):
                await self.next_news()
        return self.pods_of(run, attempt)[0]

    async def next_news(self) -> None:
        """Wait for anything new."""
        self._news.clear()
        await self._news.wait()

    # --- what is seen
    def see_run(self, event: str, run: Json) -> None:
        """Take in a run as it is shown, and judge it."""
        name = run["metadata"]["name"]
        sight = Sight(time.monotonic(), event, run["spec"].get("state", "Running"), run.get("status", {}))
        before = self.last(name)
        if before and before.event == "DELETED":
            before = None  # the name was given again
        self.sights.setdefault(name, []).append(sight)
        self._judge(name, before, sight)
        self._news.set()

    def see_pod(self, pod: Json) -> None:
        """Take in a pod; only those of runs count."""
        meta = pod["metadata"]
        run = meta.get("labels", {}).get("graphrun.dev/run")
        if run and meta["uid"] not in self.pods:
            attempt = int(meta["labels"]["graphrun.dev/attempt"])
            self.pods[meta["uid"]] = PodOfRun(meta["uid"], meta["name"], run, attempt, time.monotonic())
            self._news.set()

    def _judge(self, name: str, before: Sight | None, sight: Sight) -> None:
        if before and before.phase in TERMINAL and sight.phase != before.phase:
            self._complain(name, f"{before.phase} became {sight.phase}")
        if before and sight.attempt < before.attempt:
            self._complain(name, f"attempt fell from {before.attempt} to {sight.attempt}")
        if sight.phase in QUIET and sight.event != "DELETED" and name not in self.excused:
            left = self._at_work(name, sight.claimed)
            if left:
                self._complain(name, f"{sight.phase} is shown while there lives: {left}")

    def _at_work(self, name: str, claimed: int) -> list[str]:
        uids = {pod.uid for pod in self.pods_of(name) if pod.attempt <= claimed}
        return [
            process.command[:80]
            for process in processes_of(uids)
            if not (process.is_sandbox or process.is_supervisor)
        ]

    def _complain(self, name: str, about: str) -> None:
        self.complaints.append(f"{name}: {about}\n{self.story(name)}")


@asynccontextmanager
async def witness_of(access: KubeAccess) -> AsyncIterator[Witness]:
    """Watch while inside; at the end, all complaints are raised."""
    witness = Witness(access)
    tasks = [
        asyncio.create_task(_follow(access, RUNS, witness.see_run)),
        asyncio.create_task(_follow(access, PODS, lambda _, pod: witness.see_pod(pod))),
    ]
    try:
        yield witness
        broken = [task for task in tasks if task.done()]
        for task in broken:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not witness.complaints, "\n\n".join(witness.complaints)


async def _follow(access: KubeAccess, path: str, take: Any) -> None:
    """List and watch for ever: the API server may be away, or have forgotten where we were."""
    known: dict[str, Json] = {}
    while True:
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            await _follow_once(access, path, take, known)
        await asyncio.sleep(_RETRY_SECONDS)


async def _follow_once(access: KubeAccess, path: str, take: Any, known: dict[str, Json]) -> None:
    items, version = await access.list_for_watch(path)
    listed = {item["metadata"]["uid"]: item for item in items}
    for uid in known.keys() - listed.keys():
        take("DELETED", known.pop(uid))
    for uid, item in listed.items():
        if (
            known.get(uid, {}).get("metadata", {}).get("resourceVersion")
            != item["metadata"]["resourceVersion"]
        ):
            known[uid] = item
            take("LISTED", item)
    async for change in access.watch(path, version):
        item = change["object"]
        if change["type"] == "ERROR":
            return
        if change["type"] == "DELETED":
            known.pop(item["metadata"]["uid"], None)
        else:
            known[item["metadata"]["uid"]] = item
        take(change["type"], item)
