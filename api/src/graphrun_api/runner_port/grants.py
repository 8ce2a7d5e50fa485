"""The answer to a granted claim: all that the runner needs. Pure."""

from typing import Any

from graphrun_api.runner_port.bindings import Binding
from graphrun_core import names, phases
from graphrun_core.claims import fence_of
from graphrun_core.options import effective_options
from graphrun_core.protocol import (
    PROTOCOL_VERSION,
    ClaimGrant,
    Command,
    ResumeRequest,
    StartFromRequest,
    StateUpdate,
    StorageAccess,
)
from graphrun_core.resources import WorkflowRun, WorkflowSpec


def grant_of(
    run: WorkflowRun, binding: Binding, workflow: WorkflowSpec, storage: StorageAccess
) -> ClaimGrant:
    """What this attempt of the run is to do, and with what."""
    options = effective_options(workflow.defaults, run.spec.options())
    active = options.timeouts.active_seconds
    return ClaimGrant(
        protocol=PROTOCOL_VERSION,
        namespace=binding.namespace,
        run=binding.run,
        runUID=run.metadata.uid,
        workflow=run.spec.workflow_ref.name,
        revision=binding.revision,
        attempt=binding.attempt,
        graph={"entrypoint": workflow.graph.entrypoint, "files": workflow.graph.files},
        input=None if run.spec.input_ref else run.spec.input or {},
        inputRef=run.spec.input_ref,
        context=run.spec.context,
        config=run.spec.config.model_dump(mode="json", by_alias=True),
        durability=options.durability or "async",
        # The run's UID, never its name: a namesake made later must not read old state.
        thread=run.metadata.uid,
        fence=fence_of(binding.attempt),
        owner=run.metadata.uid,
        resume=resume_of(run, binding.attempt),
        startFrom=start_from_of(run),
        acceptedRevision=run.metadata.annotations.get(names.ANNOTATION_ACCEPT_REVISION, ""),
        pause=options.pause.model_dump(mode="json", by_alias=True),
        activeSecondsLeft=None if active is None else max(active - run.status.active_seconds, 0.0),
        storage=storage,
    )


def resume_of(run: WorkflowRun, attempt: int) -> ResumeRequest | None:
    """The resume that this attempt was opened for.

    One that was asked for since belongs to the next attempt: the operator opens it and writes the id down first.
    """
    wanted, opened = run.spec.resume, run.status.resume
    if not wanted.id or wanted.id != opened.id:
        return None
    return ResumeRequest(
        id=wanted.id,
        checkpointID=wanted.checkpoint_id,
        hasValue=wanted.value is not None,
        value=wanted.value,
        update=update_of(wanted.update),
        earlierFences=[fence_of(earlier) for earlier in range(opened.attempt, attempt)],
    )


def start_from_of(run: WorkflowRun) -> StartFromRequest | None:
    """Whose checkpoint the run begins from. By the UID that was true at its acceptance: names can be used again."""
    wanted = run.spec.start_from
    if not wanted.run:
        return None
    return StartFromRequest(
        thread=run.status.start_from_uid,
        run=wanted.run,
        checkpointID=wanted.checkpoint_id,
        update=update_of(wanted.update),
    )


def update_of(wanted: dict[str, Any]) -> StateUpdate | None:
    """The edit of the state that a resume or a fork asks for."""
    values, as_node = wanted.get("values") or {}, wanted.get("asNode") or ""
    return StateUpdate(values=values, asNode=as_node) if values or as_node else None


def command_of(run: WorkflowRun, workflow: WorkflowSpec) -> Command:
    """What the run should do now; a deleted one reads as cancelled."""
    pause = effective_options(workflow.defaults, run.spec.options()).pause
    return Command(
        state=phases.STATE_CANCELLED if run.is_deleting else run.spec.state,
        deadlineSeconds=pause.deadline_seconds,
        onDeadline=pause.on_deadline or "Wait",
    )


CANCELLED = Command(state=phases.STATE_CANCELLED, deadlineSeconds=None, onDeadline="Wait")
