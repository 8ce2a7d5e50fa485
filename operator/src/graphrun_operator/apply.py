"""Apply: the only writer to the cluster. Every write may be repeated, and may find that it was done already."""

import logging
from typing import Any

from graphrun_core import names
from graphrun_core.resources import WorkflowRun
from graphrun_core.times import to_rfc3339
from graphrun_operator.cache import Cache, ObjectKey
from graphrun_operator.cluster import JOBS, PODS, REVISIONS, RUNS, Cluster, Kind
from graphrun_operator.errors import AlreadyExists, Conflict, NameTaken, NotFound, Unreadable
from graphrun_operator.manifests.job import RunnerDefaults, build_job
from graphrun_operator.manifests.revision import build_revision
from graphrun_operator.metrics import Metrics
from graphrun_operator.model import (
    AnnotatePod,
    CreateJob,
    CreateRevision,
    DeleteJob,
    DeletePod,
    DeleteRun,
    Observation,
    Plan,
    RunKey,
    SuspendJob,
    Write,
)
from graphrun_operator.revisions import RevisionStore
from graphrun_operator.views import parse_job, parse_revision

Json = dict[str, Any]
log = logging.getLogger(__name__)


class Applier:
    """Carries out plans, in their order, and stops at the first write that fails."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        revisions: RevisionStore,
        defaults: RunnerDefaults,
        metrics: Metrics,
    ) -> None:
        self._cluster, self._cache, self._revisions = cluster, cache, revisions
        self._defaults, self._metrics = defaults, metrics

    async def apply(self, seen: Observation, plan: Plan) -> None:
        """Carry out `plan`, which was decided on `seen`.

        Raises:
            Conflict: the run has changed since; it was read again, decide again.
            Refused: the API server does not take a manifest.
            OperatorError: it could not be reached.
        """
        run = seen.run
        if plan.opens:
            run = await self.write_status(run, plan.opens)
        for write in plan.writes:
            await self._write(run, write)
        if plan.status:
            await self.write_status(run, plan.status)

    async def write_status(self, run: WorkflowRun, patch: Json) -> WorkflowRun:
        """Patch the status of exactly this version of the run (rule 4); answers the run as it is now."""
        meta = run.metadata
        versioned = {"metadata": {"resourceVersion": meta.resource_version}, "status": patch}
        try:
            answer = await self._cluster.patch_status(RUNS, meta.namespace, meta.name, versioned)
        except Conflict:
            self._metrics.conflicts.inc()
            await self._look_again(run)
            raise
        self._metrics.writes.labels("status").inc()
        self._cache.runs.put(answer)
        if "phase" in patch:
            self._metrics.transitions.labels(patch["phase"]).inc()
            log.info(
                "phase changed",
                extra={"phase": patch["phase"], "reason": patch.get("reason", run.status.reason)},
            )
        return WorkflowRun.parse(answer)

    async def remove_orphans(self, key: RunKey) -> bool:
        """Stop what is left of a run that is gone, without waiting for the garbage collector.

        Answers whether it is gone: a watch of runs that lags behind those of Jobs and pods is no proof of that.

        Raises:
            Unreadable: it is there, in a form that this operator does not know.
        """
        jobs, pods = self._cache.jobs.of(key), self._cache.pods.of(key)
        if not key.name or not (jobs or pods):
            return True  # what names no run is none of ours
        if await self._is_there(key):
            return False
        for pod in pods:
            if not pod.ended and not pod.deleting:
                await self._delete_pod(key.namespace, DeletePod(pod.name, pod.uid, grace=2))
        for job in jobs:
            await self._delete_job(key.namespace, DeleteJob(job.name, job.uid))
        return True

    async def _is_there(self, key: RunKey) -> bool:
        try:
            found = await self._cluster.get(RUNS, key.namespace, key.name)
        except NotFound:
            return False
        self._cache.runs.put(found)
        if self._cache.runs.get(ObjectKey(*key)) is None:
            message = (
                "the run is there in a form that this operator does not understand; its Jobs are left alone"
            )
            raise Unreadable(message)
        return True

    async def remove_revision(self, namespace: str, name: str, uid: str) -> None:
        """Remove a revision that nothing needs any more."""
        self._revisions.forget(namespace, name)
        await self._delete(REVISIONS, namespace, name, {"preconditions": {"uid": uid}})
        log.info("revision removed", extra={"namespace": namespace, "revision": name})

    # --- one method a write

    async def _write(self, run: WorkflowRun, write: Write) -> None:
        namespace = run.metadata.namespace
        match write:
            case CreateRevision():
                await self._create_revision(namespace, write)
            case CreateJob():
                await self._create_job(run, write)
            case SuspendJob(name):
                await self._patch(JOBS, namespace, name, {"spec": {"suspend": True}})
            case AnnotatePod(name, state, since):
                annotations = {
                    names.ANNOTATION_DESIRED_STATE: state,
                    names.ANNOTATION_DESIRED_SINCE: to_rfc3339(since),
                }
                await self._patch(PODS, namespace, name, {"metadata": {"annotations": annotations}})
            case DeletePod():
                await self._delete_pod(namespace, write)
            case DeleteJob():
                await self._delete_job(namespace, write)
            case DeleteRun():
                await self._delete_run(run)

    async def _create_revision(self, namespace: str, write: CreateRevision) -> None:
        try:
            await self._cluster.create(REVISIONS, namespace, build_revision(namespace, write.revision))
            self._metrics.writes.labels("create-revision").inc()
            self._revisions.keep(namespace, write.revision)
        except AlreadyExists:
            stored = await self._cluster.get(REVISIONS, namespace, write.revision.name)
            self._revisions.keep(namespace, parse_revision(stored))

    async def _create_job(self, run: WorkflowRun, write: CreateJob) -> None:
        manifest = build_job(run, write.attempt, write.revision, self._defaults)
        name, namespace = manifest["metadata"]["name"], run.metadata.namespace
        try:
            created = await self._cluster.create(JOBS, namespace, manifest)
        except AlreadyExists:
            await self._look_at_job(run, name)
            return
        self._metrics.writes.labels("create-job").inc()
        self._metrics.attempts.inc()
        self._cache.jobs.put(created)
        log.info("job created", extra={"job": name, "attempt": write.attempt})

    async def _look_at_job(self, run: WorkflowRun, name: str) -> None:
        """A Job of that name is there: ours, or one that a former run of the same name has left."""
        namespace = run.metadata.namespace
        found = await self._cluster.get(JOBS, namespace, name)
        self._cache.jobs.put(found)
        job = parse_job(found)
        if job.owner_uid == run.metadata.uid:
            return
        if job.owner_uid and run.metadata.name == found["metadata"].get("labels", {}).get(names.LABEL_RUN):
            await self._delete_job(namespace, DeleteJob(job.name, job.uid))
        message = f"Job {name} does not belong to this run; it must be gone first"
        raise NameTaken(message)

    async def _patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> None:
        try:
            answer = await self._cluster.patch(kind, namespace, name, patch)
        except NotFound:
            return
        self._metrics.writes.labels(f"patch-{kind.plural}").inc()
        self._learn(kind, answer)

    async def _delete_pod(self, namespace: str, write: DeletePod) -> None:
        options: Json = {"preconditions": {"uid": write.uid}}
        if write.grace is not None:
            options["gracePeriodSeconds"] = write.grace
        await self._delete(PODS, namespace, write.name, options)
        log.info("pod deletion asked for", extra={"pod": write.name, "grace": write.grace})

    async def _delete_job(self, namespace: str, write: DeleteJob) -> None:
        options = {"preconditions": {"uid": write.uid}, "propagationPolicy": "Background"}
        await self._delete(JOBS, namespace, write.name, options)

    async def _delete_run(self, run: WorkflowRun) -> None:
        meta = run.metadata
        # The version too: a run that was changed a moment ago may no longer be due.
        conditions = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        await self._delete(RUNS, meta.namespace, meta.name, {"preconditions": conditions})
        log.info("run removed", extra={"rule": "ttlSecondsAfterFinished"})

    async def _delete(self, kind: Kind, namespace: str, name: str, options: Json) -> None:
        try:
            answer = await self._cluster.delete(kind, namespace, name, options)
        except NotFound:
            return
        except Conflict:
            return  # another object of that name, or a changed one: the next event tells
        self._metrics.writes.labels(f"delete-{kind.plural}").inc()
        if answer.get("kind") != "Status":
            self._learn(kind, answer)
        elif kind == JOBS:
            self._cache.jobs.forget(ObjectKey(namespace, name))

    def _learn(self, kind: Kind, answer: Json) -> None:
        if kind == JOBS:
            self._cache.jobs.put(answer)
        elif kind == PODS:
            self._cache.pods.put(answer)

    async def _look_again(self, run: WorkflowRun) -> None:
        meta = run.metadata
        try:
            self._cache.runs.put(await self._cluster.get(RUNS, meta.namespace, meta.name))
        except NotFound:
            return  # its deletion is on its way through the watch
        known = self._cache.runs.get(ObjectKey(meta.namespace, meta.name))
        if known and known.metadata.resource_version == meta.resource_version:
            message = "the run has changed in a way that this operator does not understand"
            raise Unreadable(message)
