"""One table from domain errors to HTTP, as RFC 9457 problem documents."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

from fastapi.exceptions import (
    RequestValidationError,
    ValidationException,
    WebSocketRequestValidationError,
)
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from graphrun_api import errors
from graphrun_api.kube import errors as kube
from graphrun_api.web.request_ids import current_request_id

MEDIA_TYPE: Final = "application/problem+json"
# `type` is a reference relative to the API's own address, where each kind has a page.
PAGES_PATH: Final = "/problems"
# The pages in Markdown, by slug.
PAGES: Final = files("graphrun_api.web") / "problem_pages"
# Of what the framework refuses by itself: no such path, or not with this method.
HTTP_SLUG: Final = "http"
# What RFC 3986 lets stand in a path as it is, beside letters, digits and -._~.
_OF_A_PATH: Final = "/:@!$&'()*+,;="
_RETRY_SECONDS: Final = "2"


@dataclass(frozen=True)
class Kind:
    """How one family of errors looks over HTTP."""

    status: int
    slug: str
    title: str


# The most specific class of an error decides; a test holds that every error of the room has a row.
TABLE: Final[dict[type[errors.ApiError], Kind]] = {
    errors.NotAuthenticated: Kind(401, "not-authenticated", "Not authenticated"),
    errors.IssuerUnavailable: Kind(503, "issuer-unavailable", "Issuer of tokens out of reach"),
    errors.RightMissing: Kind(403, "right-missing", "Right missing"),
    errors.OriginRefused: Kind(403, "origin-refused", "Origin refused"),
    errors.NotFound: Kind(404, "not-found", "Not found"),
    errors.ProjectNotFound: Kind(404, "project-not-found", "Project not found"),
    errors.WorkflowNotFound: Kind(404, "workflow-not-found", "Workflow not found"),
    errors.RunNotFound: Kind(404, "run-not-found", "Run not found"),
    errors.OutputNotFound: Kind(404, "output-not-found", "No output"),
    errors.LogNotFound: Kind(404, "log-not-found", "No log"),
    errors.GraphNotFound: Kind(404, "graph-not-found", "Graph not known yet"),
    errors.CheckpointNotFound: Kind(404, "checkpoint-not-found", "Checkpoint not found"),
    errors.CheckpointDamaged: Kind(500, "checkpoint-damaged", "Checkpoint damaged"),
    errors.EventsExpired: Kind(410, "events-expired", "Events no longer kept"),
    errors.AlreadyThere: Kind(409, "already-there", "Already there"),
    errors.MediaTypeWrong: Kind(415, "media-type", "Unsupported media type"),
    errors.BodyMalformed: Kind(400, "malformed-json", "Malformed JSON"),
    errors.RangeUnsatisfiable: Kind(416, "range-unsatisfiable", "Range behind the end"),
    errors.BodyInvalid: Kind(422, "invalid-request", "Invalid request"),
    errors.BodyTooLarge: Kind(413, "body-too-large", "Body too large"),
    errors.InputInvalid: Kind(422, "invalid-input", "Input breaks the workflow's schema"),
    errors.CursorInvalid: Kind(400, "invalid-cursor", "Invalid cursor"),
    errors.KeyReused: Kind(422, "idempotency-key-reused", "Idempotency key reused"),
    errors.VerbRefused: Kind(400, "state-forbids", "The run's state forbids this"),
    errors.AlreadyCompleted: Kind(409, "already-completed", "Already completed"),
    errors.NotFinished: Kind(409, "not-finished", "Not finished"),
    errors.SourceGone: Kind(409, "source-gone", "Source gone"),
    errors.PreconditionFailed: Kind(412, "changed-since", "Changed since"),
    errors.StaleView: Kind(503, "busy", "The run is changing"),
    errors.ClusterUnavailable: Kind(503, "cluster-unavailable", "Cluster out of reach"),
    errors.ClusterRefused: Kind(403, "cluster-refused", "Refused by the cluster"),
    errors.HistoryUnavailable: Kind(503, "history-unavailable", "History out of reach"),
    errors.StorageUnavailable: Kind(503, "storage-unavailable", "Object storage out of reach"),
    errors.BindingRefused: Kind(403, "binding-refused", "No runner of a run"),
    errors.Superseded: Kind(409, "superseded", "Superseded"),
    errors.ClaimRefused: Kind(409, "claim-refused", "Claim refused"),
    errors.ApiError: Kind(500, "internal", "Internal error"),
    # what the API server says, where no service gave it a meaning of its own
    kube.Missing: Kind(404, "not-found", "Not found"),
    kube.AlreadyExists: Kind(409, "already-there", "Already there"),
    kube.Conflict: Kind(503, "busy", "The object is changing"),
    kube.Invalid: Kind(422, "invalid-request", "Invalid request"),
    kube.Gone: Kind(503, "cluster-unavailable", "Cluster out of reach"),
}


def kind_of(error: errors.ApiError) -> Kind:
    """The row of the error's most specific class."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def document(
    kind: Kind, detail: str, instance: str, fields: tuple[errors.FieldError, ...] = ()
) -> dict[str, Any]:
    """The body of a problem; `errors` names each wrong field."""
    body: dict[str, Any] = {
        "type": f"{PAGES_PATH}/{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": quote(instance, safe=_OF_A_PATH),
    }
    if request_id := current_request_id():
        body["request_id"] = request_id
    if fields:
        body["errors"] = [{"field": item.field, "message": item.message} for item in fields]
    return body


