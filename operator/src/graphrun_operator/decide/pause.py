"""Pause: Paused is shown only when nothing runs; the runner itself keeps the deadline.

Two pauses nobody asked for in spec.state: a Job that was suspended from outside, and a resume that the runner refused.
"""

from typing import Final

from graphrun_core import names, phases, reasons
from graphrun_core.resources import WorkflowRun
from graphrun_operator.decide.attempt import AttemptEnd
from graphrun_operator.decide.failure import judge
from graphrun_operator.decide.outcome import is_answered
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.stopping import drop_unclaimed
from graphrun_operator.model import AnnotatePod, Plan, Write

# The runner refused to go on, before anything ran: the stored state is as it was.
_REFUSED_RESUMES: Final = reasons.HELD - {"JobSuspended"}


def is_held(run: WorkflowRun) -> bool:
    """Whether the run is paused though spec.state is Running."""
    return run.status.phase == phases.PAUSED and run.status.reason in reasons.HELD


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
        status = _still(situation, (situation.run.status.reason, situation.run.status.message))
        return Plan(rule="", writes=() if attempt.claimed else drop_unclaimed(attempt), status=status)
    if attempt.claimed and attempt.end is None:
        # Stopped, but how is not known yet: the report or the container's end will tell.
        return Plan(rule="")
    return Plan(rule="", status=_paused(situation, attempt.end))


def suspended(situation: Situation) -> Plan | None:
    """The Job of a running attempt was suspended from outside: the Job controller stops the pod, the runner drains."""
    attempt = situation.attempt
    if not (attempt.runs and _is_suspended(situation)):
        return None
    message = (
        f"Job {attempt.job.name if attempt.job else ''} was suspended from outside; its pod is being stopped"
    )
    status = situation.status(
        phase=phases.PAUSING, reason="JobSuspended", message=message, **situation.facts()
    )
    return Plan(rule="", status=status)


def stay_paused(situation: Situation) -> Plan | None:
    """spec.state is Running, and yet nothing may go on by itself: the Job is suspended, or the resume was refused."""
    attempt, run = situation.attempt, situation.run
    if not attempt.claimed or is_answered(run) or not (attempt.end or situation.settled):
        return None
    held = _refused_resume(situation) or _held_by_suspension(situation)
    if held is None:
        return None
    if situation.phase == phases.PAUSED:
        return Plan(rule="", status=_still(situation, held))
    failures = judge(situation, attempt.end).failures if attempt.end else run.status.failures
    return Plan(rule="", status=_shown(situation, held, failures))


def _refused_resume(situation: Situation) -> tuple[str, str] | None:
    end = situation.attempt.end
    if end is None or end.kind != "Paused" or end.reason not in _REFUSED_RESUMES:
        return None
    accepted = situation.run.metadata.annotations.get(names.ANNOTATION_ACCEPT_REVISION)
    if end.reason == "IncompatibleRevision" and accepted == situation.pinned:
        return None
    return end.reason, end.message


def _held_by_suspension(situation: Situation) -> tuple[str, str] | None:
    if not _is_suspended(situation):
        return None
    job = situation.attempt.job
    message = (
        f"Job {job.name if job else ''} was suspended from outside; the run goes on when it is unsuspended"
    )
    return "JobSuspended", message


def _is_suspended(situation: Situation) -> bool:
    """By a queue or by hand: the operator itself suspends only what is being cancelled, or has run out of time.

    The Job controller closes a suspended Job whose pod had ended by itself; nobody will unsuspend that.
    """
    job = situation.attempt.job
    return job is not None and job.suspended and not job.deleting and job.finished_at is None


def _paused(situation: Situation, end: AttemptEnd | None) -> dict[str, object] | None:
    failures = situation.run.status.failures
    if end and end.kind == "Paused":
        return _shown(situation, (end.reason, end.message), failures)
    if end and situation.attempt.claimed:
        message = f"the attempt had ended before the pause was done: {end.reason}: {end.message}"
        return _shown(situation, ("PauseCompleted", message), judge(situation, end).failures)
    return _shown(situation, ("PauseCompleted", ""), failures)


def _shown(situation: Situation, why: tuple[str, str], failures: int) -> dict[str, object] | None:
    """Paused from now on, for that reason and message."""
    reason, message = why
    return situation.status(
        phase=phases.PAUSED,
        reason=reason,
        message=message,
        failures=failures,
        paused_time=situation.now,
        **situation.closing_facts(),
    )


def _still(situation: Situation, why: tuple[str, str]) -> dict[str, object] | None:
    """Paused as before."""
    reason, message = why
    return situation.status(phase=phases.PAUSED, reason=reason, message=message)


def told(situation: Situation) -> tuple[Write, ...]:
    """The second path of a command, beside the API's long poll: the annotation of a pod that stays."""
    pod, wanted = situation.attempt.pod, situation.run.spec.state
    if pod is None or pod.ended or pod.deleting or pod.desired_state == wanted:
        return ()
    return (AnnotatePod(pod.name, wanted, situation.now),)
