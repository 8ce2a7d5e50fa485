"""A walk over every operation of the OpenAPI document and every socket, about one run that has everything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi.routing import APIWebSocketRoute, iter_route_contexts

from graphrun_api.app import public_api
from support.full_run import FullRun

Json = dict[str, Any]
_SPEC = {"graph": {"entrypoint": "a:graph"}}
# What an operation that takes a body is sent, by the end of its path.
_BODIES: dict[tuple[str, str], Json] = {
    ("post", "/workflows"): {"name": "fresh", "spec": _SPEC},
    ("put", "/{workflow_name}"): {"spec": _SPEC},
    ("post", "/workflows/runs"): {"workflow": "flow"},
    ("post", "/execute"): {},
    ("post", "/pause"): {},
    ("post", "/resume"): {},
    ("post", "/fork"): {},
    ("post", "/bulk"): {"action": "cancel", "run_ids": ["run"]},
}
_QUERIES: dict[str, Json] = {"/value": {"path": "/values/text"}}
# The parts of an answer that say when and where, not what.
_CIRCUMSTANCES = {"date", "x-request-id"}


@dataclass(frozen=True)
class Call:
    """A request as it is sent, but for the project."""

    method: str
    path: str
    body: Json | None = None
    query: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def calls(full: FullRun) -> Iterator[Call]:
    """Every operation in a project that the document has, about things that are really there."""
    for path, operations in public_api().openapi()["paths"].items():
        if "{project_id}" not in path:
            continue
        filled = _filled_path(path, full)
        for method, operation in operations.items():
            query = next((query for end, query in _QUERIES.items() if path.endswith(end)), {})
            yield Call(method, filled, _body_of(method, path, operation, full), query)
            if path.endswith("/events"):
                yield Call(method, filled, headers={"Accept": "text/event-stream"})


def sockets(full: FullRun) -> list[str]:
    """The path of every WebSocket."""
    contexts = iter_route_contexts(public_api().routes)
    found = [
        context.path
        for context in contexts
        if isinstance(context.original_route, APIWebSocketRoute) and context.path
    ]
    assert len(found) == 2
    return [_filled_path(path, full) for path in found]


def _filled_path(path: str, full: FullRun) -> str:
    """The path about what is really there; its project is left open."""
    named = {
        "run_id": full.run,
        "workflow_name": "flow",
        "checkpoint_id": full.checkpoints[0],
        "other_id": full.checkpoints[-1],
    }
    return path.format(project_id="{project}", **named)


def _body_of(method: str, path: str, operation: Json, full: FullRun) -> Json | None:
    if "requestBody" not in operation:
        return None
    [body] = [body for (verb, end), body in _BODIES.items() if verb == method and path.endswith(end)]
    return {**body, "run_ids": [full.run]} if "run_ids" in body else body


async def answer_to(http: httpx.AsyncClient, call: Call, project: str) -> httpx.Response:
    """Send the call about a project."""
    return await http.request(
        call.method,
        call.path.replace("{project}", project),
        params=call.query,
        headers=call.headers,
        json=call.body,
    )


def told(answer: httpx.Response, project: str) -> tuple[int, Json, Json]:
    """What an answer tells, but for its circumstances."""
    headers = {key: value for key, value in answer.headers.items() if key not in _CIRCUMSTANCES}
    body = answer.json()
    body.pop("request_id")
    body["instance"] = body["instance"].replace(project, "{project}")
    return answer.status_code, headers, body
