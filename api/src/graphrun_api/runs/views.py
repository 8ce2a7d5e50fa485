"""Answers about runs, made of resources and of rows of the history. Pure."""

import json
from collections.abc import Collection
from typing import Any, Final

from graphrun_api import standing
from graphrun_api.events.run_rows import requested_by
from graphrun_api.progress import NodeState
from graphrun_api.runs import rules
from graphrun_api.runs.run_schemas import Node, RunDetail, RunStatus, RunSummary
from graphrun_api.runs.waiting import waiting_for
from graphrun_api.standing import status_of
from graphrun_core import phases
from graphrun_core.resources import WorkflowRun

Json = dict[str, Any]
Row = Any  # asyncpg.Record: a mapping by column

_NOT_OPTIONS: Final = frozenset({"workflowRef", "state", "input", "inputRef", "resume", "startFrom"})


def detail_of(run: WorkflowRun, project: str, output: Any, output_url: str | None) -> RunDetail:  # noqa: ANN401 - any JSON
    """Everything known of a run whose resource is there."""
    status, checkpoint = run.status, run.status.runner.checkpoint
    spec = run.spec.to_manifest()
    return RunDetail(
        run_id=run.metadata.name,
        uid=run.metadata.uid,
        version=run.metadata.resource_version,
        project=project,
        workflow=run.spec.workflow_ref.name,
        revision=status.revision,
        status=status_of(run),
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        attempt=_attempt(run),
        progress=shown_progress(run),
        labels=run.metadata.labels,
        requested_by=requested_by(run),
        created_at=run.metadata.creation_timestamp,
        started_at=status.start_time,
        paused_at=status.paused_time,
        completed_at=status.completion_time,
        checkpoint=checkpoint.to_manifest() if checkpoint else None,
        input_data=run.spec.input,
        options={key: value for key, value in spec.items() if key not in _NOT_OPTIONS},
        output=output,
        output_url=output_url,
        interrupts=interrupts_of(run),
        allowed=rules.allowed(run),
        archived=False,
    )


def detail_of_row(row: Row, project: str, output: Any, output_url: str | None) -> RunDetail:  # noqa: ANN401 - any JSON
    """What the history keeps of a run whose resource is gone."""
    return RunDetail(
        **_shared_fields(row),
        # another view than the last one of the resource: what a client keeps of that is not what this says
        version=f"{row['resource_version']}-archived",
        project=project,
        paused_at=row["paused_at"],
        checkpoint=_parsed(row["checkpoint"]),
        input_data=None,
        options={},
        output=output,
        output_url=output_url,
        interrupts=[],
        allowed=[],
        archived=True,
    )


def status_view(
    run: WorkflowRun, nodes: list[NodeState], current: list[str], line: Collection[WorkflowRun] = ()
) -> RunStatus:
    """The live view, without what only the history knows. `line`: the runs of its workflow that wait for their turn."""
    status, checkpoint = run.status, run.status.runner.checkpoint
    shown = status_of(run)
    runs_now = shown in {standing.RUNNING, standing.PAUSING, standing.CANCELLING}
    return RunStatus(
        run_id=run.metadata.name,
        status=shown,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        progress=shown_progress(run),
        current_node=current[0] if current and runs_now else None,
        attempt=_attempt(run),
        started_at=status.start_time,
        paused_at=status.paused_time,
        completed_at=status.completion_time,
        estimated_completion=None,
        checkpoint_id=checkpoint.id if checkpoint else None,
        node_states=[node_view(node) for node in nodes],
        waiting=waiting_for(run, line),
        interrupts=interrupts_of(run),
        last_seq=None,
        degraded=[],
    )


def status_of_row(row: Row, nodes: list[NodeState]) -> RunStatus:
    """The last view of a run whose resource is gone."""
    checkpoint = _parsed(row["checkpoint"]) or {}
    return RunStatus(
        run_id=row["name"],
        status=row["status"],
        phase=row["phase"],
        reason=row["reason"],
        message=row["message"],
        progress=row["progress"],
        current_node=None,
        attempt=row["attempt"],
        started_at=row["started_at"],
        paused_at=row["paused_at"],
        completed_at=row["completed_at"],
        estimated_completion=None,
        checkpoint_id=checkpoint.get("id"),
        node_states=[node_view(node) for node in nodes],
        waiting=None,
        interrupts=[],
        last_seq=row["last_seq"],
        degraded=[],
    )


# What a list and a single run tell alike, by the columns of the same names.
_SHARED = (
    "uid",
    "workflow",
    "revision",
    "status",
    "phase",
    "reason",
    "message",
    "attempt",
    "progress",
    "labels",
    "requested_by",
    "created_at",
    "started_at",
    "completed_at",
)


def _shared_fields(row: Row) -> dict[str, Any]:
    return {"run_id": row["name"], **{name: row[name] for name in _SHARED}}


def summary_of_row(row: Row) -> RunSummary:
    """A run in a list. What Postgres has is of its types already: fifty of them are not checked once more."""
    return RunSummary.model_construct(
        **_shared_fields(row), last_seq=row["last_seq"], archived=row["gone_at"] is not None
    )


def node_view(node: NodeState) -> Node:
    """A node as it is answered."""
    return Node.model_validate(node, from_attributes=True)


def interrupts_of(run: WorkflowRun) -> list[Json]:
    """The questions that an awaiting run asks."""
    outcome = run.status.runner.outcome
    return outcome.interrupts if outcome is not None and status_of(run) == standing.INTERRUPTED else []


def shown_progress(run: WorkflowRun) -> float:
    """The progress that the resource tells."""
    return 1.0 if run.status.phase == phases.SUCCEEDED else run.status.runner.progress or 0.0


def _attempt(run: WorkflowRun) -> int:
    return max(run.status.attempt, run.status.runner.attempt)


def _parsed(text: str | None) -> Json | None:
    return json.loads(text) if text else None
