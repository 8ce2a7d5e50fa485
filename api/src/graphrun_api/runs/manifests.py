"""WorkflowRuns and patches of them, as the API server takes them. Pure."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.errors import BodyInvalid, FieldError
from graphrun_api.runs.options import Options, PauseOptions
from graphrun_api.runs.schemas import CreateRun, ForkRun, ResumeRun, StateUpdate
from graphrun_core import names, phases
from graphrun_core.protocol import INPUT_INLINE_BYTES
from graphrun_core.resources import RunConfig, RunOptions, WorkflowRun

Json = dict[str, Any]

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes: no vowels, nothing that looks alike
_SUFFIX: Final = 5
_KEYED_SUFFIX: Final = 10
_OPTION_FIELDS: Final = frozenset(RunOptions.model_fields)
# What a fork does not take over from its source.
_NOT_INHERITED: Final = frozenset({"workflowRef", "state", "input", "inputRef", "resume", "startFrom"})


@dataclass(frozen=True)
class Origin:
    """On whose behalf a run is made, under which Idempotency-Key (empty: none), and by what request."""

    username: str
    key: str = ""
    content: str = ""

    @classmethod
    def of(cls, username: str, key: str, *content: object) -> "Origin":
        """`content` tells a repeated request from another one under the same key."""
        text = json.dumps(content, sort_keys=True, default=str)
        return cls(username, key, hashlib.sha256(text.encode()).hexdigest()[:32])

    def annotations(self) -> dict[str, str]:
        """What the run says of it."""
        kept = {names.ANNOTATION_REQUESTED_BY: self.username}
        return kept | ({names.ANNOTATION_IDEMPOTENCY_KEY: self.content} if self.key else {})


@dataclass(frozen=True)
class Beginning:
    """In which state a run is made, and where its input lies if that is large (else empty)."""

    state: str
    input_ref: str


def is_inline(input_data: Json) -> bool:
    """Whether an input is small enough to stand in the resource."""
    # Escaped to ASCII it is never shorter than what the API server counts.
    return len(json.dumps(input_data, separators=(",", ":"))) <= INPUT_INLINE_BYTES


def refuse_large(field: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Raise BodyInvalid for a value that cannot stand in the resource."""
    if not is_inline({"value": value}):
        message = "over 64 KiB; give the graph a reference to the large value instead"
        raise BodyInvalid(f"{field}: {message}", fields=[FieldError(field, message)])


def run_manifest(request: CreateRun, name: str, origin: Origin, beginning: Beginning) -> Json:
    """The run that a request asks for."""
    options = request.options
    reference = {"name": request.workflow, **({"revision": options.revision} if options.revision else {})}
    spec: Json = {"workflowRef": reference, "state": beginning.state, **option_fields(options)}
    spec |= {"inputRef": beginning.input_ref} if beginning.input_ref else {"input": request.input_data}
    return _manifest(name, options.labels or {}, origin, spec)


def fork_manifest(
    source: WorkflowRun, request: ForkRun, name: str, origin: Origin, beginning: Beginning
) -> Json:
    """A run that begins from another one's checkpoint, with that one's options where the request has no others."""
    old, options = source.spec.to_manifest(), request.options
    kept = {key: value for key, value in old.items() if key not in _NOT_INHERITED}
    reference = {
        "name": source.spec.workflow_ref.name,
        **({"revision": request.revision} if request.revision else {}),
    }
    start: Json = {"run": source.metadata.name}
    if request.checkpoint_id:
        start["checkpointID"] = request.checkpoint_id
    if request.update is not None:
        start["update"] = update_fields(request.update)
    spec: Json = {
        **kept,
        **option_fields(options),
        "workflowRef": reference,
        "state": beginning.state,
        "startFrom": start,
    }
    if beginning.input_ref:
        spec["inputRef"] = beginning.input_ref
    elif request.input_data is not None:
        spec["input"] = request.input_data
    labels = source.metadata.labels if options.labels is None else options.labels
    return _manifest(name, labels, origin, spec)


def update_fields(update: StateUpdate) -> Json:
    """An edit of the state as a field of spec."""
    return {"values": update.values, **({"asNode": update.as_node} if update.as_node else {})}


