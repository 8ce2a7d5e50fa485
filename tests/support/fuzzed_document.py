"""The OpenAPI document for a fuzzer: ids are those of things that are there, for others would only ever be 404."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
_METHODS: Final = ("get", "put", "post", "delete")
_CHANGING: Final = {"put", "delete"}
# Others are there too, or come to be on the way: these are wrong by their form alone.
_OPEN: Final = {"workflow_name", "path"}
_SPEC: Final[Json] = {"graph": {"entrypoint": "research.graph:graph"}}


@dataclass(frozen=True)
class Things:
    """What is there, by what may happen to it."""

    project: str
    workflow: str
    runs: list[str]
    checkpoints: list[str]
    # It has ended: nothing waits for it.
    ended: str
    spare_workflow: str
    spare_run: str


def narrowed(document: Json, things: Things) -> Json:
    """The document with `things` for ids. What is deleted and replaced are things that no other call needs."""
    found = copy.deepcopy(document)
    for path, method, operation in _operations(found):
        for parameter in operation.get("parameters", []):
            known = {"type": "string", "enum": _known(path, method, parameter["name"], things)}
            if parameter["name"] in _OPEN:
                parameter["schema"] = {"anyOf": [known, parameter["schema"]]}
            elif known["enum"]:
                parameter["schema"] = known
    schemas = found["components"]["schemas"]
    schemas["CreateRun"]["properties"]["workflow"] = {"type": "string", "enum": [things.workflow]}
    for name in ("CreateWorkflow", "ReplaceWorkflow"):
        # What else it may be is the resource's schema to say.
        schemas[name]["properties"]["spec"] = {"type": "object", "enum": [_SPEC]}
    schemas["TicketRequest"]["properties"]["project"] = {"type": "string", "enum": [things.project]}
    return found


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield path, method, operations[method]


def _known(path: str, method: str, name: str, things: Things) -> list[str]:
    """The ids that a parameter may have here; none where the document says it all."""
    is_changed = method in _CHANGING
    # Who waits for a run that goes on waits for as long as is asked for.
    is_patient = path.endswith(("/pause", "/logs"))
    return {
        "project_id": [things.project],
        "workflow_name": [things.spare_workflow if is_changed else things.workflow],
        "run_id": [things.spare_run] if is_changed else [things.ended] if is_patient else things.runs,
        "checkpoint_id": [*things.checkpoints, "latest"],
        "other_id": [*things.checkpoints, "latest"],
        "slug": ["run-not-found", "internal"],
        # of a value, a JSON Pointer
        "path": ["/values/text", "/values", "/metadata/step"],
    }.get(name, [])
