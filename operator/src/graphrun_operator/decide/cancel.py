"""Cancel: at once where nothing runs, else with proof that it has stopped (rule 3)."""

from graphrun_core import phases
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.stopping import CANCEL_GRACE, stop_claimed
from graphrun_operator.model import Plan


def cancel(situation: Situation) -> Plan | None:
    """spec.state Cancelled: stop what runs, and say Cancelled only when nothing does."""
    if situation.run.spec.state != phases.STATE_CANCELLED:
        return None
    if not situation.attempt.runs:
        return Plan(rule="", status=_cancelled(situation))
    reason, message = "CancelRequested", ""
    if situation.attempt.node_lost:
        pod = situation.attempt.pod
        reason = "NodeLost"
        message = (
            f"node {pod.node if pod else ''} is out of reach: whether the graph has stopped is not known"
        )
    status = situation.status(phase=phases.CANCELLING, reason=reason, message=message, **situation.facts())
    return Plan(rule="", writes=stop_claimed(situation.attempt, CANCEL_GRACE), status=status)


def _cancelled(situation: Situation) -> dict[str, object] | None:
    started = situation.attempt.claimed or situation.attempt.job
    facts = (
        situation.ending_facts() if started else {"completion_time": situation.now, "next_attempt_time": None}
    )
    return situation.status(phase=phases.CANCELLED, reason="CancelCompleted", **facts)
