"""Clocks: startSeconds until a claim, totalSeconds of wall time. activeSeconds is the runner's to keep.

Waiting for a turn, for a queue that holds the Job, or for a retry's time is not what startSeconds limit.
"""

from datetime import datetime, timedelta

from graphrun_core import phases, reasons
from graphrun_operator.decide.attempt import NODE_PATIENCE
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.status import condition
from graphrun_operator.decide.stopping import stop_claimed
from graphrun_operator.model import Plan, Requeue


def start_timeout(situation: Situation) -> Plan | None:
    """No pod has claimed the attempt within timeouts.startSeconds: Failed. Nothing can run: no claim, no proof needed."""
    due = start_deadline(situation)
    if situation.attempt.claimed or situation.settled or due is None or situation.now < due:
        return None
    seconds = situation.options.timeouts.start_seconds
    told = situation.run.status.message
    message = f"not started within timeouts.startSeconds ({seconds})" + (
        f"; last seen: {told}" if told else ""
    )
    return Plan(rule="", status=_failed(situation, "StartTimeout", message))


def start_deadline(situation: Situation) -> datetime | None:
    """When the current attempt must be claimed; None: no limit, or nothing waits to start."""
    seconds = situation.options.timeouts.start_seconds
    began = _waiting_since(situation)
    if seconds is None or began is None or situation.run.spec.state != phases.STATE_RUNNING:
        return None
    return began + timedelta(seconds=seconds)


def _waiting_since(situation: Situation) -> datetime | None:
    """Since when the run has wanted to start, or to start again; backing off and standing in line do not count."""
    run, job = situation.run, situation.attempt.job
    if situation.phase == phases.QUEUED or (job and job.suspended):
        return None
    accepted = condition(run, reasons.CONDITION_ACCEPTED)
    if accepted is None or accepted.status != "True":
        return job.created if job else None
    turned = [accepted.last_transition_time, run.status.next_attempt_time, job.started if job else None]
    for kind in (reasons.CONDITION_RUNNING, reasons.CONDITION_PAUSED):
        item = condition(run, kind)
        if item and item.status == "False":
            turned.append(item.last_transition_time)
    return max((moment for moment in turned if moment), default=None)


def total_timeout(situation: Situation) -> Plan | None:
    """timeouts.totalSeconds since the start are over: stop what runs, then Failed."""
    due = total_deadline(situation)
    if due is None or situation.now < due:
        return None
    message = f"not done within timeouts.totalSeconds ({situation.options.timeouts.total_seconds})"
    if not situation.attempt.runs:
        return Plan(rule="", status=_failed(situation, "TotalTimeout", message))
    # The pod gets the whole of its grace: the superstep under way may still be stored.
    status = situation.status(
        phase=phases.CANCELLING, reason="TotalTimeout", message=message, **situation.facts()
    )
    return Plan(rule="", writes=stop_claimed(situation.attempt, None), status=status)


def total_deadline(situation: Situation) -> datetime | None:
    """When the run must be done; None: no limit, or not started."""
    seconds = situation.options.timeouts.total_seconds
    started = situation.run.status.start_time
    if seconds is None or started is None:
        return None
    return started + timedelta(seconds=seconds)


def next_tick(situation: Situation) -> Requeue | None:
    """When the next clock strikes for a run that goes on."""
    due = [(total_deadline(situation), "timeouts.totalSeconds")]
    if not (situation.attempt.claimed or situation.settled):
        due.append((start_deadline(situation), "timeouts.startSeconds"))
    pod = situation.attempt.pod
    if pod and pod.deadline and not pod.ended:
        due.append((pod.deadline + NODE_PATIENCE, "the deleted pod should be gone"))
    left = [
        Requeue((moment - situation.now).total_seconds(), why)
        for moment, why in due
        if moment is not None and moment > situation.now
    ]
    return min(left, key=lambda item: item.seconds, default=None)


def _failed(situation: Situation, reason: str, message: str) -> dict[str, object] | None:
    return situation.status(phase=phases.FAILED, reason=reason, message=message, **situation.ending_facts())
