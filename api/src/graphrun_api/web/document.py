"""The OpenAPI document: what FastAPI tells of the routes, and what holds of all operations or of all of a sort.

Errors that an operation alone may raise stand at its route (`problems_of`); those that follow from its having a body,
parameters, a project or a caller are added here, and so need no naming fifty times.
"""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from graphrun_api import errors
from graphrun_api.errors import ApiError
from graphrun_api.web.headers import HEADERS
from graphrun_api.web.problem_answers import add_problem, problem_examples, problem_schemas
from graphrun_api.web.problems import TABLE

Json = dict[str, Any]

_SUMMARY: Final = "LangGraph workflows on Kubernetes: create, execute, pause, resume, cancel and follow runs."
_DESCRIPTION: Final = """\
A project is a namespace of the cluster; a run is a `WorkflowRun` there, whoever made it, and stays in the history when
its resource is gone. REST grants exactly what `kubectl auth can-i` says.

- **Errors** are `application/problem+json` (RFC 9457). A problem's `type` links to a page about it; a refused request
  has changed nothing (where the cluster did not answer, 503 `cluster-unavailable` says that it still may). 503 says in `Retry-After` when to try again.
- **Lists** answer `{items, next_cursor}`; a page that is not the last has a `Link` to the next.
- **Once**: with an `Idempotency-Key` a request that is sent again is carried out once.
- **Versions**: what has an `ETag` can be asked for with `If-None-Match`, and changed with `If-Match`.
- **Requests** have an id: `X-Request-ID` is taken over or made up, given back, and stands in problems and in the log.
- **Streams**: besides server-sent events there are WebSockets, which OpenAPI cannot describe: one run at
  `/api/projects/{project_id}/workflows/runs/{run_id}/stream`, many runs or a whole project at
  `/api/projects/{project_id}/workflows/runs/stream`.
"""
_TAGS: Final = [
    {"name": "runs", "description": "Runs of workflows: what is done to them, and what they do."},
    {"name": "events", "description": "What happens in a run: read again, or followed live."},
    {"name": "checkpoints", "description": "The states that a run has stored."},
    {"name": "workflows", "description": "What runs are made of: a graph, its image, its defaults."},
    {"name": "clients", "description": "How to sign in, who one is, what one may see."},
    {"name": "problems", "description": "Pages that explain errors."},
]
_PROJECT: Final = "project_id"
_FRAMEWORKS_OWN: Final = ("HTTPValidationError", "ValidationError")
_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "a token of the cluster (`kubectl create token …`) or of the issuer that `/api/config` names",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "for streams opened by browsers: a single-use ticket of `POST /api/stream-tickets`",
    },
}
# The guard reads it from the path by itself, for every route alike.
_PROJECT_PARAMETER: Final = {
    "name": _PROJECT,
    "in": "path",
    "required": True,
    "description": "the project: the value of the label `graphrun.dev/project` on its namespace",
    "schema": {"type": "string", "maxLength": 63},
}


class DescribedApi(FastAPI):
    """An application with a whole document. An operation's id is the name of its route's function."""

    def __init__(self, version: str) -> None:
        super().__init__(
            title="graphrun",
            version=version,
            summary=_SUMMARY,
            description=_DESCRIPTION,
            openapi_tags=_TAGS,
            servers=[{"url": "/", "description": "the host that serves this document"}],
            generate_unique_id_function=lambda route: route.name,
        )

    def openapi(self) -> Json:
        """The document; made once."""
        if not self.openapi_schema:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(document: Json) -> Json:
    components = document["components"]
    components["schemas"] = {
        name: schema for name, schema in components["schemas"].items() if name not in _FRAMEWORKS_OWN
    } | problem_schemas()
    for schema in components["schemas"].values():
        if "examples" in schema:
            schema["examples"] = [_whole(each, schema, components["schemas"]) for each in schema["examples"]]
    components |= {
        "examples": problem_examples(),
        "headers": HEADERS,
        "securitySchemes": _SECURITY,
    }
    document["security"] = [{"bearer": []}]
    for path, item in document["paths"].items():
        for operation in item.values():
            _add_shared_problems(path, operation)
            if f"{{{_PROJECT}}}" in path:
                operation["parameters"] = [_PROJECT_PARAMETER, *operation.get("parameters", [])]
    return document


def _whole(value: Any, schema: Json, schemas: Json) -> Any:  # noqa: ANN401 - any JSON
    """An example with the nulls of its required fields, which FastAPI leaves out of documents."""
    schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    if isinstance(value, dict) and "properties" in schema:
        fields = {
            name: _whole(value.get(name), about, schemas) for name, about in schema["properties"].items()
        }
        return {
            name: each for name, each in fields.items() if name in value or name in schema.get("required", ())
        }
    if isinstance(value, list) and "items" in schema:
        return [_whole(each, schema["items"], schemas) for each in value]
    return value


def _add_shared_problems(path: str, operation: Json) -> None:
    responses = operation["responses"]
    if _is_frameworks_own(responses.get("422", {})):
        del responses["422"]
    for error in _shared(path, operation):
        add_problem(responses, TABLE[error], as_text=True)
    operation["responses"] = dict(sorted(responses.items()))


def _is_frameworks_own(response: Json) -> bool:
    return "application/json" in response.get("content", {})


def _shared(path: str, operation: Json) -> Iterator[type[ApiError]]:
    """What an operation may raise by being of its sort."""
    yield ApiError
    has_body = "requestBody" in operation
    if has_body:
        yield from (errors.BodyMalformed, errors.MediaTypeWrong, errors.BodyTooLarge)
    if has_body or operation.get("parameters"):
        yield errors.BodyInvalid
    if operation.get("security") != []:
        yield from (errors.NotAuthenticated, errors.IssuerUnavailable, errors.ClusterUnavailable)
    if f"{{{_PROJECT}}}" in path:
        yield from (errors.RightMissing, errors.ProjectNotFound)
