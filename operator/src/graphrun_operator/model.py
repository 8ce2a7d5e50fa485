"""The values between observe, decide and apply: what was seen of a run, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from graphrun_core.resources import WorkflowRun
from graphrun_operator.input_schema import Verdict
from graphrun_operator.views import JobView, PodView, Revision, WorkflowView

Json = dict[str, Any]


class RunKey(NamedTuple):
    """What the queue is keyed by: one run."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Contender:
    """A run of a Workflow that limits its concurrent runs.

    `has_job` while the Job of its attempt may run, `taking` while it is being written down that it is its turn.
    """

    run: WorkflowRun
    priority: int = 0
    has_job: bool = False
    taking: bool = False


@dataclass(frozen=True)
class Line:
    """The unfinished runs of a Workflow, of which `limit` (maxConcurrentRuns) may be at work at once."""

    limit: int
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Observation:
    """One run and all that belongs to it, at one moment.

    A pod that is missing here has been looked for at the API server, not only in a cache, where the run shows that
    one held the current attempt. `revisions` holds those that the run names and that exist, and the Workflow's
    present one where it is known. `pod_refusal` is why the Job controller cannot create the attempt's pod. `line` is
    there where the Workflow limits its concurrent runs. `source_uid` is the UID of the run that spec.startFrom names,
    where that exists. `input_verdict` says whether its input fits the Workflow's schema, where that was asked.
    """

    now: datetime
    run: WorkflowRun
    workflow: WorkflowView | None = None
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    jobs: tuple[JobView, ...] = ()
    pods: tuple[PodView, ...] = ()
    pod_refusal: str = ""
    line: Line | None = None
    source_uid: str = ""
    input_verdict: Verdict | None = None


# --- what apply can do


@dataclass(frozen=True)
class CreateRevision:
    """Freeze a Workflow's spec."""

    revision: Revision


@dataclass(frozen=True)
class CreateJob:
    """Create the Job of an attempt, from a revision."""

    attempt: int
    revision: Revision


@dataclass(frozen=True)
class SuspendJob:
    """Keep the Job from making pods; its record stays."""

    name: str


@dataclass(frozen=True)
class DeleteJob:
    """Remove a Job, and what is left of its pods with it."""

    name: str
    uid: str


@dataclass(frozen=True)
class DeletePod:
    """Stop a pod. `grace` in seconds; None: what its spec says."""

    name: str
    uid: str
    grace: int | None


@dataclass(frozen=True)
class AnnotatePod:
    """Tell a running pod what is wanted, by the annotation that it sees as a file."""

    name: str
    state: str
    since: datetime


@dataclass(frozen=True)
class DeleteRun:
    """Remove the run itself: its time to live is over."""


Write = CreateRevision | CreateJob | SuspendJob | DeleteJob | DeletePod | AnnotatePod | DeleteRun


@dataclass(frozen=True)
class Requeue:
    """Look at the run again after `seconds`, for `reason`, should nothing else happen to it."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Plan:
    """What to do, in this order: `opens`, `writes`, `status`. The two are merge patches of the status, or None.

    `opens` begins a new attempt: its Job may only be made once that stands, compare-and-set. `rule` is what decided.
    """

    rule: str
    opens: Json | None = None
    writes: tuple[Write, ...] = ()
    status: Json | None = None
    requeue: Requeue | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.opens is None and not self.writes and self.status is None


def soonest(*requeues: Requeue | None) -> Requeue | None:
    """The first to come of those that are there."""
    return min((item for item in requeues if item), key=lambda item: item.seconds, default=None)
