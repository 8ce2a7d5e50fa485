"""Outcome: a success that was reached stands, whatever was asked for later (rule 5)."""

from graphrun_core import phases
from graphrun_core.resources import WorkflowRun
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import Plan


def succeed(situation: Situation) -> Plan | None:
    """The graph ran to its end: Succeeded, even where a cancel or pause came meanwhile."""
    end = situation.attempt.end
    if end is None or end.kind != "Succeeded":
        return None
    status = situation.status(
        phase=phases.SUCCEEDED, reason="GraphCompleted", message="", **situation.ending_facts()
    )
    return Plan(rule="", status=status)


def await_input(situation: Situation) -> Plan | None:
    """The graph asks by interrupt(): the run waits, without a pod, until spec.resume.id changes.

    A pause of a run that already waits changes nothing: nothing runs, and only an answer can take it further.
    """
    end = situation.attempt.end
    asks = end is not None and end.kind == "AwaitingInput"
    # The phase itself remembers, should an unreported outcome be gone with its pod.
    asked = situation.phase == phases.AWAITING_INPUT and not situation.attempt.runs
    if not (asks or asked) or is_answered(situation.run):
        return None
    message = "set spec.resume.id to a new value, and spec.resume.value to the answer"
    status = situation.status(
        phase=phases.AWAITING_INPUT, reason="InputRequested", message=message, **situation.closing_facts()
    )
    return Plan(rule="", status=status)


def is_answered(run: WorkflowRun) -> bool:
    """Whether a person has asked it to go on, by a resume that no attempt has been opened for yet."""
    return run.has_new_resume and run.spec.state == phases.STATE_RUNNING
