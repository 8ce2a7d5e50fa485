"""Routes of the runner protocol. Bodies are read by hand: they are many, and their senders are ours."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from graphrun_api.auth.tokens import bearer_of
from graphrun_api.errors import BodyInvalid, BodyMalformed, ClaimRefused
from graphrun_api.events.batches import read_batch
from graphrun_api.events.store import EventStore, Source
from graphrun_api.runner_port.bindings import Binding, Bindings
from graphrun_api.runner_port.holders import Holders
from graphrun_api.runner_port.log_intake import LogIntake
from graphrun_api.runner_port.refresher import Refresher
from graphrun_api.runner_port.service import RunnerService
from graphrun_api.web.metrics import Metrics
from graphrun_core import protocol
from graphrun_core.protocol import ClaimRefused as ClaimRefusedBody

router = APIRouter(tags=["runner"])


async def _binding(request: Request) -> Binding:
    bindings: Bindings = request.app.state.bindings
    return await bindings.of(bearer_of(request.headers.get("authorization", "")))


def _service(request: Request) -> RunnerService:
    service: RunnerService = request.app.state.runner_service
    return service


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise BodyMalformed(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise BodyInvalid("send a JSON object")
    return body


Bound = Annotated[Binding, Depends(_binding)]
Service = Annotated[RunnerService, Depends(_service)]
Body = Annotated[dict[str, Any], Depends(_body)]


@router.post(protocol.CLAIM_PATH)
async def claim(binding: Bound, body: Body, service: Service) -> Response:
    """Take the attempt that the pod was made for."""
    asked = body.get("protocol", protocol.PROTOCOL_VERSION)
    if asked != protocol.PROTOCOL_VERSION:
        raise BodyInvalid(
            f"protocol {asked} is not spoken here, only {protocol.PROTOCOL_VERSION}; upgrade graphrun"
        )
    try:
        return JSONResponse(await service.claim(binding))
    except ClaimRefused as error:
        return JSONResponse(ClaimRefusedBody(state=error.state, message=str(error)), 409)


@router.post(protocol.EVENTS_PATH, status_code=204)
async def events(request: Request, binding: Bound, body: Body) -> Response:
    """Store a batch; what came before is ignored."""
    batch = read_batch(body, datetime.now(UTC))
    holders: Holders = request.app.state.holders
    store: EventStore = request.app.state.event_store
    run = await holders.run_of(binding)
    stored = await store.add_batch(Source(run, binding.attempt, binding.revision), batch)
    metrics: Metrics = request.app.state.metrics
    metrics.events.inc(stored)
    refresher: Refresher = request.app.state.refresher
    refresher.touch(binding)
    return Response(status_code=204)


@router.get(protocol.COMMAND_PATH)
async def command(
    binding: Bound,
    service: Service,
    known: Annotated[str, Query(max_length=20)] = "",
    wait: Annotated[float, Query(ge=0)] = protocol.MAX_COMMAND_WAIT_SECONDS,
) -> Response:
    """Answer as soon as what is wanted differs from what is known."""
    found = await service.command(binding, known, min(wait, protocol.MAX_COMMAND_WAIT_SECONDS))
    return Response(status_code=204) if found is None else JSONResponse(found)


@router.post(protocol.REPORT_PATH, status_code=204)
async def report(binding: Bound, body: Body, service: Service) -> Response:
    """Write down how the attempt ended."""
    await service.report(binding, body)
    return Response(status_code=204)


@router.post(protocol.LOGS_PATH, status_code=204)
async def logs(request: Request, binding: Bound, body: Body) -> Response:
    """Keep a chunk of the attempt's log."""
    intake: LogIntake = request.app.state.log_intake
    await intake.take(binding, body)
    return Response(status_code=204)
