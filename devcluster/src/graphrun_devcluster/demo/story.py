"""The demo's story, in order; each step tells what it does, checks that it came true, and takes its time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphrun_devcluster.demo import closing
from graphrun_devcluster.demo.errors import DemoError, RefusedError
from graphrun_devcluster.demo.kubectl import Kubectl, Pod
from graphrun_devcluster.demo.rest import Rest
from graphrun_devcluster.demo.screen import Screen
from graphrun_devcluster.demo.stream import Event
from graphrun_devcluster.demo.timings import Timings, table
from graphrun_devcluster.demo.view import RunView
from graphrun_devcluster.demo.watcher import Watcher, watch

EXAMPLE = Path(__file__).parents[4] / "examples" / "01-stdlib-audit"
WORKFLOW = "stdlib-audit"
# Long enough to watch and to pause, short enough that a second demo takes less than a minute.
FIRST_INPUT = {"modules": 72, "wave": 6, "budget": 1500, "pace_seconds": 0.25}
SECOND_INPUT = {"modules": 300, "wave": 6, "budget": 1500, "pace_seconds": 1.0}
PAUSE_AT = 0.35
START_SECONDS, FINISH_SECONDS, SETTLE_SECONDS = 120.0, 180.0, 20.0
REPORT_LINES = 8


@dataclass
class Story:
    """Everything that the steps share."""

    rest: Rest
    kubectl: Kubectl
    screen: Screen
    base: str
    token: str
    timings: Timings = field(default_factory=Timings)
    run: str = ""  # the run that the present step is about, for the closing words on a failure

    async def tell(self) -> None:
        """All of it.

        Raises:
            DemoError: a step did not do what it should.
        """
        await self._apply()
        await self._first_run()
        await self._second_run()
        self.screen.title("Latencies")
        self.screen.table(table(self.timings))

    async def _apply(self) -> None:
        self.screen.title(f"1. The workflow: kubectl apply -f examples/{EXAMPLE.name}/workflow.yaml")
        self.screen.block(await self.kubectl("apply", "-f", str(EXAMPLE / "workflow.yaml")))

    async def _first_run(self) -> None:
        self.screen.title("2. A run over REST, watched over its WebSocket")
        began = datetime.now(UTC)
        await self._start(FIRST_INPUT)
        async with watch(self.base, self.token, self.run, self._take) as watcher:
            with self.screen.watching():
                await watcher.until(
                    lambda: watcher.has("node_started", 1), START_SECONDS, "the first node starts"
                )
                self.timings.first_node = _since(began, watcher.first("node_started", 1))
                await watcher.until(
                    lambda: watcher.view.progress >= PAUSE_AT, FINISH_SECONDS, "the run gets going"
                )
            before = await self._pause()
            await self._resume(watcher, before)
            with self.screen.watching():
                await watcher.until(
                    lambda: watcher.view.word == "completed", FINISH_SECONDS, "the run completes"
                )
        await self._report()

    async def _start(self, input_data: dict[str, Any]) -> None:
        self.run = (await self.rest.create(WORKFLOW, input_data))["run_id"]
        answer = await self.rest.verb(self.run, "execute")
        self.screen.line(f"POST …/workflows/runs → {self.run}; POST …/execute → {answer['status']}")

    def _take(self, event: Event, view: RunView) -> None:
        self.timings.take(event)
        self.screen.show(self.run, view)

    async def _pause(self) -> list[Pod]:
        self.screen.title("3. Pause in the middle")
        before = await self.kubectl.live_pods(self.run)
        started = time.monotonic()
        answer = await self.rest.verb(self.run, "pause", wait="30")
        self.timings.pause = time.monotonic() - started
        if answer["status"] != "PAUSED":
            raise DemoError(f"pause: expected PAUSED, the API said {answer}")
        self.screen.line(
            f"POST …/pause → PAUSED after {self.timings.pause:.2f} s, checkpoint {answer['checkpoint_id']}"
        )
        await self._settled("the paused run's pod is gone", self._no_pod)
        self.timings.pod_gone = time.monotonic() - started
        await self._show_paused(answer["checkpoint_id"])
        return before

    async def _show_paused(self, checkpoint: str) -> None:
        selector = f"graphrun.dev/run={self.run}"
        self.screen.line(f"kubectl get pods -l {selector}")
        self.screen.block(await self.kubectl("get", "pods", "-l", selector) or "none: the pod is gone")
        self.screen.line(f"kubectl get wfr {self.run} -o wide")
        self.screen.block(await self.kubectl("get", "wfr", self.run, "-o", "wide"))
        stored = (await self.kubectl.get("wfr", self.run))["status"]["runner"]["checkpoint"]
        self.screen.line(f"status.runner.checkpoint: {stored['id']}, step {stored['step']}")
        if stored["id"] != checkpoint:
            raise DemoError(f"pause: REST names checkpoint {checkpoint}, the resource {stored['id']}")

    async def _resume(self, watcher: Watcher, before: list[Pod]) -> None:
        self.screen.title("4. Resume, in a new pod")
        began = datetime.now(UTC)
        answer = await self.rest.verb(self.run, "resume")
        self.screen.line(f"POST …/resume → {answer['status']}")
        await watcher.until(
            lambda: watcher.has("node_started", 2), START_SECONDS, "the resumed run's node starts"
        )
        self.timings.resume = _since(began, watcher.first("node_started", 2))
        now = await self.kubectl.live_pods(self.run)
        for pod in before:
            self.screen.line(f"attempt {pod.attempt}: pod {pod.name} (ended)")
        for pod in now:
            self.screen.line(f"attempt {pod.attempt}: pod {pod.name} ({pod.phase})")
        if not now or {pod.name for pod in now} & {pod.name for pod in before}:
            raise DemoError(f"resume: expected a new pod, there is {now or 'none'}")

    async def _report(self) -> None:
        self.screen.title("5. The result")
        await self._settled("the run is COMPLETED", self._has_status("COMPLETED"))
        output = await self.rest.output(self.run)
        if "report" not in output:
            raise DemoError(f"result: expected a report in the run's output, it is {output}")
        self.screen.block("\n".join(output["report"].splitlines()[:REPORT_LINES]))

    async def _second_run(self) -> None:
        self.screen.title("6. A second run, cancelled while its nodes work")
        await self._start(SECOND_INPUT)
        async with watch(self.base, self.token, self.run, self._take) as watcher:
            with self.screen.watching():
                await watcher.until(lambda: "measure" in watcher.view.current, START_SECONDS, "a node works")
            began = datetime.now(UTC)
            answer = await self.rest.verb(self.run, "cancel")
            self.screen.line(f"POST …/cancel → {answer['status']}")
            await self._settled("the run is CANCELLED", self._has_status("CANCELLED"))
            stopped = (await self.kubectl.get("wfr", self.run))["status"]["runner"].get("stoppedTime")
            if not stopped:
                raise DemoError("cancel: status.runner.stoppedTime, the proof, is missing")
            self.timings.cancel = (datetime.fromisoformat(stopped) - began).total_seconds()
            self.screen.line(
                f"status.runner.stoppedTime: {stopped}, {self.timings.cancel:.2f} s after the request"
            )
            await watcher.until(
                lambda: watcher.view.word == "cancelled", SETTLE_SECONDS, "the socket tells of it"
            )
        await self._settled("nothing of the cancelled run runs", self._nothing_runs)

    async def _no_pod(self) -> bool:
        return not await self.kubectl.pods(self.run)

    async def _nothing_runs(self) -> bool:
        return not await self.kubectl.live_pods(self.run)

    def _has_status(self, wanted: str) -> Callable[[], Any]:
        async def has() -> bool:
            status: str = (await self.rest.status(self.run))["status"]
            return status == wanted

        return has

    async def _settled(self, what: str, holds: Callable[[], Any]) -> None:
        """Ask until it holds.

        Raises:
            DemoError: it did not within SETTLE_SECONDS.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while not await holds():
            if time.monotonic() > deadline:
                raise DemoError(f"{what}: not within {SETTLE_SECONDS:.0f} s")
            await asyncio.sleep(0.1)

    async def tell_failure(self, error: Exception) -> None:
        """Say what went wrong, with what the run and its pods last said."""
        self.screen.title(f"The demo stopped: {error}")
        if error.__cause__ is not None:
            self.screen.line(f"cause: {error.__cause__!r}")
        for what, args in closing.last_words(self.run):
            self.screen.line(what)
            try:
                self.screen.block(await self.kubectl(*args))
            except RefusedError as refused:
                self.screen.block(str(refused))


def _since(began: datetime, event: Event) -> float:
    return (event.at - began).total_seconds()
