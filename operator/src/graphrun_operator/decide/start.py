"""Starting: what holds a run before its attempt is claimed, and what a person is told meanwhile.

A first attempt has no status of its own before its claim, unless something must be written down first: that it is
the run's turn, or whose checkpoint it begins from.
"""

from datetime import timedelta
from typing import Any, Final

from graphrun_core import phases
from graphrun_operator.decide import queueing
from graphrun_operator.decide.acceptance import Refusal, choose_revision, objection, refuse
from graphrun_operator.decide.attempt import job_name
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import CreateJob, CreateRevision, Plan, Requeue, Write
from graphrun_operator.views import Revision

# A pod that claims within this time needs no status of its own before Running (the budget of writes).
QUIET: Final = timedelta(seconds=2)
_IMAGE_TROUBLE: Final = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}


def hold(situation: Situation) -> Plan | None:
    """spec.state Pending: nothing is done until it is set to Running."""
    if situation.run.spec.state != phases.STATE_PENDING:
        return None
    message = "set spec.state to Running to start"
    return Plan(
        rule="", status=situation.status(phase=phases.PENDING, reason="WaitingToStart", message=message)
    )


def back_off(situation: Situation) -> Plan | None:
    """After a counted failure the next attempt's Job waits for status.nextAttemptTime."""
    due = situation.run.status.next_attempt_time
    if situation.attempt.job or due is None or situation.now >= due:
        return None
    return Plan(rule="", requeue=Requeue((due - situation.now).total_seconds(), "the next attempt is due"))


def create_job(situation: Situation) -> Plan | None:
    """No Job for the current attempt: check the run, freeze its revision, make the Job once it is the run's turn."""
    if situation.attempt.job or situation.attempt.claimed:
        return None
    chosen = choose_revision(situation.seen, situation.pinned)
    refusal = chosen if isinstance(chosen, Refusal) else _objection(situation, chosen)
    if refusal:
        return refuse(situation, refusal)
    assert isinstance(chosen, Revision)  # noqa: S101 - for the type checker: a Refusal has been returned above
    if situation.phase == phases.STARTING:
        return _with_job(situation, chosen)
    if queueing.is_full(situation):
        return queueing.line_up(situation, chosen)
    return _taking_turn(situation, chosen) or _with_job(situation, chosen)


def _objection(situation: Situation, revision: Revision) -> Refusal | None:
    # A run that has started is not judged anew: its input cannot have changed.
    if situation.run.status.start_time:
        return None
    run = situation.run
    if run.spec.start_from.run and not (run.status.start_from_uid or situation.seen.source_uid):
        missing = f"spec.startFrom.run: there is no run {run.spec.start_from.run} in this namespace"
        return Refusal("StartFromNotFound", f"{missing}; name one that exists, in a new run")
    return objection(run, revision, situation.seen.input_verdict)


def _with_job(situation: Situation, revision: Revision) -> Plan:
    writes: list[Write] = []
    if revision.name not in situation.seen.revisions:
        writes.append(CreateRevision(revision))
    writes.append(CreateJob(situation.attempt.number, revision))
    return Plan(rule="", writes=tuple(writes), requeue=_look_later(QUIET))


def _taking_turn(situation: Situation, revision: Revision) -> Plan | None:
    """Write down, before there is a Job, that it is the run's turn and whose checkpoint it begins from."""
    run = situation.run
    source = "" if run.status.start_from_uid else situation.seen.source_uid
    if not source and situation.seen.line is None and situation.phase != phases.QUEUED:
        return None
    if revision.name not in situation.seen.revisions:
        # The status will name it, so it must be there first.
        return Plan(rule="", writes=(CreateRevision(revision),), requeue=Requeue(0, "the revision is frozen"))
    number = situation.attempt.number
    fields: dict[str, Any] = {
        "attempt": number,
        "job_name": job_name(situation.seen, number),
        "revision": revision.name,
    }
    if source:
        fields["start_from_uid"] = source
    if situation.phase == phases.QUEUED:
        fields["next_attempt_time"] = situation.now  # startSeconds count from here
    opens = situation.status(phase=phases.STARTING, reason="AttemptStarting", **fields)
    return Plan(rule="", opens=opens, writes=(CreateJob(number, revision),), requeue=_look_later(QUIET))


def wait_for_claim(situation: Situation) -> Plan | None:
    """The Job is there, its pod has not claimed yet: Starting, with what is in the way."""
    job = situation.attempt.job
    if situation.attempt.claimed or job is None:
        return None
    age = situation.now - job.created
    if age < QUIET and situation.phase in ("", phases.PENDING, phases.STARTING):
        return Plan(rule="", requeue=_look_later(QUIET - age))
    reason, message = _in_the_way(situation)
    phase = phases.QUEUED if reason == "JobSuspended" else phases.STARTING
    status = situation.status(phase=phase, reason=reason, message=message, **situation.facts())
    # Why no pod is there, only the Job's events tell, and nobody watches those.
    missing = situation.attempt.pod is None and not job.suspended
    return Plan(rule="", status=status, requeue=_look_later(QUIET * 5) if missing else None)


def _in_the_way(situation: Situation) -> tuple[str, str]:
    attempt, pod = situation.attempt, situation.attempt.pod
    if attempt.job and attempt.job.suspended:
        queue = situation.options.queue_name
        held = f"by queue {queue}" if queue else "by a queue or by hand"
        return "JobSuspended", f"Job {attempt.job.name} is suspended {held}; it starts when it is unsuspended"
    if pod is None:
        refused = situation.seen.pod_refusal
        return ("PodNotCreated", refused) if refused else ("AttemptStarting", "")
    if pod.trouble is None:
        return "AttemptStarting", ""
    if pod.trouble.word in _IMAGE_TROUBLE:
        return "ImagePullFailed", f"{pod.trouble.word}: {pod.trouble.message}"
    if pod.trouble.word in ("Unschedulable", "SchedulingGated"):
        return "Unschedulable", pod.trouble.message
    return "AttemptStarting", f"{pod.trouble.word}: {pod.trouble.message}"


def job_refused(situation: Situation, message: str) -> dict[str, object] | None:
    """The status of a run whose Job the API server will not take: what it says, until it does or the time is over."""
    name = job_name(situation.seen, situation.attempt.number)
    return situation.status(
        phase=phases.STARTING,
        reason="PodNotCreated",
        message=f"Job {name} was refused: {message}",
        **situation.facts(),
    )


def _look_later(after: timedelta) -> Requeue:
    return Requeue(max(after.total_seconds(), 0.05), "is the attempt claimed by then?")
