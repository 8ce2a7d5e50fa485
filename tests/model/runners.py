"""Pods: the claim, the graph, the two paths of a command, the report, the end.

The claim mirrors RunnerService.claim (judge a fresh read, write with its resourceVersion, judge again on a conflict);
the report RunnerService.report (written only while the pod holds the attempt); what is told to the graph process and
what becomes of it mirrors the runner's course.py, conclusion.py and lifecycle.py.
"""

from collections.abc import Iterator
from functools import lru_cache

from graphrun_core import phases
from graphrun_core.claims import ClaimDenied, ClaimRepeated, decide_claim, fence_of
from graphrun_core.resources import WorkflowRun
from model.resource import claimed, holds_claim, parsed, reported
from model.setting import Setting
from model.switches import CURRENT_ATTEMPT, FENCE, OPEN_PHASE
from model.world import (
    AT_WORK,
    DRAIN,
    EXITED,
    GRANTED,
    JUDGED,
    KILL,
    NEW,
    REPORT,
    RUN,
    Pod,
    Run,
    Step,
    World,
    touched,
    with_pod,
)

_NOT_YET = frozenset({NEW, JUDGED})


class Runners:
    """All pods of a world."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._options = setting, setting.options
        self._judged = lru_cache(maxsize=None)(self._judge)
        self._steps = {
            NEW: self._ask,
            JUDGED: self._write_claim,
            GRANTED: self._take_up,
            RUN: self._work,
            DRAIN: self._work,
            KILL: self._stop,
            REPORT: self._report,
        }

    def steps(self, world: World) -> Iterator[Step]:
        """What may happen in each."""
        for place, pod in enumerate(world.pods):
            if pod.doing != EXITED:
                yield from self._steps[pod.doing](world, place, pod)
                yield from self._fail(world, place, pod)
            elif pod.late:
                yield self._told(world, place, pod, "the late report of {} arrives", late=False)

    # --- the claim

    def _judge(self, run: Run, attempt: int, pod_uid: str) -> str:
        seen = self._bent(parsed(run, self._options), attempt)
        decision = decide_claim(seen, attempt=attempt, pod_uid=pod_uid)
        if isinstance(decision, ClaimDenied):
            return "denied"
        return "repeated" if isinstance(decision, ClaimRepeated) else "granted"

    def _bent(self, run: WorkflowRun, attempt: int) -> WorkflowRun:
        """The run as a claim that lacks rule 1 or 2 would see it."""
        if CURRENT_ATTEMPT in self._setting.off:
            run = run.model_copy(update={"status": run.status.model_copy(update={"attempt": attempt})})
        if OPEN_PHASE in self._setting.off:
            run = run.model_copy(update={"status": run.status.model_copy(update={"phase": phases.RUNNING})})
        return run

    def _ask(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        if pod.deleting and not pod.lost:
            yield Step(f"{pod.label} is stopped before its claim", _exited(world, place, "Unclaimed"))
        judged = self._judged(world.run, pod.attempt, pod.uid) if world.run else "denied"
        if judged == "denied":
            yield Step(f"{pod.label} asks for its attempt and is refused", _exited(world, place, "Refused"))
        elif judged == "repeated":
            yield Step(f"{pod.label} asks again and is granted again", with_pod(world, place, doing=GRANTED))
        else:
            yield Step(
                f"{pod.label} asks for its attempt: the API reads the run and would grant it",
                with_pod(world, place, doing=JUDGED, fresh=True),
            )

    def _write_claim(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        if not pod.fresh:
            yield Step(f"the claim of {pod.label}: conflict", with_pod(world, place, doing=NEW))
            return
        assert world.run is not None  # it would not be fresh
        seen = parsed(world.run, self._options)
        ended = seen.spec.state == phases.STATE_CANCELLED or seen.is_finished
        after = touched(world, claimed(world.run, self._options, _key(pod)))
        yield Step(
            f"the claim of {pod.label} is written",
            with_pod(after, place, doing=GRANTED, fresh=False),
            broken=f"a run that is {seen.status.phase} and wanted {seen.spec.state} is claimed"
            if ended
            else "",
        )

    def _take_up(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        # Lifecycle: a SIGTERM during the claim means that nothing is run, and that is reported.
        if pod.deleting and not pod.lost:
            end = "Cancelled" if self._wanted(world, pod) == phases.STATE_CANCELLED else "Interrupted"
            yield Step(f"{pod.label}, claimed, is stopped before it runs", _reporting(world, place, end))
        if fence_of(pod.attempt) < fence_of(world.fence) and FENCE not in self._setting.off:
            yield Step(f"{pod.label} finds the storage fenced", _exited(world, place, "FenceLost"))
            return
        opened = world._replace(fence=max(world.fence, pod.attempt))
        yield Step(f"{pod.label} starts the graph", with_pod(opened, place, doing=RUN))

    # --- the graph

    def _work(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        yield from self._hear(world, place, pod)
        if fence_of(pod.attempt) < fence_of(world.fence):
            yield self._store_fenced(world, place, pod)
            if FENCE not in self._setting.off:
                return  # nothing ends well without its checkpoint stored
        for end in self._setting.graph_ends:
            yield Step(f"the graph of {pod.label} ends: {end}", _reporting(world, place, end))
        if pod.doing == DRAIN:
            end = "Paused" if pod.why == "pause" else "Interrupted"
            yield Step(f"the graph of {pod.label} has drained", _reporting(world, place, end))

    def _store_fenced(self, world: World, place: int, pod: Pod) -> Step:
        if FENCE in self._setting.off:
            return Step(
                f"the graph of {pod.label} stores a checkpoint",
                world,
                broken=f"attempt {pod.attempt} writes over what attempt {world.fence} goes on from",
            )
        return Step(
            f"the graph of {pod.label} is refused by the fence and stopped",
            _exited(world, place, "FenceLost"),
        )

    def _hear(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        wanted = self._wanted(world, pod)
        if wanted == "superseded":
            killed = with_pod(world, place, doing=KILL, why="superseded")
            yield Step(f"{pod.label} hears that another attempt holds the run", killed)
        elif wanted == phases.STATE_CANCELLED:
            yield Step(f"{pod.label} hears cancel", with_pod(world, place, doing=KILL, why="cancel"))
        elif wanted == phases.STATE_PAUSED and pod.why != "pause":
            yield Step(f"{pod.label} hears pause", with_pod(world, place, doing=DRAIN, why="pause"))
        if pod.exists and not pod.lost and pod.told != wanted:
            yield from self._read_file(world, place, pod)
        if pod.deleting and not pod.lost and not pod.why:
            yield Step(f"{pod.label} gets SIGTERM", with_pod(world, place, doing=DRAIN, why="eviction"))

    def _read_file(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        """The second path of a command. It may lag behind the first, and works without the API."""
        if pod.told == phases.STATE_CANCELLED:
            yield Step(f"{pod.label} reads cancel", with_pod(world, place, doing=KILL, why="cancel"))
        elif pod.told == phases.STATE_PAUSED and pod.why != "pause":
            yield Step(f"{pod.label} reads pause", with_pod(world, place, doing=DRAIN, why="pause"))

    def _wanted(self, world: World, pod: Pod) -> str:
        if world.run is None:
            return phases.STATE_CANCELLED
        if not holds_claim(world.run, self._options, _key(pod)):
            return "superseded"
        return world.run.state

    def _stop(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        if pod.why == "superseded":
            yield Step(f"the graph of {pod.label} is killed", _exited(world, place, "FenceLost"))
        else:
            yield Step(f"the graph of {pod.label} is killed", _reporting(world, place, "Cancelled"))

    # --- the end

    def _report(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        yield self._told(world, place, pod, "{} reports " + pod.end, doing=EXITED)
        if self._may_fail(world, "report lost"):
            label = f"{pod.label} cannot report {pod.end} and exits"
            yield Step(label, _exited(_cost(world), place, pod.end), fair=False)
        if self._may_fail(world, "report late"):
            after = with_pod(_cost(world), place, doing=EXITED, late=True)
            yield Step(f"{pod.label} exits while its report of {pod.end} is under way", after, fair=False)

    def _told(self, world: World, place: int, pod: Pod, label: str, **changes: object) -> Step:
        label = label.format(pod.label)
        if world.run is None or not holds_claim(world.run, self._options, _key(pod)):
            if changes.get("doing") == EXITED:
                return Step(f"{label}: refused", _exited(world, place, "FenceLost"))
            return Step(f"{label}: refused", with_pod(world, place, **changes))
        run = reported(world.run, self._options, pod.end)
        after = touched(world, run) if run != world.run else world
        return Step(label, with_pod(after, place, **changes))

    def _fail(self, world: World, place: int, pod: Pod) -> Iterator[Step]:
        if pod.deleting and not pod.lost and pod.doing != NEW:
            yield Step(f"the grace of {pod.label} is over: it is killed", _exited(world, place, "Killed"))
        if self._may_fail(world, "container killed"):
            yield Step(f"{pod.label} is killed (kill -9)", _exited(_cost(world), place, "Killed"), fair=False)
        if pod.doing in AT_WORK and self._may_fail(world, "graph crash"):
            yield Step(
                f"the graph process of {pod.label} crashes",
                _reporting(_cost(world), place, "Stopped"),
                fair=False,
            )
        if pod.doing == GRANTED and self._may_fail(world, "answer lost"):
            yield Step(
                f"the answer to the claim of {pod.label} is lost",
                with_pod(_cost(world), place, doing=NEW),
                fair=False,
            )

    def _may_fail(self, world: World, kind: str) -> bool:
        return world.faults > 0 and kind in self._setting.fault_kinds


def _key(pod: Pod) -> Pod:
    """The pod for what depends on its identity alone."""
    return Pod(pod.attempt, pod.serial, pod.turn)


def _cost(world: World) -> World:
    return world._replace(faults=world.faults - 1)


def _exited(world: World, place: int, end: str) -> World:
    return with_pod(world, place, doing=EXITED, end=end, why="", fresh=False, late=False)


def _reporting(world: World, place: int, end: str) -> World:
    return with_pod(world, place, doing=REPORT, end=end, why="")