def _manifest(name: str, labels: dict[str, str], origin: Origin, spec: Json) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.WORKFLOW_RUN_KIND,
        "metadata": {"name": name, "labels": labels, "annotations": origin.annotations()},
        "spec": spec,
    }


def option_fields(options: Options) -> Json:
    """The options as fields of spec."""
    given = options.model_dump(exclude_unset=True, mode="json")
    overrides = {key: value for key, value in given.items() if key in _OPTION_FIELDS and value is not None}
    if options.tolerations is not None:
        tolerations = [item.model_dump(by_alias=True, exclude_none=True) for item in options.tolerations]
        overrides["tolerations"] = tolerations
    fields = RunOptions.model_validate(overrides).to_manifest()
    if options.config is not None:
        fields["config"] = RunConfig.model_validate(
            options.config.model_dump(exclude_none=True)
        ).to_manifest()
    if options.context is not None:
        fields["context"] = options.context
    return fields


def run_name(workflow: str) -> str:
    """A new name that tells the workflow, within the limit of run names."""
    return _joined(workflow, "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX)))


def keyed_name(workflow: str, origin: Origin) -> str:
    """The name that the same person's same Idempotency-Key always leads to."""
    digest = hashlib.sha256(f"{origin.username}\0{origin.key}".encode()).hexdigest()
    return _joined(workflow, digest[:_KEYED_SUFFIX])


def _joined(workflow: str, suffix: str) -> str:
    head = workflow[: names.MAX_NAME_LENGTH - len(suffix) - 1].rstrip("-.")
    return f"{head}-{suffix}"


# --- patches: JSON Patch operations on a view of a run
def set_state(run: WorkflowRun, state: str, username: str) -> list[Json]:
    """Want another state, on behalf of someone."""
    key = names.ANNOTATION_REQUESTED_BY.replace("/", "~1")
    return [
        {"op": "add", "path": "/spec/state", "value": state},
        *with_annotations(run),
        {"op": "add", "path": f"/metadata/annotations/{key}", "value": username},
    ]


def with_annotations(run: WorkflowRun) -> list[Json]:
    """So that the run has annotations, be it none."""
    return [] if run.metadata.annotations else [{"op": "add", "path": "/metadata/annotations", "value": {}}]


def set_input(run: WorkflowRun, input_data: Json, input_ref: str) -> list[Json]:
    """Replace the input, whichever form the old and the new one have."""
    path, value = ("/spec/inputRef", input_ref) if input_ref else ("/spec/input", input_data)
    removals: list[Json] = []
    if run.spec.input is not None:
        removals.append({"op": "remove", "path": "/spec/input"})
    if run.spec.input_ref:
        removals.append({"op": "remove", "path": "/spec/inputRef"})
    return [*removals, {"op": "add", "path": path, "value": value}]


def set_pause(run: WorkflowRun, request: PauseOptions) -> list[Json]:
    """Override how this pause is made; what is not given stays."""
    given = {"deadlineSeconds": request.deadline_seconds, "onDeadline": request.on_deadline}
    changed = {key: value for key, value in given.items() if value is not None}
    if not changed:
        return []
    kept = run.spec.pause.to_manifest()
    return [{"op": "add", "path": "/spec/pause", "value": {**kept, **changed}}]


def set_resume(request: ResumeRun, resume_id: str) -> list[Json]:
    """A new resume, replacing the last one whole."""
    value: Json = {"id": resume_id}
    if request.checkpoint_id:
        value["checkpointID"] = request.checkpoint_id
    if request.value is not None:
        value["value"] = request.value
    if request.update is not None:
        value["update"] = update_fields(request.update)
    if request.revision:
        value["revision"] = request.revision
    return [{"op": "add", "path": "/spec/resume", "value": value}]


def wanted_after(*, execute: bool) -> str:
    """The state of a new run."""
    return phases.STATE_RUNNING if execute else phases.STATE_PENDING


def joined(*parts: Sequence[Json]) -> list[Json]:
    """Several patches as one."""
    return [operation for part in parts for operation in part]
