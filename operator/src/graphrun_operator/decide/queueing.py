"""maxConcurrentRuns: whose turn it is among the runs of a Workflow. By priority, then by age; the rest is Queued.

A run has its turn from the status write that shows it Starting until it has ended, paused, or asks for input: what
has no pod takes nobody's place, and lines up again when it goes on.
"""

from datetime import UTC, datetime
from typing import Final

from graphrun_core import phases
from graphrun_core.resources import WorkflowRun
from graphrun_operator.decide.outcome import is_answered
from graphrun_operator.decide.pause import is_held
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import Contender, CreateRevision, Line, Plan, Write
from graphrun_operator.views import Revision

_AT_WORK: Final = {phases.STARTING, phases.RUNNING, phases.PAUSING, phases.CANCELLING}
_NEW: Final = {"", phases.PENDING, phases.QUEUED}
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


def next_in_line(line: Line) -> list[WorkflowRun]:
    """The waiting runs whose turn it is."""
    room = line.limit - sum(_is_at_work(each) for each in line.contenders)
    waiting = sorted((each for each in line.contenders if _waits(each)), key=_place)
    return [each.run for each in waiting[: max(room, 0)]]


def is_full(situation: Situation) -> bool:
    """Whether the run must wait for its turn."""
    line = situation.seen.line
    if line is None:
        return False
    uid = situation.run.metadata.uid
    return all(run.metadata.uid != uid for run in next_in_line(line))


def why(situation: Situation) -> str:
    """What a waiting run's status says. Without its place in the line: that changes too often to be written down."""
    line = situation.seen.line
    limit = line.limit if line else 0
    workflow = situation.run.spec.workflow_ref.name
    return f"waits for its turn: maxConcurrentRuns of Workflow {workflow} is {limit}"


def line_up(situation: Situation, revision: Revision) -> Plan:
    """Wait in the line, accepted, with the revision that the run will be executed by."""
    missing = revision.name not in situation.seen.revisions
    writes: tuple[Write, ...] = (CreateRevision(revision),) if missing else ()
    fields = {"revision": revision.name}
    if situation.seen.source_uid:
        fields["start_from_uid"] = situation.seen.source_uid
    status = situation.status(
        phase=phases.QUEUED, reason="ConcurrencyLimit", message=why(situation), **fields
    )
    return Plan(rule="", writes=writes, status=status)


def _is_at_work(each: Contender) -> bool:
    phase = each.run.status.phase
    # A Job tells where the status does not yet; that of a paused run is only waiting for its removal.
    return each.taking or phase in _AT_WORK or (each.has_job and phase in _NEW)


def _waits(each: Contender) -> bool:
    return not _is_at_work(each) and _wants_to_run(each.run)


def _place(each: Contender) -> tuple[int, datetime, str]:
    meta = each.run.metadata
    return (-each.priority, meta.creation_timestamp or _FIRST, meta.name)


def _wants_to_run(run: WorkflowRun) -> bool:
    if run.spec.state != phases.STATE_RUNNING or run.is_deleting:
        return False
    phase = run.status.phase
    if phase == phases.PAUSED:
        return not is_held(run) or is_answered(run)
    return phase in _NEW or (phase == phases.AWAITING_INPUT and is_answered(run))
