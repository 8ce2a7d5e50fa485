"""Pause: Paused is shown only when nothing runs; the runner itself keeps the deadline."""

from graphrun_core import phases
from graphrun_operator.decide.attempt import AttemptEnd
from graphrun_operator.decide.failure import judge
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.stopping import drop_unclaimed
from graphrun_operator.model import AnnotatePod, Plan, Write


def pause(situation: Situation) -> Plan | None:
    """spec.state Paused: finish the superstep under way, or simply do not start."""
    if situation.run.spec.state != phases.STATE_PAUSED:
        return None
    attempt = situation.attempt
    if attempt.runs:
        reason, message = "PauseRequested", ""
        if attempt.node_lost:
            reason, message = (
                "NodeLost",
                "the node is out of reach: whether the graph has stopped is not known",
            )
        status = situation.status(phase=phases.PAUSING, reason=reason, message=message, **situation.facts())
        return Plan(rule="", writes=told(situation), status=status)
    if situation.phase == phases.PAUSED:
        return Plan(
            rule="", writes=() if attempt.claimed else drop_unclaimed(attempt), status=_still(situation)
        )
    if attempt.claimed and attempt.end is None:
        # Stopped, but how is not known yet: the report or the container's end will tell.
        return Plan(rule="")
    return Plan(rule="", status=_paused(situation, attempt.end))


def _paused(situation: Situation, end: AttemptEnd | None) -> dict[str, object] | None:
    reason, message, failures = "PauseCompleted", "", situation.run.status.failures
    if end and end.kind == "Paused":
        reason, message = end.reason, end.message
    elif end and situation.attempt.claimed:
        message = f"the attempt had ended before the pause was done: {end.reason}: {end.message}"
        failures = judge(situation, end).failures
    return situation.status(
        phase=phases.PAUSED,
        reason=reason,
        message=message,
        failures=failures,
        paused_time=situation.now,
        **situation.closing_facts(),
    )


def _still(situation: Situation) -> dict[str, object] | None:
    status = situation.run.status
    return situation.status(phase=phases.PAUSED, reason=status.reason, message=status.message)


def told(situation: Situation) -> tuple[Write, ...]:
    """The second path of a command, beside the API's long poll: the annotation of a pod that stays."""
    pod, wanted = situation.attempt.pod, situation.run.spec.state
    if pod is None or pod.ended or pod.deleting or pod.desired_state == wanted:
        return ()
    return (AnnotatePod(pod.name, wanted),)
