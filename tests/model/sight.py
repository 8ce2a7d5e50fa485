"""What an operator sees of the world, and what the real decide() makes of it: a plan as the model's actions.

Everything is read by the real code: the run by WorkflowRun.parse, Jobs and pods from manifests by parse_job, parse_pod.
"""

import json
from datetime import timedelta
from functools import cache
from typing import Any, Final

from graphrun_core import names, protocol
from graphrun_core.times import to_rfc3339
from graphrun_operator.decide.rules import decide
from graphrun_operator.model import (
    AnnotatePod,
    CreateJob,
    CreateRevision,
    DeleteJob,
    DeletePod,
    DeleteRun,
    Observation,
    SuspendJob,
    Write,
)

# Which absences are proof is observe.py's to say; the model asks it, so that the two cannot differ.
from graphrun_operator.observe import _absence_matters
from graphrun_operator.views import JobView, PodView, WorkflowView, parse_job, parse_pod
from model.resource import OUTCOMES, parsed, patched
from model.setting import Setting
from model.switches import LISTED
from model.world import Action, Cluster, Job, Operator, Run, SeenPod, World, seen_pods
from support.builders import NOW, REVISION, RUN_UID, SPEC, ago

Json = dict[str, Any]

_LONG_AGO: Final = to_rfc3339(ago(1000))
# Long enough for a status of its own, not for a start to have timed out.
_JUST_NOW: Final = to_rfc3339(ago(5))
_SOON: Final = to_rfc3339(NOW + timedelta(seconds=30))
_SIGKILL: Final = 137
# Ends without an outcome: exit code and termination message, as supervisor and kernel leave them.
_BARE_EXITS: Final = {
    "Refused": (protocol.EXIT_CLAIM_REFUSED, "ClaimRefused: refused"),
    "Unclaimed": (protocol.EXIT_INTERRUPTED, "Interrupted: stopped before the claim"),
    "Stopped": (1, "RunnerCrashed: the graph process left without an outcome"),
    "Killed": (_SIGKILL, ""),
}


class Sight:
    """Observes and decides, each different sight once."""

    def __init__(self, setting: Setting) -> None:
        self._options = setting.options
        self._lists = LISTED not in setting.off
        self.rules: set[str] = set()
        self._plans: dict[tuple[Run, Cluster], tuple[Action, ...]] = {}

    def plan(self, world: World, operator: Operator) -> tuple[Action, ...]:
        """What the operator would do now, by what its cache shows it."""
        run = operator.old_run or world.run
        if run is None:
            return _orphans_removed(_cluster(world, operator))
        jobs, pods = _cluster(world, operator)
        if operator.old_cluster and self._lists and self._must_list(run, jobs, pods):
            pods = seen_pods(world)
        key = run, Cluster(jobs, pods)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._decided(*key)
        return plan

    def __len__(self) -> int:
        return len(self._plans)

    def _must_list(self, run: Run, jobs: tuple[Job, ...], pods: tuple[SeenPod, ...]) -> bool:
        resource = parsed(run, self._options)
        views = [job_view(job) for job in jobs]
        current = next((view for view in views if view.attempt == resource.attempt), None)
        return _absence_matters(resource, current, tuple(pod_view(pod) for pod in pods))

    def _decided(self, run: Run, cluster: Cluster) -> tuple[Action, ...]:
        seen = Observation(
            now=NOW,
            run=parsed(run, self._options),
            workflow=WorkflowView("flow", SPEC),
            revisions={REVISION.name: REVISION},
            jobs=tuple(job_view(job) for job in cluster.jobs),
            pods=tuple(pod_view(pod) for pod in cluster.pods),
        )
        plan = decide(seen)
        self.rules.add(plan.rule)
        actions = [_status(run, plan.opens), *(_action(write) for write in plan.writes)]
        # Compared with what is seen now also after an opening: two statuses in one plan write different fields.
        actions.append(_status(run, plan.status))
        return tuple(action for action in actions if action)


