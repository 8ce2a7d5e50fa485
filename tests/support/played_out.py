"""What a plan makes of the world, as plain values: to follow decisions to where they come to rest."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from graphrun_core import names
from graphrun_core.resources import WorkflowRun
from graphrun_operator.model import (
    AnnotatePod,
    CreateJob,
    CreateRevision,
    DeleteJob,
    DeletePod,
    Observation,
    Plan,
    SuspendJob,
    Write,
)
from graphrun_operator.views import JobView, PodView

Json = dict[str, Any]


def carried_out(seen: Observation, plan: Plan) -> Observation:
    """The world after the plan, at the same moment, before anybody else has moved."""
    after = _patched(seen, plan.opens)
    for write in plan.writes:
        after = _written(after, write)
    return _patched(after, plan.status)


def merged(target: Json, patch: Json) -> Json:
    """RFC 7386."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def _patched(seen: Observation, patch: Json | None) -> Observation:
    if not patch:
        return seen
    manifest = seen.run.to_manifest()
    manifest["status"] = merged(manifest.get("status", {}), patch)
    run = WorkflowRun.parse(manifest)
    if seen.line is None:
        return replace(seen, run=run)
    contenders = [
        replace(each, run=run) if each.run.metadata.uid == run.metadata.uid else each
        for each in seen.line.contenders
    ]
    return replace(seen, run=run, line=replace(seen.line, contenders=tuple(contenders)))


def _written(seen: Observation, write: Write) -> Observation:
    if isinstance(write, DeletePod | AnnotatePod):
        return replace(seen, pods=tuple(_with(pod, write, seen) for pod in seen.pods))
    if isinstance(write, CreateRevision):
        return replace(seen, revisions={**seen.revisions, write.revision.name: write.revision})
    return replace(seen, jobs=tuple(_jobs_after(seen, write)))


def _with(pod: PodView, write: DeletePod | AnnotatePod, seen: Observation) -> PodView:
    if pod.name != write.name:
        return pod
    if isinstance(write, AnnotatePod):
        return replace(pod, desired_state=write.state, desired_since=write.since)
    return replace(pod, deadline=seen.now + timedelta(seconds=30 if write.grace is None else write.grace))


def _jobs_after(seen: Observation, write: Write) -> Iterator[JobView]:
    for job in seen.jobs:
        if isinstance(write, SuspendJob) and write.name == job.name:
            yield replace(job, suspended=True)
        elif not (isinstance(write, DeleteJob) and write.uid == job.uid):
            yield job
    if isinstance(write, CreateJob):
        name, uid = names.job_name(seen.run.metadata.name, write.attempt), f"made-{write.attempt}"
        yield JobView(name, uid, write.attempt, write.revision.name, seen.run.metadata.uid, seen.now)