def response_to(error: errors.ApiError, instance: str) -> Response:
    """The answer that tells a person of `error`."""
    kind = kind_of(error)
    headers = {"Retry-After": _RETRY_SECONDS} if kind.status == 503 else {}  # noqa: PLR2004 - HTTP's number
    if kind.status == 401:  # noqa: PLR2004 - HTTP's number
        headers["WWW-Authenticate"] = "Bearer"
    body = document(kind, str(error), instance, error.fields)
    return JSONResponse(body, kind.status, headers, media_type=MEDIA_TYPE)


async def on_api_error(connection: HTTPConnection, error: Exception) -> Response:
    """Exception handler for the room's own errors."""
    assert isinstance(error, errors.ApiError)  # noqa: S101 - registered for this class alone
    return response_to(error, connection.url.path)


async def on_http_error(connection: HTTPConnection, error: Exception) -> Response:
    """Exception handler for the framework's own 404, 405 and the like."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    kind = Kind(error.status_code, HTTP_SLUG, str(error.detail))
    body = document(kind, str(error.detail), connection.url.path)
    headers = dict(error.headers or {})
    if kind.status == 405:  # noqa: PLR2004 - HTTP's number
        headers["Allow"] = ", ".join(methods_of(connection))
    return JSONResponse(body, error.status_code, headers, media_type=MEDIA_TYPE)


def methods_of(connection: HTTPConnection) -> list[str]:
    """What may be done with the path of a request. The framework tells those of the first route that fits it alone."""
    routes = iter_route_contexts(connection.app.routes)
    fitting = (route for route in routes if route.methods and route.path_regex.match(connection.url.path))
    return sorted({method for route in fitting for method in route.methods or ()})


async def on_invalid_request(connection: HTTPConnection, error: Exception) -> Response:
    """Exception handler for parameters and bodies that do not fit: malformed JSON is 400, no JSON by its header 415, the rest 422."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    return response_to(explain(error), connection.url.path)


async def on_invalid_socket(connection: HTTPConnection, error: Exception) -> Response:
    """The same for the parameters of a WebSocket, which is then refused as any request is."""
    assert isinstance(error, WebSocketRequestValidationError)  # noqa: S101 - registered for this class alone
    return response_to(_told_by_field(error), connection.url.path)


async def on_unexpected(connection: HTTPConnection, _error: Exception) -> Response:
    """Exception handler of last resort; the server logs the traceback."""
    kind = TABLE[errors.ApiError]
    detail = "graphrun failed to answer; the log has the reason under this request_id."
    return JSONResponse(document(kind, detail, connection.url.path), kind.status, media_type=MEDIA_TYPE)


def explain(error: RequestValidationError) -> errors.ApiError:
    """Say in our words what the framework found."""
    if isinstance(error.body, bytes):  # left unread, for its Content-Type was another one
        return errors.MediaTypeWrong()
    for item in error.errors():
        if item["type"] == "json_invalid":
            return malformed(error.body if isinstance(error.body, str) else "", item)
    return _told_by_field(error)


def _told_by_field(error: ValidationException) -> errors.BodyInvalid:
    fields = [errors.FieldError(_path(item["loc"]), _words(str(item["msg"]))) for item in error.errors()]
    summary = "; ".join(f"{field.field}: {field.message}" for field in fields)
    return errors.BodyInvalid(summary, fields=fields)


def malformed(text: str, item: dict[str, Any]) -> errors.BodyMalformed:
    """Name line and column of the place where the JSON ends to be JSON."""
    position = int(item["loc"][-1]) if len(item["loc"]) > 1 else 0
    reason = str(item.get("ctx", {}).get("error", "it cannot be read"))
    return errors.BodyMalformed(describe_place(text, position, reason))


def describe_place(text: str, position: int, reason: str) -> str:
    """`line 3, column 7: …` for a position in `text`."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"the body is no JSON at line {line}, column {column}: {reason}"


def _words(message: str) -> str:
    """Ours are whole as they are; pydantic says before them which exception carried them."""
    return message.removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    """`body.options.retries.limit`, without the framework's leading word where it says nothing."""
    parts = [str(part) for part in location]
    return ".".join(
        parts[1:] if parts and parts[0] in {"body", "query", "path", "header"} and len(parts) > 1 else parts
    )


def to_text(body: dict[str, Any]) -> str:
    """A problem as compact JSON."""
    return json.dumps(body, separators=(",", ":"))
