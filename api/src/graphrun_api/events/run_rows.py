"""A run's row in Postgres, made of its resource. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

from graphrun_api.standing import status_of
from graphrun_core import names, phases
from graphrun_core.resources import OutcomeStatus, WorkflowRun


def ensure_arguments(run: WorkflowRun) -> tuple[Any, ...]:
    """For sql.RUN_ENSURE."""
    meta = run.metadata
    return (
        meta.uid,
        meta.namespace,
        meta.name,
        run.spec.workflow_ref.name,
        run.status.revision,
        status_of(run),
        meta.labels,
        requested_by(run),
        _created(run),
        int(meta.resource_version),
    )


def follow_arguments(run: WorkflowRun) -> tuple[Any, ...]:
    """For sql.RUN_FOLLOW."""
    meta, status, runner = run.metadata, run.status, run.status.runner
    outcome = runner.outcome or OutcomeStatus()
    waits = status.phase == phases.AWAITING_INPUT
    done = status.phase == phases.SUCCEEDED
    return (
        meta.uid,
        meta.namespace,
        meta.name,
        run.spec.workflow_ref.name,
        status.revision,
        status_of(run),
        status.phase,
        status.reason,
        status.message,
        meta.labels,
        run.attempt if run.is_claimed or status.attempt else 0,
        1.0 if done else (runner.progress or 0.0),
        json.dumps(runner.checkpoint.to_manifest()) if runner.checkpoint else None,
        json.dumps(outcome.output) if done and not outcome.output_ref else None,
        outcome.output_ref if done else "",
        json.dumps(outcome.interrupts) if waits else None,
        requested_by(run),
        _created(run),
        status.start_time,
        status.paused_time,
        status.completion_time,
        int(meta.resource_version),
        run.spec.input_ref,
        status.active_seconds,
    )


def requested_by(run: WorkflowRun) -> str:
    """On whose behalf the API last changed the run."""
    return run.metadata.annotations.get(names.ANNOTATION_REQUESTED_BY, "")


def _created(run: WorkflowRun) -> datetime:
    return run.metadata.creation_timestamp or datetime.now(UTC)
