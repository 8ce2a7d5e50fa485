"""Cancel: at once where nothing runs, else with proof that it has stopped (rule 3).

The pod is told first, by its annotation beside the API's long poll, and deleted a moment later if that did not stop it:
the runner cannot tell the SIGTERM of a deletion from an eviction's, and would drain. Both at once would not do either,
for the kubelet brings no annotation to a pod that is being deleted.
"""

from datetime import timedelta
from typing import Final

from graphrun_core import phases
from graphrun_operator.decide.pause import told
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.stopping import CANCEL_GRACE, stop_claimed
from graphrun_operator.model import Plan, Requeue

# An annotation is a file in the pod within 0.2 s, and read within 0.1 s.
TOLD: Final = timedelta(seconds=0.5)


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
    left = _still_to_be_heard(situation)
    if left is None:
        return Plan(rule="", writes=stop_claimed(situation.attempt, CANCEL_GRACE), status=status)
    requeue = Requeue(left.total_seconds(), "has the pod heard that the run is cancelled?")
    return Plan(rule="", writes=told(situation), status=status, requeue=requeue)


def _still_to_be_heard(situation: Situation) -> timedelta | None:
    """How long the pod has yet to hear of the cancel; None: it has had its time, or cannot hear."""
    pod = situation.attempt.pod
    if pod is None or pod.ended or pod.deleting:
        return None
    if pod.desired_state != phases.STATE_CANCELLED or pod.desired_since is None:
        return TOLD
    passed = situation.now - pod.desired_since
    # Of another leader's clock no more is believed than that.
    return TOLD - passed if timedelta(0) <= passed < TOLD else None


def _cancelled(situation: Situation) -> dict[str, object] | None:
    started = situation.attempt.claimed or situation.attempt.job
    facts = (
        situation.ending_facts() if started else {"completion_time": situation.now, "next_attempt_time": None}
    )
    return situation.status(phase=phases.CANCELLED, reason="CancelCompleted", **facts)
