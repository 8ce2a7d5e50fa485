"""One verb for many runs: each is judged and answered by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api import standing
from graphrun_api.auth.guard import Access, Guard
from graphrun_api.errors import ApiError
from graphrun_api.finding import RunName
from graphrun_api.runs import examples
from graphrun_api.runs.schemas import PauseRun, ResumeRun
from graphrun_api.runs.service import Runs
from graphrun_api.runs.verbs import Target, Verbs
from graphrun_api.web.problems import document, kind_of
from graphrun_core import names

Json = dict[str, Any]
# Verbs wait for what follows; so many of a request do so side by side.
_AT_ONCE: Final = 16
_RIGHTS: Final = {"pause": "patch", "resume": "patch", "cancel": "patch", "delete": "delete"}


class BulkRequest(BaseModel):
    """Which verb, for which runs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"action": "cancel", "run_ids": [examples.RUN, "research-b9c4d"]}]},
    )

    action: Literal["pause", "resume", "cancel", "delete"] = Field(description="what to do to each")
    run_ids: list[RunName] = Field(
        min_length=1, max_length=200, description="the runs; one that comes twice is done once"
    )
    wait: float = Field(
        default=10.0,
        strict=True,
        ge=0,
        le=60,
        description="seconds that pauses are waited for, all of them together",
    )


class BulkItem(BaseModel):
    """What the single call would have answered."""

    run_id: str = Field(description="the run, as the request names it")
    status_code: int = Field(description="its HTTP status")
    body: Json | None = Field(description="the verb's answer, or a Problem; null where that has no body")


class BulkResult(BaseModel):
    """One result for each run, in the order of the request."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.BULK]})

    results: list[BulkItem] = Field(description="in the order of the request")


class Bulk:
    """Carries a verb out for many."""

    def __init__(self, guard: Guard, runs: Runs, verbs: Verbs) -> None:
        self._guard, self._runs, self._verbs = guard, runs, verbs
        self._actions: dict[str, Callable[[Target, BulkRequest], Awaitable[tuple[int, BaseModel | None]]]] = {
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
            "delete": self._delete,
        }

    async def carry_out(self, access: Access, request: BulkRequest, key: str) -> BulkResult:
        """One result for each run that is named, in that order; a name that comes twice is done once."""
        turns = asyncio.Semaphore(_AT_ONCE)
        patience = monotonic() + request.wait

        async def one(name: str) -> BulkItem:
            async with turns:
                left = request.model_copy(update={"wait": max(patience - monotonic(), 0.0)})
                return await self._one(access, left, name, key)

        named = list(dict.fromkeys(request.run_ids))
        found = dict(zip(named, await asyncio.gather(*(one(name) for name in named)), strict=True))
        return BulkResult(results=[found[name] for name in request.run_ids])

    async def _one(self, access: Access, request: BulkRequest, name: str, key: str) -> BulkItem:
        try:
            verb = _RIGHTS[request.action]
            own = await self._guard.admit_as(access.who, access.project, verb, names.WORKFLOW_RUNS, name)
            status, done = await self._actions[request.action](Target(own, name, key), request)
        except ApiError as error:
            kind = kind_of(error)
            instance = f"/api/projects/{access.project}/workflows/runs/{name}"
            body = document(kind, str(error), instance, error.fields)
            return BulkItem(run_id=name, status_code=kind.status, body=body)
        shown = done.model_dump(mode="json") if done is not None else None
        return BulkItem(run_id=name, status_code=status, body=shown)

    async def _pause(self, target: Target, request: BulkRequest) -> tuple[int, BaseModel]:
        done = await self._verbs.pause(target, PauseRun(), request.wait)
        return (202 if done.status == standing.PAUSING else 200), done

    async def _resume(self, target: Target, _: BulkRequest) -> tuple[int, BaseModel]:
        return 202, await self._verbs.resume(target, ResumeRun())

    async def _cancel(self, target: Target, _: BulkRequest) -> tuple[int, BaseModel]:
        done = await self._verbs.cancel(target)
        return (200 if done.status == standing.CANCELLED else 202), done

    async def _delete(self, target: Target, _: BulkRequest) -> tuple[int, None]:
        await self._runs.delete(target.access, target.name)
        return 204, None
