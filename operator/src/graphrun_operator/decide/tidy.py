"""Tidying: the Jobs of attempts that are over are kept for a look at their pods, then removed."""

from datetime import datetime, timedelta
from typing import Final

from graphrun_core import phases
from graphrun_operator.decide.attempt import jobs_of
from graphrun_operator.decide.pause import is_held
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import DeleteJob, Plan, Requeue, Write, soonest
from graphrun_operator.views import JobView

# How long `kubectl logs` and `describe` find the pod of an attempt that is over.
KEPT: Final = timedelta(seconds=60)
KEPT_FAILED: Final = timedelta(minutes=10)
# A paused or waiting run has no pod: one that has ended would stand there as an error, which it is not.
KEPT_SETTLED: Final = timedelta(0)


def tidy(situation: Situation, plan: Plan) -> Plan:
    """Add to the plan the removal of what has been kept long enough."""
    kept = _kept(situation)
    writes: list[Write] = list(plan.writes)
    touched = {write.name for write in plan.writes if isinstance(write, DeleteJob)}
    requeue = plan.requeue
    for job in jobs_of(situation.seen):
        since = _over_since(situation, job)
        if job.deleting or since is None or job.name in touched:
            continue
        left = since + kept - situation.now
        if left > timedelta(0):
            requeue = soonest(
                requeue, Requeue(left.total_seconds(), f"Job {job.name} has been kept long enough")
            )
        else:
            writes.append(DeleteJob(job.name, job.uid))
    return Plan(rule=plan.rule, opens=plan.opens, writes=tuple(writes), status=plan.status, requeue=requeue)


def _kept(situation: Situation) -> timedelta:
    if situation.settled:
        return KEPT_SETTLED
    return KEPT_FAILED if situation.phase == phases.FAILED else KEPT


def _over_since(situation: Situation, job: JobView) -> datetime | None:
    """Since when nothing more is expected of the Job; None: it is still of use."""
    run, attempt = situation.run, situation.attempt
    ended = job.finished_at or _pod_ended(situation, job)
    if job.attempt < attempt.number:
        return ended or job.created  # superseded: what is left of it is fenced, and may go
    if run.is_finished:
        return ended or run.status.completion_time
    if job.suspended and is_held(run) and run.spec.state == phases.STATE_RUNNING:
        return None  # who suspended it will unsuspend it
    return ended if situation.settled else None


def _pod_ended(situation: Situation, job: JobView) -> datetime | None:
    ends = [
        pod.terminated.finished_at for pod in situation.seen.pods if pod.job_uid == job.uid and pod.terminated
    ]
    return max((end for end in ends if end), default=None)
