"""One project under faults: runs that leave marks, the two ways to tell them what to do, and what must hold at their end."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import httpx

from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import choose_cluster
from graphrun_devcluster.providers.provider import ServicePort
from graphrun_devcluster.stack.installing import cluster_name
from support.client import Client, client_of
from support.kube_access import JOBS, PODS, RUNS, KubeAccess, kube_access
from support.marks import REPEATED_BY_A_CRASH, Counter, Marks
from support.parts import Parts, parts_of
from support.projects import Project
from support.script_pods import PORT
from support.waiting import eventually
from support.witness import PATIENCE, TERMINAL, Witness, witness_of

Way = Literal["rest", "kubectl"]
WAYS: Final[tuple[Way, ...]] = ("rest", "kubectl")
REST_WORDS: Final = {
    "Pending": "PENDING",
    "Queued": "RUNNING",
    "Starting": "RUNNING",
    "Running": "RUNNING",
    "Pausing": "PAUSING",
    "Paused": "PAUSED",
    "AwaitingInput": "INTERRUPTED",
    "Cancelling": "CANCELLING",
    "Cancelled": "CANCELLED",
    "Succeeded": "COMPLETED",
    "Failed": "FAILED",
}
_STATES: Final = {"execute": "Running", "pause": "Paused", "resume": "Running", "cancel": "Cancelled"}
_NUMBERS = itertools.count(1)
# Nobody answered: the API or the API server is away.
NO_ANSWER: Final = 0
# How long REST waits for a pause before it says 202, in seconds.
PAUSE_WAITS: Final = "2"


@dataclass(frozen=True)
class Run:
    """A run and how much it is to do."""

    name: str
    key: str
    rounds: int = 0
    wide: int = 1

    @property
    def visits(self) -> set[str]:
        """The marks that a run that succeeds leaves."""
        return {f"{number}-{index}" for number in range(1, self.rounds + 1) for index in range(self.wide)}


@dataclass(frozen=True)
class World:
    """What a test of faults works with."""

    client: Client
    access: KubeAccess
    witness: Witness
    counter: Counter
    parts: Parts
    # Every final word that REST said of a run, to be compared with what became of it.
    told: dict[str, list[str]] = field(default_factory=dict)

    # --- what users do
    async def launch(
        self,
        workflow: str = "rounds",
        *,
        way: Way = "kubectl",
        spec: dict[str, Any] | None = None,
        **what: Any,
    ) -> Run:
        """Make a run of a graph in graphs/marked.py; `what` is its input (rounds, wide, seconds)."""
        key = f"{workflow}-{next(_NUMBERS)}"
        inputs = {**what, "key": key}
        if way == "rest":
            name = (await self.client.rest.create(workflow, inputs, execute="true"))["run_id"]
        else:
            name = key
            manifest = {
                "apiVersion": "graphrun.dev/v1alpha1",
                "kind": "WorkflowRun",
                "metadata": {"name": name},
                "spec": {"workflowRef": {"name": workflow}, "input": inputs, **(spec or {})},
            }
            await self.access.create(RUNS, manifest)
        return Run(name, key, what.get("rounds", 0), what.get("wide", 1))

    async def tell(self, run: Run, verb: str, way: Way) -> int:
        """Pause, resume, cancel or delete a run; the HTTP status of the answer, NO_ANSWER where there is none."""
        try:
            if way == "kubectl":
                return (await self._by_kubectl(run, verb)).status_code
            answer = await self._by_rest(run, verb)
        except httpx.TransportError:
            return NO_ANSWER
        if answer.status_code == httpx.codes.OK:
            self.told.setdefault(run.name, []).append(answer.json()["status"])
        return answer.status_code

    async def _by_kubectl(self, run: Run, verb: str) -> httpx.Response:
        if verb == "delete":
            return await self.access.delete(RUNS, run.name)
        return await self.access.patch(RUNS, run.name, {"spec": {"state": _STATES[verb]}})

    async def _by_rest(self, run: Run, verb: str) -> httpx.Response:
        path = f"/workflows/runs/{run.name}"
        if verb == "delete":
            return await self.client.rest.send("DELETE", path, params={"cancel": "true"})
        params = {"wait": PAUSE_WAITS} if verb == "pause" else {}
        return await self.client.rest.send("POST", f"{path}/{verb}", params=params)

    # --- what is seen
    async def marks(self, run: Run) -> Marks:
        """What the run's nodes have done."""
        return await self.counter.marks(run.key)

    async def until_marks(self, run: Run, least: int, seconds: float = PATIENCE) -> Marks:
        """Wait until so many different visits have begun, or its pulse beats."""
        return await eventually(
            lambda: self.marks(run),
            lambda marks: len(marks.counts) >= least and (marks.hits or not least),
            seconds=seconds,
            what=f"{run.name} has begun {least} visits",
        )

    async def until_marks_of_attempt(self, run: Run, attempt: int, seconds: float = PATIENCE) -> None:
        """Wait until a pod of that attempt has done something."""
        await eventually(
            lambda: self.marks(run),
            lambda marks: any(pod.startswith(f"{run.name}-{attempt}-") for pod in marks.pods),
            seconds=seconds,
            what=f"attempt {attempt} of {run.name} works",
        )

    async def until_pulse(self, run: Run, seconds: float = PATIENCE) -> None:
        """Wait until a sleeper works."""
        await eventually(
            lambda: self.marks(run), lambda marks: marks.hits, seconds=seconds, what=f"{run.name} works"
        )

    async def rest_status(self, run: Run) -> str:
        """What REST shows; empty where it does not answer."""
        try:
            answer = await self.client.rest.send("GET", f"/workflows/runs/{run.name}/status")
        except httpx.TransportError:
            return ""
        return str(answer.json()["status"]) if answer.is_success else ""

    # --- what must hold
    async def ends(self, run: Run, *phases: str, crashes: int = 0, seconds: float = PATIENCE) -> str:
        """Wait for one of these ends, and check all that must be true then; the phase."""
        sight = await self.witness.until_phase(run.name, *TERMINAL, seconds=seconds)
        assert sight.phase in phases, f"{run.name} ended as {sight.phase}:\n{self.witness.story(run.name)}"
        await self.nothing_left(run)
        await self.agreed(run, sight.phase)
        marks = await self.marks(run)
        self.done_as_often_as_allowed(run, marks, crashes)
        if sight.phase == "Succeeded":
            assert set(marks.counts) == run.visits, self.witness.story(run.name)
            done = (await self.client.rest.output(run.name)).get("done", [])
            assert sorted(done) == sorted(run.visits), f"the state of {run.name} has each visit once: {done}"
        if sight.phase == "Cancelled":
            self._silent_since_the_stop(run, marks)
        return sight.phase

    async def pauses(self, run: Run, *, seconds: float = PATIENCE) -> None:
        """Wait until it is paused, nothing of it runs, and REST says so: after an outage its watch comes back by and by."""
        sight = await self.witness.until_phase(run.name, "Paused", *TERMINAL, seconds=seconds)
        assert sight.phase == "Paused", self.witness.story(run.name)
        await self.nothing_left(run)
        await eventually(
            lambda: self.rest_status(run),
            lambda shown: shown == "PAUSED",
            seconds=seconds,
            what=f"{run.name} is PAUSED to REST",
        )

    def done_as_often_as_allowed(self, run: Run, marks: Marks, crashes: int = 0) -> None:
        """Each visit once; after a crash the rounds under way again. And never two pods at once."""
        assert marks.repeats() <= REPEATED_BY_A_CRASH * crashes, f"{run.name}: {marks.counts}"
        if run.name not in self.witness.excused:
            assert not marks.overlaps(), f"{run.name}: {marks.overlaps()}\n{self.witness.story(run.name)}"

    async def nothing_left(self, run: Run, seconds: float = PATIENCE) -> None:
        """Wait until no pod, no Job and no process of the run is at work."""
        await eventually(
            lambda: self._left_of(run),
            lambda left: not left,
            seconds=seconds,
            what=f"nothing of {run.name} is left",
        )

    async def _left_of(self, run: Run) -> list[str]:
        selector = f"graphrun.dev/run={run.name}"
        left = [process.command for process in self.witness.processes(run.name)]
        left += [pod["metadata"]["name"] for pod in await self.access.items(PODS, selector) if _lives(pod)]
        left += [job["metadata"]["name"] for job in await self.access.items(JOBS, selector) if _may_run(job)]
        return left

    async def agreed(self, run: Run, phase: str, seconds: float = 60) -> None:
        """REST and history show what the resource shows, and what REST has said before was true."""
        word = REST_WORDS[phase]
        await eventually(
            lambda: self._views(run),
            lambda seen: seen == {word},
            seconds=seconds,
            what=f"{run.name} is {word} to all",
        )
        finals = {
            told for told in self.told.get(run.name, []) if told in ("COMPLETED", "CANCELLED", "FAILED")
        }
        assert finals <= {word}, f"REST said {finals} of {run.name}, which is {phase}"

    async def _views(self, run: Run) -> set[str]:
        return {await self.rest_status(run), *await self._history_of(run)}

    async def _history_of(self, run: Run) -> set[str]:
        """What the history shows. A part that is Ready again may be out of the Service's reach for a moment more."""
        try:
            answer = await self.client.rest.send("GET", "/workflows/runs", params={"limit": "200"})
        except httpx.TransportError:
            return {"no answer"}
        if not answer.is_success:
            return {f"answer {answer.status_code}"}
        listed = {item["status"] for item in answer.json()["items"] if item["run_id"] == run.name}
        return listed or {"not in the history"}

    def _silent_since_the_stop(self, run: Run, marks: Marks) -> None:
        runner = self.witness.sights[run.name][-1].status.get("runner", {})
        if runner.get("stoppedTime") and marks.last:
            stopped, last = map(datetime.fromisoformat, (runner["stoppedTime"], marks.last))
            assert last <= stopped, f"{run.name} worked at {last}, and was reported as stopped at {stopped}"


def _lives(pod: dict[str, Any]) -> bool:
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def _may_run(job: dict[str, Any]) -> bool:
    """Whether a Job may have, or make, a pod that lives."""
    finished = any(
        item["type"] in ("Complete", "Failed") and item["status"] == "True"
        for item in job["status"].get("conditions", [])
    )
    return not (finished or job["spec"].get("suspend") or "deletionTimestamp" in job["metadata"])


@asynccontextmanager
async def world_of(project: Project) -> AsyncIterator[World]:
    """A world in a project that has the counter; at the end, whatever a witness has to complain of fails the test."""
    address = choose_cluster(cluster_name(), Progress()).forward(ServicePort(project.namespace, "hits", PORT))
    async with (
        client_of(project) as client,
        kube_access(project.kubeconfig, project.namespace) as access,
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=60) as http,
        witness_of(access) as witness,
    ):
        counter = Counter(http)
        await eventually(counter.answers, seconds=30, what="the counter answers")
        yield World(client, access, witness, counter, parts_of(access))
