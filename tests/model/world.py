"""The world of one run as the model sees it: small, frozen, hashable. All that interleaves is in here, nothing else is.

The run's status is the real one as JSON, less what no decision rests on (resource.py).
"""

from typing import NamedTuple

# --- what a pod's runner is doing
NEW = "new"  # no graph yet; it may ask for its attempt
JUDGED = "judged"  # the API has read the run and would grant the claim; the write is under way
GRANTED = "granted"  # the claim is written, the answer is on its way
RUN = "run"
DRAIN = "drain"  # finishing its superstep
KILL = "kill"  # told to stop at once
REPORT = "report"  # the graph process is gone; the report is under way
EXITED = "exited"

AT_WORK = frozenset({RUN, DRAIN, KILL})


class Run(NamedTuple):
    """The resource. `status` is canonical JSON."""

    state: str = "Running"
    resume_id: str = ""
    status: str = "{}"


class Job(NamedTuple):
    """`serial` tells a Job from one that had its name before; `podded`: the controller has made its pod.

    `turn`: grows with every time that it is unsuspended, and so may have another pod. `held`: somebody else than an
    operator has suspended it. `old`: it was made so long ago that whatever time is kept for it is over.
    """

    attempt: int
    serial: int
    turn: int = 1
    suspended: bool = False
    held: bool = False
    podded: bool = False
    finished: bool = False
    old: bool = True

    @property
    def uid(self) -> str:
        return f"job-{self.attempt}.{self.serial}"


class Pod(NamedTuple):
    """A pod and its processes.

    `why` is the reason of a drain or a kill, `end` what became of the graph. `fresh`: the run has not changed since it
    was read for the claim. `lost`: its node is out of reach, for longer than the operator's patience. `zombie`: it ever
    was. `told` is the annotation. `late`: the pod has ended with its report still under way.
    """

    attempt: int
    serial: int
    turn: int = 1
    doing: str = NEW
    why: str = ""
    end: str = ""
    fresh: bool = False
    deleting: bool = False
    disrupted: bool = False
    lost: bool = False
    zombie: bool = False
    told: str = "Running"
    late: bool = False
    exists: bool = True

    @property
    def uid(self) -> str:
        return f"pod-{self.attempt}.{self.serial}.{self.turn}"

    @property
    def label(self) -> str:
        which = "" if (self.serial, self.turn) == (1, 1) else f" ({self.serial}.{self.turn})"
        return f"pod {self.attempt}{which}"


class SeenPod(NamedTuple):
    """What the API server shows of a pod. `end` is there once the kubelet has told of it."""

    attempt: int
    serial: int
    turn: int
    end: str
    deleting: bool
    disrupted: bool
    lost: bool
    told: str


class Cluster(NamedTuple):
    """Jobs and pods as an operator's cache holds them."""

    jobs: tuple[Job, ...]
    pods: tuple[SeenPod, ...]


class Action(NamedTuple):
    """One write of a plan: `kind` with its target (a patch, an attempt, a UID) and, of an annotation, its value."""

    kind: str
    target: str
    value: str = ""


class Operator(NamedTuple):
    """What an operator process has in mind: the rest of its plan, and which of its watches lags.

    `fresh`: the run has not changed since the view that the plan was decided on.
    """

    plan: tuple[Action, ...] = ()
    fresh: bool = False
    old_run: Run | None = None
    old_cluster: Cluster | None = None


class World(NamedTuple):
    """Everything. `run` is None once it is deleted; `fence` is the newest attempt that has opened the storage."""

    run: Run | None
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    operators: tuple[Operator, ...] = (Operator(),)
    fence: int = 0
    moves: int = 0
    faults: int = 0


class Step(NamedTuple):
    """Something that can happen. `fair`: it does happen, sooner or later, unless something else comes first."""

    label: str
    after: World
    fair: bool = True
    broken: str = ""


def seen_pods(world: World) -> tuple[SeenPod, ...]:
    """The pods as the API server shows them now."""
    return tuple(
        SeenPod(
            pod.attempt,
            pod.serial,
            pod.turn,
            pod.end if pod.doing == EXITED and not pod.lost else "",
            pod.deleting,
            pod.disrupted,
            pod.lost,
            pod.told,
        )
        for pod in world.pods
        if pod.exists
    )


def touched(world: World, run: Run | None) -> World:
    """The run was written: whoever has read it before holds an old version."""
    pods = tuple(pod._replace(fresh=False) if pod.fresh else pod for pod in world.pods)
    operators = tuple(one._replace(fresh=False) if one.fresh else one for one in world.operators)
    return world._replace(run=run, pods=pods, operators=operators)


def with_pod(world: World, place: int, **changes: object) -> World:
    """The pod at that place changed; one that is gone for everybody is forgotten."""
    pod = world.pods[place]._replace(**changes)  # type: ignore[arg-type]
    forgotten = not pod.exists and pod.doing == EXITED and not pod.late
    pods = (*world.pods[:place], *(() if forgotten else (pod,)), *world.pods[place + 1 :])
    return world._replace(pods=pods)


def with_job(world: World, place: int, **changes: object) -> World:
    """The Job at that place changed."""
    job = world.jobs[place]._replace(**changes)  # type: ignore[arg-type]
    return world._replace(jobs=(*world.jobs[:place], job, *world.jobs[place + 1 :]))


def without_job(world: World, place: int) -> World:
    """The Job at that place deleted."""
    return world._replace(jobs=(*world.jobs[:place], *world.jobs[place + 1 :]))


def with_operator(world: World, place: int, operator: Operator) -> World:
    """The operator at that place changed."""
    return world._replace(operators=(*world.operators[:place], operator, *world.operators[place + 1 :]))


def canonical(world: World) -> World:
    """Operators are alike: which is which makes no other world."""
    if len(world.operators) < 2:
        return world
    return world._replace(operators=tuple(sorted(world.operators, key=_order)))


def _order(one: Operator) -> tuple[object, ...]:
    return one.plan, one.fresh, one.old_run or (), one.old_cluster or ()
