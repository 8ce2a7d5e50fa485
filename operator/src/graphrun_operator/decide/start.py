"""Starting: what holds a run before its attempt is claimed, and what a person is told meanwhile."""

from datetime import timedelta
from typing import Final

from graphrun_core import phases
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
    """No Job for the current attempt: check the run, freeze its revision, make the Job. The status waits (QUIET)."""
    if situation.attempt.job or situation.attempt.claimed:
        return None
    chosen = choose_revision(situation.seen, situation.pinned)
    refusal = chosen if isinstance(chosen, Refusal) else _objection(situation, chosen)
    if refusal:
        return refuse(situation, refusal)
    assert isinstance(chosen, Revision)  # noqa: S101 - for the type checker: a Refusal has been returned above
    writes: list[Write] = []
    if chosen.name not in situation.seen.revisions:
        writes.append(CreateRevision(chosen))
    writes.append(CreateJob(situation.attempt.number, chosen))
    return Plan(rule="", writes=tuple(writes), requeue=_look_later(QUIET))


def _objection(situation: Situation, revision: Revision) -> Refusal | None:
    # A run that has started is not judged anew: its input cannot have changed.
    return None if situation.run.status.start_time else objection(situation.run, revision)


def wait_for_claim(situation: Situation) -> Plan | None:
    """The Job is there, its pod has not claimed yet: Starting, with what is in the way."""
    job = situation.attempt.job
    if situation.attempt.claimed or job is None:
        return None
    age = situation.now - job.created
    if age < QUIET and situation.phase in ("", phases.PENDING, phases.STARTING):
        return Plan(rule="", requeue=_look_later(QUIET - age))
    reason, message = _in_the_way(situation)
    status = situation.status(phase=phases.STARTING, reason=reason, message=message, **situation.facts())
    # Why no pod is there, only the Job's events tell, and nobody watches those.
    missing = situation.attempt.pod is None
    return Plan(rule="", status=status, requeue=_look_later(QUIET * 5) if missing else None)


def _in_the_way(situation: Situation) -> tuple[str, str]:
    attempt, pod = situation.attempt, situation.attempt.pod
    if attempt.job and attempt.job.suspended:
        return "AttemptStarting", "the Job is suspended, by a queue of Kueue or by hand"
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