def _cluster(world: World, operator: Operator) -> Cluster:
    return operator.old_cluster or Cluster(world.jobs, seen_pods(world))


def _orphans_removed(cluster: Cluster) -> tuple[Action, ...]:
    """Mirrors Applier.remove_orphans."""
    pods = [
        Action("delete-pod", f"pod-{pod.attempt}.{pod.serial}.{pod.turn}")
        for pod in cluster.pods
        if not pod.end and not pod.deleting
    ]
    return (*pods, *(Action("delete-job", job.uid) for job in cluster.jobs))


def _status(run: Run, patch: Json | None) -> Action | None:
    """The status write, unless it only changes what the model leaves out."""
    if not patch:
        return None
    text = json.dumps(patch, sort_keys=True)
    return Action("status", text) if patched(run.status, text) != run.status else None


def _action(write: Write) -> Action | None:
    match write:
        case CreateJob(attempt, _):
            return Action("create-job", str(attempt))
        case SuspendJob(name):
            return Action("suspend-job", name)
        case DeleteJob(_, uid):
            return Action("delete-job", uid)
        case DeletePod(_, uid, _):
            return Action("delete-pod", uid)
        case AnnotatePod(name, state, _):
            return Action("annotate-pod", name, state)
        case CreateRevision():
            return None
        case DeleteRun():
            message = "nothing is due in the model's time"
            raise AssertionError(message)


@cache
def job_view(job: Job) -> JobView:
    """The Job, read from a manifest."""
    labels = {names.LABEL_ATTEMPT: str(job.attempt), names.LABEL_REVISION: REVISION.name}
    made = _LONG_AGO if job.old else _JUST_NOW
    ended = {"type": "Failed", "status": "True", "lastTransitionTime": _LONG_AGO}
    return parse_job(
        {
            "metadata": {
                "name": names.job_name("r", job.attempt),
                "uid": job.uid,
                "labels": labels,
                "creationTimestamp": made,
                "ownerReferences": [{"uid": RUN_UID, "controller": True}],
            },
            "spec": {"suspend": job.suspended},
            "status": {"conditions": [ended] if job.finished else []}
            | ({"startTime": made} if job.podded else {}),
        }
    )


@cache
def pod_view(pod: SeenPod) -> PodView:
    """The pod, read from a manifest."""
    meta: Json = {
        "name": f"r-{pod.attempt}-{pod.serial}-{pod.turn}",
        "uid": f"pod-{pod.attempt}.{pod.serial}.{pod.turn}",
        "labels": {names.LABEL_ATTEMPT: str(pod.attempt)},
        # What is told is told long since: a cancel's moment to be heard is over at the operator's next look.
        "annotations": {
            names.ANNOTATION_DESIRED_STATE: pod.told,
            names.ANNOTATION_DESIRED_SINCE: _LONG_AGO,
        },
        "ownerReferences": [{"uid": f"job-{pod.attempt}.{pod.serial}", "controller": True}],
    }
    if pod.deleting:
        meta["deletionTimestamp"] = _LONG_AGO if pod.lost else _SOON
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    return parse_pod(
        {
            "metadata": meta,
            "spec": {"nodeName": "node-1", "containers": [{"name": names.RUNNER_CONTAINER}]},
            "status": {
                "conditions": [disruption] if pod.disrupted else [],
                "containerStatuses": [{"name": names.RUNNER_CONTAINER, "state": _container(pod)}],
            },
        }
    )


def _container(pod: SeenPod) -> Json:
    if not pod.end:
        return {"running": {}}
    code, message = _BARE_EXITS.get(pod.end) or (OUTCOMES[pod.end]["exitCode"], json.dumps(OUTCOMES[pod.end]))
    ended = {"exitCode": code, "message": message, "finishedAt": _LONG_AGO}
    return {"terminated": ended if code else {**ended, "reason": "Completed"}}
