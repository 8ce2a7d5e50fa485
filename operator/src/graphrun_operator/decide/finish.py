"""After the end: a terminal phase is final; stragglers are stopped, and the run itself goes when its time is over."""

from datetime import timedelta

from graphrun_core import phases
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.stopping import CANCEL_GRACE, drop_unclaimed, stop_claimed
from graphrun_operator.model import DeleteRun, Plan, Requeue, Write


def leave(situation: Situation) -> Plan | None:
    """A run whose resource is being deleted (someone's finalizer holds it): stop its work, write no status."""
    if not situation.run.is_deleting:
        return None
    attempt = situation.attempt
    writes = stop_claimed(attempt, CANCEL_GRACE) if attempt.claimed else drop_unclaimed(attempt)
    return Plan(rule="", writes=writes)


def rest(situation: Situation) -> Plan | None:
    """Succeeded, Failed, Cancelled: nothing is started any more, and nothing unclaimed is left waiting."""
    if not situation.run.is_finished:
        return None
    ttl = _time_to_live(situation)
    if ttl is not None and ttl <= timedelta(0):
        return Plan(rule="", writes=(DeleteRun(),))
    requeue = Requeue(ttl.total_seconds(), "ttlSecondsAfterFinished") if ttl is not None else None
    return Plan(rule="", writes=_stragglers(situation), requeue=requeue)


def _time_to_live(situation: Situation) -> timedelta | None:
    seconds = situation.options.ttl_seconds_after_finished
    ended = situation.run.status.completion_time
    if seconds is None or ended is None:
        return None
    return ended + timedelta(seconds=seconds) - situation.now


def _stragglers(situation: Situation) -> tuple[Write, ...]:
    attempt = situation.attempt
    if not attempt.claimed:
        return drop_unclaimed(attempt) if attempt.end is None else ()
    if situation.phase == phases.SUCCEEDED or attempt.over:
        return ()
    return stop_claimed(attempt, CANCEL_GRACE)
