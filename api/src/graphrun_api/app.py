"""The two applications: REST and streams for people, the protocol for runners. Building one does no I/O."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from graphrun_api.auth.routes import VERSION
from graphrun_api.auth.routes import router as client_routes
from graphrun_api.checkpoints.routes import router as checkpoint_routes
from graphrun_api.compose import Program
from graphrun_api.errors import ApiError
from graphrun_api.events.routes import router as event_routes
from graphrun_api.events.routes import tickets_router as ticket_routes
from graphrun_api.runner_port.routes import router as runner_routes
from graphrun_api.runs.inspection_routes import router as inspection_routes
from graphrun_api.runs.log_routes import router as log_routes
from graphrun_api.runs.routes import router as run_routes
from graphrun_api.runs.verb_routes import router as verb_routes
from graphrun_api.web.body_limit import BodyLimit
from graphrun_api.web.document import DescribedApi
from graphrun_api.web.metrics import TimedRequests
from graphrun_api.web.problem_routes import router as problem_routes
from graphrun_api.web.problems import (
    on_api_error,
    on_http_error,
    on_invalid_request,
    on_invalid_socket,
    on_unexpected,
)
from graphrun_api.web.request_ids import RequestIds
from graphrun_api.workflows.routes import router as workflow_routes

# Inputs of any size go to object storage, but pass through memory once.
_PUBLIC_BODY_BYTES: Final = 64 * 1024 * 1024
_RUNNER_BODY_BYTES: Final = 16 * 1024 * 1024
# Shorter answers fit into a packet as they are.
_GZIP_BYTES: Final = 1400
_CORS_SECONDS: Final = 600


def public_api() -> FastAPI:
    """The public application, without its state: enough for its OpenAPI document."""
    api = DescribedApi(VERSION)
    for router in (
        run_routes,
        verb_routes,
        inspection_routes,
        log_routes,
        event_routes,
        checkpoint_routes,
        workflow_routes,
        ticket_routes,
        client_routes,
        problem_routes,
    ):
        api.include_router(router)
    _answer_with_problems(api)
    return api


def public_app(program: Program) -> ASGIApp:
    """REST and streams for people."""
    api = public_api()
    _fill(api, program.public)

    async def ready(_: Request) -> Response:
        if program.is_ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "the API server has not been heard of lately"}, 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(program.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    api.add_route("/healthz", _alive, include_in_schema=False)
    api.add_route("/readyz", ready, include_in_schema=False)
    api.add_route("/metrics", metrics, include_in_schema=False)
    # Of streams every event would have to be flushed through it, for little: starlette leaves them alone.
    api.add_middleware(GZipMiddleware, minimum_size=_GZIP_BYTES, compresslevel=5)
    if program.origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=program.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[
                "Content-Range",
                "ETag",
                "Link",
                "Location",
                "Preference-Applied",
                "Retry-After",
                "X-Request-ID",
            ],
            max_age=_CORS_SECONDS,
        )
    return _wrapped(api, program, "public", _PUBLIC_BODY_BYTES)


def runner_app(program: Program) -> ASGIApp:
    """The runner protocol."""
    api = FastAPI(title="graphrun runner protocol", openapi_url=None, docs_url=None, redoc_url=None)
    api.include_router(runner_routes)
    _answer_with_problems(api)
    _fill(api, program.runner)
    api.add_route("/healthz", _alive, include_in_schema=False)
    return _wrapped(api, program, "runner", _RUNNER_BODY_BYTES)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _fill(api: FastAPI, state: dict[str, Any]) -> None:
    for name, part in state.items():
        setattr(api.state, name, part)


def _answer_with_problems(api: FastAPI) -> None:
    api.add_exception_handler(ApiError, on_api_error)
    api.add_exception_handler(RequestValidationError, on_invalid_request)
    api.add_exception_handler(WebSocketRequestValidationError, on_invalid_socket)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(Exception, on_unexpected)


def _wrapped(api: FastAPI, program: Program, port: str, limit: int) -> ASGIApp:
    return RequestIds(TimedRequests(BodyLimit(api, limit), program.metrics, port))
