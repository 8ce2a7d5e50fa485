"""Acceptance: may the run be executed, and by which revision? What a person must mend is told with field and mend."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from graphrun_core import phases, protocol
from graphrun_core.resources import WorkflowRun, WorkflowSpec
from graphrun_core.revisions import revision_name
from graphrun_operator.decide.situation import Situation
from graphrun_operator.input_schema import Verdict, judge
from graphrun_operator.model import Observation, Plan, Requeue
from graphrun_operator.views import Revision, WorkflowView

Json = dict[str, Any]

# GitOps may create a run a moment before what it names.
WORKFLOW_GRACE: Final = timedelta(seconds=15)
_MAY_STILL_COME: Final = {"WorkflowNotFound", "StartFromNotFound"}
_RESERVED_ENV: Final = "GRAPHRUN_"


@dataclass(frozen=True)
class Refusal:
    """Why the run cannot be executed: a key of core's reasons, and what to mend."""

    reason: str
    message: str


def choose_revision(seen: Observation, pinned: str) -> Revision | Refusal:
    """The revision to execute: the one the run is pinned to, the one it names, or the Workflow's present one."""
    present = _present(seen.workflow)
    named = pinned or seen.run.spec.workflow_ref.revision
    if not named:
        missing = (
            f"spec.workflowRef.name: there is no Workflow {seen.run.spec.workflow_ref.name} in this namespace"
        )
        return present or Refusal("WorkflowNotFound", f"{missing}; create it, then a new run")
    found = seen.revisions.get(named) or (present if present and present.name == named else None)
    if found is None or found.workflow != seen.run.spec.workflow_ref.name:
        workflow = seen.run.spec.workflow_ref.name
        return Refusal(
            "RevisionNotFound",
            f"spec.workflowRef.revision: {named} is no revision of Workflow {workflow}; name another, or none for the present one",
        )
    return found


def _present(workflow: WorkflowView | None) -> Revision | None:
    if workflow is None:
        return None
    return Revision(revision_name(workflow.name, workflow.spec), workflow.name, workflow.spec)


@dataclass(frozen=True)
class SchemaQuestion:
    """Whether `given` fits the `schema`; what is decided needs to know."""

    schema: Json
    given: object


def schema_question(seen: Observation) -> SchemaQuestion | None:
    """What has to be judged before it is decided on `seen`: that may take long, and is not for a decision to wait for."""
    situation = Situation(seen)
    run = situation.run
    if run.is_finished or run.status.start_time or run.spec.input_ref or situation.attempt.job:
        return None
    chosen = choose_revision(seen, situation.pinned)
    schema = None if isinstance(chosen, Refusal) else chosen.spec.get("inputSchema")
    if not isinstance(schema, dict) or not schema or _size(_given(run)) > protocol.INPUT_INLINE_BYTES:
        return None
    return SchemaQuestion(schema, _given(run))


def _given(run: WorkflowRun) -> object:
    return run.spec.input if run.spec.input is not None else {}


def _size(given: object) -> int:
    return len(json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode())


def objection(run: WorkflowRun, revision: Revision, verdict: Verdict | None = None) -> Refusal | None:
    """What stands against executing `run` by `revision`; None: nothing. `verdict` answers its schema_question."""
    try:
        spec = WorkflowSpec.model_validate(revision.spec)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return Refusal("WorkflowInvalid", f"Workflow {revision.workflow}, spec.{field}: {first['msg']}")
    return _workflow_objection(revision.workflow, spec) or _input_objection(
        run, revision.workflow, spec, verdict
    )


def _workflow_objection(workflow: str, spec: WorkflowSpec) -> Refusal | None:
    if ":" not in spec.graph.entrypoint:
        return Refusal(
            "WorkflowInvalid", f"Workflow {workflow}, spec.graph.entrypoint: write module:attribute"
        )
    reserved = [item["name"] for item in spec.env if item.get("name", "").startswith(_RESERVED_ENV)]
    if reserved:
        message = (
            f"Workflow {workflow}, spec.env: {reserved[0]} is reserved; choose a name without {_RESERVED_ENV}"
        )
        return Refusal("WorkflowInvalid", message)
    return None


def _input_objection(
    run: WorkflowRun, workflow: str, spec: WorkflowSpec, verdict: Verdict | None
) -> Refusal | None:
    if run.spec.input_ref:
        return None  # the API has checked it before it stored it
    size = _size(_given(run))
    if size > protocol.INPUT_INLINE_BYTES:
        message = f"spec.input: {size} bytes, at most {protocol.INPUT_INLINE_BYTES}; create the run over REST, which stores its input"
        return Refusal("InputTooLarge", message)
    if not spec.input_schema:
        return None
    told = verdict or judge(spec.input_schema, _given(run))
    if told.reason == "WorkflowInvalid":
        return Refusal(told.reason, f"Workflow {workflow}, {told.message}")
    if told.reason:
        mend = f"correct it in a new run (inputSchema of Workflow {workflow})"
        return Refusal(told.reason, f"{told.message}; {mend}")
    return None


def refuse(situation: Situation, refusal: Refusal) -> Plan:
    """Fail the run with what to mend; what it names and is not there yet is waited for a moment."""
    created = situation.run.metadata.creation_timestamp or situation.now
    left = (created + WORKFLOW_GRACE - situation.now).total_seconds()
    if refusal.reason in _MAY_STILL_COME and left > 0:
        status = situation.status(phase=phases.PENDING, reason=refusal.reason, message=refusal.message)
        return Plan(rule="", status=status, requeue=Requeue(left, "what is missing may still come"))
    status = situation.status(
        phase=phases.FAILED, reason=refusal.reason, message=refusal.message, completion_time=situation.now
    )
    return Plan(rule="", status=status)
