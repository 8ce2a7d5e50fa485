"""A claimed attempt at work."""

from graphrun_core import phases
from graphrun_operator.decide.pause import told
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import Plan


def run(situation: Situation) -> Plan | None:
    """Running, until there is proof of an end. A pause that was taken back is taken back at the pod, too."""
    attempt = situation.attempt
    if not attempt.claimed:
        return None
    if attempt.over:
        # Stopped, but how is not known yet: the report or the container's end will tell.
        return Plan(rule="")
    reason, message = "AttemptClaimed", ""
    if attempt.node_lost:
        reason, message = "NodeLost", "the node is out of reach; retries.onNodeLost is Wait"
    facts = situation.facts() | {"next_attempt_time": None}
    status = situation.status(phase=phases.RUNNING, reason=reason, message=message, **facts)
    return Plan(rule="", writes=told(situation), status=status)
