"""Observe: everything about one run at one moment, from the cache, and from the API server where only that is proof."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from graphrun_core import names
from graphrun_core.resources import WorkflowRun
from graphrun_core.revisions import revision_name
from graphrun_operator.cache import Cache, ObjectKey
from graphrun_operator.cluster import EVENTS, PODS, RUNS, Cluster
from graphrun_operator.errors import NotFound
from graphrun_operator.lines import Lines
from graphrun_operator.model import Observation, RunKey
from graphrun_operator.revisions import RevisionStore
from graphrun_operator.views import JobView, PodView, Revision, WorkflowView, parse_pod

# A Job that has no pod by then probably cannot have one; its events say why.
_POD_EXPECTED: Final = timedelta(seconds=2)


class Observer:
    """Builds observations."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        revisions: RevisionStore,
        lines: Lines,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster, self._cache, self._revisions = cluster, cache, revisions
        self._lines, self._clock = lines, clock

    async def observe(self, key: RunKey) -> Observation | None:
        """What is there of the run; None: the run is not.

        Raises:
            OperatorError: the API server had to be asked and could not be.
        """
        run = self._cache.runs.get(ObjectKey(*key))
        if run is None:
            return None
        jobs, pods = self._cache.jobs.of(key), self._cache.pods.of(key)
        job = next(
            (job for job in jobs if job.attempt == run.attempt and job.owner_uid == run.metadata.uid), None
        )
        if _absence_matters(run, job, pods):
            pods = await self._pods_now(key)
        workflow_key = ObjectKey(key.namespace, run.spec.workflow_ref.name)
        workflow = self._cache.workflows.get(workflow_key)
        now = self._clock()
        revisions = await self._revisions_of(run, job, workflow)
        refusal = await self._pod_refusal(key, job) if _pod_overdue(run, job, pods, now) else ""
        source_uid = await self._source_uid(run)
        await self._lines.prepare(run, workflow)
        # Nothing is awaited from here to the decision: two runs must not be given the same turn.
        return Observation(
            now=now,
            run=run,
            workflow=workflow,
            revisions=revisions,
            jobs=jobs,
            pods=pods,
            pod_refusal=refusal,
            line=self._lines.line_of(workflow_key),
            source_uid=source_uid,
        )

    async def _source_uid(self, run: WorkflowRun) -> str:
        """The UID of the run that this one begins from, as long as that has not been written down."""
        name, namespace = run.spec.start_from.run, run.metadata.namespace
        if not name or run.status.start_from_uid or run.is_finished:
            return ""
        known = self._cache.runs.get(ObjectKey(namespace, name))
        if known:
            return known.metadata.uid
        try:
            found = await self._cluster.get(RUNS, namespace, name)
        except NotFound:
            return ""
        return str(found["metadata"]["uid"])

    async def _pods_now(self, key: RunKey) -> tuple[PodView, ...]:
        selector = f"{names.RUNNER_SELECTOR},{names.LABEL_RUN}={key.name}"
        listing = await self._cluster.list(PODS, key.namespace, labelSelector=selector)
        for manifest in listing.items:
            self._cache.pods.put(manifest)
        return tuple(parse_pod(manifest) for manifest in listing.items)

    async def _revisions_of(
        self, run: WorkflowRun, job: JobView | None, workflow: WorkflowView | None
    ) -> dict[str, Revision]:
        namespace = run.metadata.namespace
        pinned = run.status.revision or (job.revision if job else "")
        named = {pinned, run.spec.workflow_ref.revision, run.spec.resume.revision} - {""}
        found = [await self._revisions.find(namespace, name) for name in sorted(named)]
        if workflow and not pinned and not run.is_finished:
            found.append(self._revisions.known(namespace, revision_name(workflow.name, workflow.spec)))
        return {revision.name: revision for revision in found if revision}

    async def _pod_refusal(self, key: RunKey, job: JobView | None) -> str:
        """Why the Job controller could not create the pod: its last word on it."""
        uid = job.uid if job else ""
        fields = f"involvedObject.uid={uid},reason=FailedCreate"
        listing = await self._cluster.list(EVENTS, key.namespace, fieldSelector=fields)
        told = sorted((item.get("lastTimestamp") or "", item.get("message") or "") for item in listing.items)
        return told[-1][1] if told else ""


def _absence_matters(run: WorkflowRun, job: JobView | None, pods: tuple[PodView, ...]) -> bool:
    """Whether a decision may rest on a pod not being there: then a watch that lags must not make it."""
    if run.is_finished:
        return False
    if run.is_claimed:
        runner = run.status.runner
        return runner.outcome is None and all(pod.uid != runner.pod_uid for pod in pods)
    return job is not None and job.finished_at is not None and all(pod.job_uid != job.uid for pod in pods)


def _pod_overdue(run: WorkflowRun, job: JobView | None, pods: tuple[PodView, ...], now: datetime) -> bool:
    if run.is_finished or run.is_claimed or job is None or job.suspended or job.finished_at:
        return False
    return now - job.created >= _POD_EXPECTED and all(pod.job_uid != job.uid for pod in pods)
