"""Create, read, list and delete runs."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.guard import Access
from graphrun_api.errors import (
    AlreadyThere,
    HistoryUnavailable,
    InputInvalid,
    KeyReused,
    NotFinished,
    PreconditionFailed,
    RunNotFound,
    SourceGone,
    VerbRefused,
)
from graphrun_api.events.places import Place
from graphrun_api.events.project_reads import ProjectReads
from graphrun_api.events.reads import HistoryReads
from graphrun_api.events.run_page import RunQuery
from graphrun_api.events.store import EventStore
from graphrun_api.finding import Finder
from graphrun_api.kube.errors import AlreadyExists
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runs import cursors, manifests, outputs, rules, views
from graphrun_api.runs.manifests import Beginning, Origin
from graphrun_api.runs.run_schemas import RunDetail, RunList
from graphrun_api.runs.schemas import Created, CreateRun, ForkRun
from graphrun_api.standing import status_of
from graphrun_api.storage.objects import Objects
from graphrun_api.workflows.schema_check import input_errors
from graphrun_api.workflows.service import Workflows
from graphrun_core import names
from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)

_NAME_ATTEMPTS: Final = 3
# A run's manifest by its name.
Build = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class RunRooms:
    """What runs are made of."""

    live: LiveRuns
    workflows: Workflows
    finder: Finder
    reads: HistoryReads
    project_reads: ProjectReads
    store: EventStore
    objects: Objects


class Runs:
    """Everything about runs but the verbs and the live view."""

    def __init__(self, rooms: RunRooms) -> None:
        self._rooms = rooms

    # --- create
    async def create(self, access: Access, request: CreateRun, *, key: str, execute: bool) -> Created:
        """Make a run; the same key and request again answer with the same run.

        Raises:
            WorkflowNotFound, InputInvalid, Invalid, KeyReused, StorageUnavailable: and nothing was made.
        """
        state = manifests.wanted_after(execute=execute)
        origin = Origin.of(access.who.username, key, request.model_dump(mode="json"), state)

        async def manifest() -> Build:
            # Not for a request that comes again: its run is there, whatever has become of the workflow since.
            await self.check_input(access.namespace, request.workflow, request.input_data)
            beginning = Beginning(state, await self.stored_input(request.input_data))
            return lambda name: manifests.run_manifest(request, name, origin, beginning)

        return await self._make(access, request.workflow, origin, manifest)

    async def fork(
        self, access: Access, source: str, request: ForkRun, *, key: str, execute: bool
    ) -> Created:
        """Make a run that begins from a checkpoint of another; the same key and request again answer with the same run.

        Raises:
            SourceGone: the source has no resource any more.
            RunNotFound, WorkflowNotFound, InputInvalid, Invalid, KeyReused, StorageUnavailable: and nothing was made.
        """
        manifests.refuse_large("update.values", request.update.values if request.update else None)
        state = manifests.wanted_after(execute=execute)
        origin = Origin.of(access.who.username, key, "fork", source, request.model_dump(mode="json"), state)
        try:
            run = await self._rooms.live.get(access.namespace, source)
        except RunNotFound:
            return await self._forked_before(access, source, origin)
        workflow = run.spec.workflow_ref.name

        async def manifest() -> Build:
            given = request.input_data
            if given is not None:
                await self.check_input(access.namespace, workflow, given)
            elif not request.revision:
                await self._rooms.workflows.parsed(access.namespace, workflow)
            beginning = Beginning(state, await self.stored_input(given) if given is not None else "")
            return lambda name: manifests.fork_manifest(run, request, name, origin, beginning)

        return await self._make(access, workflow, origin, manifest)

    async def _forked_before(self, access: Access, source: str, origin: Origin) -> Created:
        """The run that this request made while its source was there; raises SourceGone."""
        row = await self._rooms.finder.row_of(access.namespace, source)
        keyed = manifests.keyed_name(row["workflow"], origin)
        made = await self._made_before(access.namespace, keyed, origin) if origin.key else None
        if made is None:
            raise SourceGone
        return _created(made, access.project)

    async def check_input(self, namespace: str, workflow: str, input_data: dict[str, Any]) -> None:
        """Refuse an input that the workflow would refuse; raises WorkflowNotFound or InputInvalid."""
        spec = (await self._rooms.workflows.parsed(namespace, workflow)).spec
        wrong = input_errors(spec.input_schema, input_data)
        if wrong:
            raise InputInvalid("; ".join(f"{item.field}: {item.message}" for item in wrong[:3]), fields=wrong)

    async def stored_input(self, input_data: dict[str, Any]) -> str:
        """The key under which a large input was stored; empty for one that fits into the resource."""
        return "" if manifests.is_inline(input_data) else await self._rooms.objects.keep_input(input_data)

    async def _make(
        self, access: Access, workflow: str, origin: Origin, manifest: Callable[[], Awaitable[Build]]
    ) -> Created:
        keyed = manifests.keyed_name(workflow, origin) if origin.key else ""
        made = await self._made_before(access.namespace, keyed, origin) if keyed else None
        if made is None:
            build = await manifest()
            made = await self._create(
                access.namespace, lambda: keyed or manifests.run_name(workflow), build, origin
            )
            await self._note(made)
        return _created(made, access.project)

    async def _made_before(self, namespace: str, name: str, origin: Origin) -> WorkflowRun | None:
        try:
            return _same(await self._rooms.live.get(namespace, name), origin)
        except RunNotFound:
            return None

    async def _create(
        self, namespace: str, next_name: Callable[[], str], build: Build, origin: Origin
    ) -> WorkflowRun:
        for _ in range(_NAME_ATTEMPTS):
            name = next_name()
            try:
                return await self._rooms.live.create(namespace, build(name))
            except AlreadyExists:
                if origin.key:
                    return _same(await self._rooms.live.fetch(namespace, name), origin)
        raise AlreadyThere("no free name was found for the run; try again")

    async def _note(self, run: WorkflowRun) -> None:
        """So that who creates and then lists finds it; the follower would write it a moment later."""
        try:
            await self._rooms.store.ensure_run(run)
        except HistoryUnavailable:
            log.info("run is created, history follows", extra={"run": run.metadata.name})

    # --- read
    async def detail(self, access: Access, name: str) -> RunDetail:
        """Everything known; of a run whose resource is gone, what the history keeps."""
        try:
            run = await self._rooms.live.get(access.namespace, name)
        except RunNotFound:
            row = await self._rooms.finder.row_of(access.namespace, name)
            shown, url = await self._shown(access, name, outputs.output_of_row(row))
            return views.detail_of_row(row, access.project, shown, url)
        shown, url = await self._shown(access, name, outputs.output_of(run))
        return views.detail_of(run, access.project, shown, url)

    async def output(self, access: Access, name: str) -> outputs.OpenedOutput:
        """Where the output is read from; raises NotFinished, OutputNotFound, StorageUnavailable."""
        try:
            found = outputs.output_of(await self._rooms.live.get(access.namespace, name))
        except RunNotFound:
            found = outputs.output_of_row(await self._rooms.finder.row_of(access.namespace, name))
        return await outputs.open_output(found, self._rooms.objects)

    async def _shown(
        self, access: Access, name: str, output: outputs.Output | None
    ) -> tuple[Any, str | None]:
        """The output as it stands within the run, and where the whole of it is if it is too large for that."""
        text = await outputs.shown_output(output, self._rooms.objects)
        if text is not None:
            return json.loads(text) if text else None, None
        return None, f"/api/projects/{access.project}/workflows/runs/{name}/output"

    # --- list and delete
    async def page(self, query: RunQuery, cursor: str | None) -> RunList:
        """One page of the project's runs, newest first; raises CursorInvalid, HistoryUnavailable."""
        place = cursors.decode(query.namespace, cursor) if cursor else None
        asked = RunQuery(**{**query.__dict__, "older_than": place, "limit": query.limit + 1})
        rows, horizon = await self._look(asked)
        following = None
        if len(rows) > query.limit:
            last = rows[query.limit - 1]
            following = cursors.encode(query.namespace, last["created_at"], last["created_order"])
        stream = (await self._rooms.project_reads.seal()).seal(query.namespace, Place(horizon))
        items = [views.summary_of_row(row) for row in rows[: query.limit]]
        return RunList(items=items, next_cursor=following, stream_cursor=stream)

    async def _look(self, query: RunQuery) -> tuple[list[Any], int]:
        """Rows, and the place from which the project's stream tells all that is stored from then on."""
        rows = await self._rooms.reads.page_of_runs(query)
        if rows:
            return rows, rows[0]["horizon"]
        # Looked at once more: what was stored between the first look and the place would be in neither.
        horizon = await self._rooms.project_reads.horizon()
        return await self._rooms.reads.page_of_runs(query), horizon

    async def delete(self, access: Access, name: str, version: str = "") -> None:
        """Remove a run that has ended; its history stays. Raises NotFinished, RunNotFound, PreconditionFailed."""
        run = await self._rooms.live.fetch(access.namespace, name)
        if version and version != run.metadata.resource_version:
            raise PreconditionFailed
        try:
            rules.judge(rules.DELETE, status_of(run))
        except VerbRefused as error:
            raise NotFinished(str(error)) from error
        await self._rooms.live.delete(run)

    async def drop(self, access: Access, name: str) -> None:
        """Remove a run whatever it does: its Job and pod go with it."""
        await self._rooms.live.delete(await self._rooms.live.fetch(access.namespace, name))


def _same(run: WorkflowRun, origin: Origin) -> WorkflowRun:
    if run.metadata.annotations.get(names.ANNOTATION_IDEMPOTENCY_KEY) != origin.content:
        raise KeyReused
    return run


def _created(run: WorkflowRun, project: str) -> Created:
    started = run.spec.state != "Pending"
    return Created(
        run_id=run.metadata.name,
        status=status_of(run),
        project=project,
        workflow=run.spec.workflow_ref.name,
        created_at=run.metadata.creation_timestamp,
        message="The run was created and starts."
        if started
        else "The run was created; execute it to start it.",
    )
