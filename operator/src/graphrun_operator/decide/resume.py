"""Going on: the next attempt, after a pause, an answer, an interruption or a failure that may be retried.

Rule 2: a closed phase lets nobody in. The attempt is opened in the status first, compare-and-set; then its Job is made.
Where the Workflow's runs stand in line, a run that had no pod is opened into phase Queued, and its Job waits.
"""

from typing import Any

from graphrun_core import phases
from graphrun_core.resources import ResumeStatus
from graphrun_core.times import to_rfc3339
from graphrun_operator.decide import queueing
from graphrun_operator.decide.attempt import AttemptEnd, job_name
from graphrun_operator.decide.failure import Verdict, judge
from graphrun_operator.decide.outcome import is_answered
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import CreateJob, Plan, Requeue

_CLOSED = {phases.PAUSED, phases.PAUSING, phases.AWAITING_INPUT, phases.CANCELLING}


def resume(situation: Situation) -> Plan | None:
    """spec.state Running on a paused run, or a new spec.resume.id on one that awaits input."""
    if not situation.settled or situation.attempt.runs:
        return None
    revision = situation.run.spec.resume.revision if is_answered(situation.run) else ""
    if revision and revision not in situation.seen.revisions:
        message = f"spec.resume.revision: {revision} does not exist; resume again, with a new id and another revision"
        return Plan(
            rule="",
            status=situation.status(phase=situation.phase, reason="RevisionNotFound", message=message),
        )
    return _line_up_again(situation)


def follow(situation: Situation) -> Plan | None:
    """The attempt has ended and the run has not: open the next one."""
    end = situation.attempt.end
    if end is None:
        return None
    verdict = judge(situation, end)
    ended = f"attempt {situation.attempt.number} ended by {end.reason}"
    ended += f" ({end.message})" if end.message else ""
    if verdict.wait:
        when = to_rfc3339(situation.now + verdict.wait)
        return _open(situation, verdict, "RetryBackoff", f"{ended}; the next one starts at {when}")
    return _open(situation, verdict, _reason(end), ended)


def reopen(situation: Situation) -> Plan | None:
    """A closed phase over an unclaimed attempt (a pause or an end that was taken back): it can never claim."""
    if situation.attempt.claimed or situation.phase not in _CLOSED:
        return None
    return _line_up_again(situation)


def replace_lost(situation: Situation) -> Plan | None:
    """A node out of reach: with retries.onNodeLost Restart go on without it; storage fences the lost attempt."""
    attempt = situation.attempt
    if not (attempt.runs and attempt.node_lost) or situation.options.retries.on_node_lost == "Wait":
        return None
    node = attempt.pod.node if attempt.pod else ""
    end = AttemptEnd("Crashed", "NodeLost", f"node {node} is out of reach")
    verdict = judge(situation, end)
    if verdict.final:
        status = situation.status(
            phase=phases.FAILED,
            reason=verdict.final,
            message=verdict.message,
            failures=verdict.failures,
            **situation.ending_facts(),
        )
        return Plan(rule="", status=status)
    return _open(situation, verdict, "NodeLost", end.message)


def _reason(end: AttemptEnd) -> str:
    return end.reason if end.kind in ("Interrupted", "Crashed") else "AttemptStarting"


def _line_up_again(situation: Situation) -> Plan:
    """The next attempt of a run that had no pod: at once, or when it is its turn."""
    fields = _fields(situation, Verdict(situation.run.status.failures))
    if not queueing.is_full(situation):
        return _opened(situation, fields, "AttemptStarting", "")
    opens = situation.status(
        phase=phases.QUEUED, reason="ConcurrencyLimit", message=queueing.why(situation), **fields
    )
    return Plan(rule="", opens=opens)


def _fields(situation: Situation, verdict: Verdict) -> dict[str, Any]:
    number = situation.attempt.number + 1
    fields: dict[str, Any] = situation.closing_facts() | {
        "attempt": number,
        "job_name": job_name(situation.seen, number),
        "failures": verdict.failures,
        "paused_time": None,
        "next_attempt_time": situation.now + verdict.wait if verdict.wait else None,
    }
    asked = situation.run.spec.resume
    if situation.run.has_new_resume:
        fields["resume"] = ResumeStatus(id=asked.id, attempt=number)
        if asked.revision in situation.seen.revisions:
            fields["revision"] = asked.revision
    return fields


def _open(situation: Situation, verdict: Verdict, reason: str, message: str) -> Plan:
    """The next attempt of a run that is at work: it keeps its turn."""
    fields = _fields(situation, verdict)
    if verdict.wait:
        opens = situation.status(phase=phases.STARTING, reason=reason, message=message, **fields)
        requeue = Requeue(verdict.wait.total_seconds(), "the next attempt is due")
        return Plan(rule="", opens=opens, requeue=requeue)
    return _opened(situation, fields, reason, message)


def _opened(situation: Situation, fields: dict[str, Any], reason: str, message: str) -> Plan:
    opens = situation.status(phase=phases.STARTING, reason=reason, message=message, **fields)
    revision = situation.seen.revisions.get(fields.get("revision") or situation.pinned)
    if revision is None:
        # Not pinned yet, or its revision is to be made again: acceptance sees to it in the next pass.
        return Plan(rule="", opens=opens, requeue=Requeue(0, "the attempt has no Job yet"))
    return Plan(rule="", opens=opens, writes=(CreateJob(fields["attempt"], revision),))
