"""How an attempt's pod and Job are stopped. Never by an annotation first: that would delay the pod's SIGTERM."""

from typing import Final

from graphrun_operator.decide.attempt import AttemptState
from graphrun_operator.model import DeleteJob, DeletePod, SuspendJob, Write

# For a runner that has been told to cancel, in seconds: it needs 300 ms to end its processes.
CANCEL_GRACE: Final = 2


def stop_claimed(attempt: AttemptState, grace: int | None) -> tuple[Write, ...]:
    """Stop the pod; the suspended Job makes no other, and keeps the record of how it ended."""
    writes: list[Write] = []
    if attempt.pod and not attempt.pod.ended and not attempt.pod.deleting:
        writes.append(DeletePod(attempt.pod.name, attempt.pod.uid, grace))
    if attempt.job and not attempt.job.suspended and not attempt.job.finished_at and not attempt.job.deleting:
        writes.append(SuspendJob(attempt.job.name))
    return tuple(writes)


def drop_unclaimed(attempt: AttemptState) -> tuple[Write, ...]:
    """Remove what has run nothing and, its claim being shut out, now never will."""
    writes: list[Write] = []
    if attempt.pod and not attempt.pod.ended and not attempt.pod.deleting:
        writes.append(DeletePod(attempt.pod.name, attempt.pod.uid, CANCEL_GRACE))
    if attempt.job and not attempt.job.deleting:
        writes.append(DeleteJob(attempt.job.name, attempt.job.uid))
    return tuple(writes)
