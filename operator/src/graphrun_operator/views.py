"""Jobs, pods, Workflows and revisions as the decisions see them: few fields, frozen, read from the API server's JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from graphrun_core import names
from graphrun_core.times import from_rfc3339

Json = dict[str, Any]


@dataclass(frozen=True)
class WorkflowView:
    """A Workflow: its name, and its spec as it was given (what a revision freezes)."""

    name: str
    spec: Json

    @property
    def max_concurrent_runs(self) -> int | None:
        """How many of its runs may be at work at once; None: no limit."""
        return self.spec.get("maxConcurrentRuns")

    @property
    def priority_class_name(self) -> str:
        """What runs without a priority class of their own have."""
        return str((self.spec.get("defaults") or {}).get("priorityClassName") or "")


@dataclass(frozen=True)
class Revision:
    """A Workflow's spec frozen in a ControllerRevision."""

    name: str
    workflow: str
    spec: Json


@dataclass(frozen=True)
class JobView:
    """The Job of one attempt.

    `started` is when it was last let go (created, or unsuspended), once the Job controller has seen it. `finished_at`
    is set once the Job controller has closed it.
    """

    name: str
    uid: str
    attempt: int
    revision: str
    owner_uid: str
    created: datetime
    suspended: bool = False
    deleting: bool = False
    finished_at: datetime | None = None
    started: datetime | None = None


@dataclass(frozen=True)
class Termination:
    """How the runner's container ended. `message` is what it wrote to its termination log."""

    exit_code: int
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start: Kubernetes' own word for it, and its sentence."""

    word: str
    message: str


@dataclass(frozen=True)
class PodView:
    """A pod of one attempt.

    `terminated` is there once the container has ended. `dead` says that the pod has ended without such a record
    (evicted before its start, or given up with its node). `deadline` is when the grace of a deletion runs out. `desired_state` is what
    the pod was last told by its annotation, and `desired_since` when.
    """

    name: str
    uid: str
    attempt: int
    job_uid: str
    terminated: Termination | None = None
    dead: str = ""
    disrupted: bool = False
    deadline: datetime | None = None
    trouble: Trouble | None = None
    desired_state: str = ""
    desired_since: datetime | None = None
    memory_limit: str = ""
    node: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it can run any more."""
        return self.terminated is not None or bool(self.dead)

    @property
    def deleting(self) -> bool:
        """Whether its deletion has been asked for."""
        return self.deadline is not None

    def lost(self, now: datetime, patience: timedelta) -> bool:
        """Whether the node has let the deletion's grace run out, and `patience` on top, without a word."""
        return not self.ended and self.deadline is not None and now >= self.deadline + patience


# Evictions that say nothing against the attempt: another attempt follows uncounted.
_DISRUPTIONS = {"EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionByTaintManager"}
_STARTING = {"", "ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class _Meta:
    """Metadata that several kinds share."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner_uid: str
    deletion: datetime | None
    created: datetime | None = field(default=None)


def _meta(manifest: Json) -> _Meta:
    data = manifest["metadata"]
    owners = [owner["uid"] for owner in data.get("ownerReferences", ()) if owner.get("controller")]
    return _Meta(
        name=data["name"],
        uid=data.get("uid", ""),
        labels=data.get("labels") or {},
        annotations=data.get("annotations") or {},
        owner_uid=owners[0] if owners else "",
        deletion=_time(data.get("deletionTimestamp")),
        created=_time(data.get("creationTimestamp")),
    )


def _time(text: str | None) -> datetime | None:
    return from_rfc3339(text) if text else None


def _attempt(labels: Mapping[str, str]) -> int:
    value = labels.get(names.LABEL_ATTEMPT, "")
    return int(value) if value.isdecimal() else 0


def parse_workflow(manifest: Json) -> WorkflowView:
    """Read a Workflow."""
    return WorkflowView(name=manifest["metadata"]["name"], spec=manifest.get("spec") or {})


def parse_revision(manifest: Json) -> Revision:
    """Read a ControllerRevision."""
    meta = _meta(manifest)
    return Revision(
        name=meta.name, workflow=meta.labels.get(names.LABEL_WORKFLOW, ""), spec=manifest.get("data") or {}
    )


def parse_job(manifest: Json) -> JobView:
    """Read a Job.

    Raises:
        ValueError: it has no creation time, so it was never read from an API server.
    """
    meta = _meta(manifest)
    if meta.created is None:
        message = f"Job {meta.name}: metadata.creationTimestamp is missing"
        raise ValueError(message)
    status = manifest.get("status") or {}
    ends = [
        _time(condition.get("lastTransitionTime"))
        for condition in status.get("conditions", ())
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True"
    ]
    return JobView(
        name=meta.name,
        uid=meta.uid,
        attempt=_attempt(meta.labels),
        revision=meta.labels.get(names.LABEL_REVISION, ""),
        owner_uid=meta.owner_uid,
        created=meta.created,
        suspended=bool((manifest.get("spec") or {}).get("suspend")),
        deleting=meta.deletion is not None,
        finished_at=ends[0] if ends else None,
        started=_time(status.get("startTime")),
    )


def parse_pod(manifest: Json) -> PodView:
    """Read a runner's pod."""
    meta = _meta(manifest)
    status = manifest.get("status") or {}
    container = _runner(status.get("containerStatuses", ()))
    spec = _runner((manifest.get("spec") or {}).get("containers", ()))
    terminated = _termination(container.get("state", {}).get("terminated"))
    disrupted = _condition(status, "DisruptionTarget")
    return PodView(
        name=meta.name,
        uid=meta.uid,
        attempt=_attempt(meta.labels),
        job_uid=meta.owner_uid,
        terminated=terminated,
        dead=_dead(status) if terminated is None else "",
        disrupted=disrupted.get("status") == "True" and disrupted.get("reason") in _DISRUPTIONS,
        deadline=meta.deletion,
        trouble=_trouble(status, container.get("state", {}).get("waiting") or {}),
        desired_state=meta.annotations.get(names.ANNOTATION_DESIRED_STATE, ""),
        desired_since=_time(meta.annotations.get(names.ANNOTATION_DESIRED_SINCE)),
        memory_limit=str(spec.get("resources", {}).get("limits", {}).get("memory", "")),
        node=(manifest.get("spec") or {}).get("nodeName", ""),
    )


def _runner(containers: Iterable[Json]) -> Json:
    return next((item for item in containers if item["name"] == names.RUNNER_CONTAINER), {})


def _condition(status: Json, kind: str) -> Json:
    return next((item for item in status.get("conditions", ()) if item["type"] == kind), {})


def _termination(state: Json | None) -> Termination | None:
    if not state:
        return None
    return Termination(
        exit_code=state["exitCode"],
        reason=state.get("reason", ""),
        message=state.get("message", ""),
        finished_at=_time(state.get("finishedAt")),
    )


def _dead(status: Json) -> str:
    if status.get("phase") not in ("Failed", "Succeeded"):
        return ""
    return ": ".join(part for part in (status.get("reason", "PodEnded"), status.get("message", "")) if part)


def _trouble(status: Json, waiting: Json) -> Trouble | None:
    if waiting.get("reason", "") not in _STARTING:
        return Trouble(word=waiting["reason"], message=waiting.get("message", ""))
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return Trouble(word=scheduled.get("reason", "Unschedulable"), message=scheduled.get("message", ""))
    return None
