"""Kopf's side: watches WorkflowRuns, Workflows, Jobs and pods, and only takes note. Every event wakes a run's key.

No create, update or delete handlers, daemons, timers, indices, finalizers or annotations: `on.event` alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, Protocol

import aiohttp
import kopf

from graphrun_core import names
from graphrun_operator.cache import Cache, ObjectKey, Store, key_of, run_of
from graphrun_operator.decide.queueing import next_in_line
from graphrun_operator.echoes import Echoes
from graphrun_operator.lines import Lines
from graphrun_operator.model import RunKey

# A watch from which nothing has come for this long, not even a bookmark, is opened anew; in seconds.
INACTIVITY_SECONDS: Final = 15
_CONNECT_SECONDS: Final = 5
_EXIT_SECONDS: Final = 0.1
_WATCHED: Final = {names.WORKFLOW_RUNS, names.WORKFLOWS, "jobs", "pods"}


class Keys(Protocol):
    """Where a run's key goes when something about it has changed."""

    def add(self, key: RunKey) -> None:
        """Ask for a pass."""

    def add_later(self, key: RunKey) -> None:
        """Ask for a pass once nothing else waits."""


def build_settings() -> kopf.OperatorSettings:
    """Kopf's settings: it watches, and does nothing else."""
    settings = kopf.OperatorSettings()
    settings.watching.inactivity_timeout = INACTIVITY_SECONDS
    settings.watching.connect_timeout = _CONNECT_SECONDS
    settings.watching.label_selectors["batch", "v1", "jobs"] = names.RUNNER_SELECTOR
    settings.watching.label_selectors["", "v1", "pods"] = names.RUNNER_SELECTOR
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    # The handlers only take note: there is nothing of theirs to wait for at the end.
    settings.queueing.exit_timeout = _EXIT_SECONDS
    return settings


class Listings:
    """Which kinds Kopf has listed; calls `again` whenever it lists one anew.

    A watch begins anew with a listing after 410 Gone, or when the API server was away: of what was deleted meanwhile,
    Kopf tells nothing.
    """

    def __init__(self, again: Callable[[], None]) -> None:
        self._again, self._done = again, set[str]()

    def note(self, plural: str) -> None:
        """One has been answered."""
        if plural in self._done:
            self._again()
        self._done.add(plural)

    @property
    def complete(self) -> bool:
        """Whether all kinds have been listed, and are watched."""
        return self._done >= _WATCHED


def build_registry(
    cache: Cache, lines: Lines, keys: Keys, echoes: Echoes, listings: Listings
) -> kopf.OperatorRegistry:
    """The four handlers, in a registry of their own."""
    registry = kopf.OperatorRegistry()
    notes = _Notes(cache, lines, keys, echoes)
    watched = {
        (names.GROUP, names.VERSION, names.WORKFLOW_RUNS): notes.run,
        (names.GROUP, names.VERSION, names.WORKFLOWS): notes.workflow,
        ("batch", "v1", "jobs"): notes.job,
        ("", "v1", "pods"): notes.pod,
    }
    for resource, handler in watched.items():
        kopf.on.event(*resource, registry=registry)(handler)
    kopf.on.login(registry=registry)(_login_with(_trace(listings)))
    return registry


def _login_with(trace: aiohttp.TraceConfig) -> Callable[..., Awaitable[kopf.AiohttpSession | None]]:
    async def login(settings: kopf.OperatorSettings, **_: object) -> kopf.AiohttpSession | None:
        """By KUBECONFIG where it is set, else by the pod's ServiceAccount: as cluster.connect does."""
        found = kopf.login_with_kubeconfig(settings=settings) or kopf.login_with_service_account(
            settings=settings
        )
        if found is None:
            return None
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,
            trace_configs=[trace],
        )
        return kopf.AiohttpSession(
            server=found.server, default_namespace=found.default_namespace, aiohttp_session=session
        )

    return login


def _trace(listings: Listings) -> aiohttp.TraceConfig:
    """Take note of every listing, by the requests that Kopf makes."""

    async def note(
        _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        plural = request.url.path.rpartition("/")[2]
        # Neither a watch nor a further page of the same listing.
        if plural in _WATCHED and not request.url.query.keys() & {"watch", "continue"}:
            listings.note(plural)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    return trace


class _Notes:
    """Takes note of events, in the cache. An event is {type, object}; Kopf's own, richer arguments are not used."""

    def __init__(self, cache: Cache, lines: Lines, keys: Keys, echoes: Echoes) -> None:
        self._cache, self._lines, self._keys, self._echoes = cache, lines, keys, echoes

    async def run(self, event: Mapping[str, Any], **_: object) -> None:
        key = key_of(event["object"])
        if self._take(names.WORKFLOW_RUNS, self._cache.runs, event):
            self._keys.add(RunKey(*key))
        # Even where it is no news: the operator's own writes are in the cache before the watch tells of them.
        workflow = ((event["object"].get("spec") or {}).get("workflowRef") or {}).get("name", "")
        self._call_up(ObjectKey(key.namespace, workflow))

    async def workflow(self, event: Mapping[str, Any], **_: object) -> None:
        if not self._take(names.WORKFLOWS, self._cache.workflows, event):
            return
        for key in self._cache.runs_of(key_of(event["object"])):
            run = self._cache.runs.get(ObjectKey(*key))
            # A run that is pinned to a revision does not care any more.
            if run and not run.status.revision and not run.is_finished:
                self._keys.add(key)
        self._call_up(key_of(event["object"]))

    def _call_up(self, workflow: ObjectKey) -> None:
        """Where runs stand in line, something that happened to one may have made room for another."""
        line = self._lines.line_of(workflow)
        for run in next_in_line(line) if line else ():
            self._keys.add(RunKey(run.metadata.namespace, run.metadata.name))

    async def job(self, event: Mapping[str, Any], **_: object) -> None:
        if self._take("jobs", self._cache.jobs, event):
            self._keys.add(run_of(event["object"]))

    async def pod(self, event: Mapping[str, Any], **_: object) -> None:
        if self._take("pods", self._cache.pods, event):
            self._keys.add(run_of(event["object"]))

    def _take(self, plural: str, store: Store[Any], event: Mapping[str, Any]) -> bool:
        """Note the object, or its end; whether that is news."""
        self._echoes.hear(plural, event["object"]["metadata"].get("resourceVersion", ""))
        if event["type"] == "DELETED":
            store.bury(event["object"])
            return True
        return store.put(event["object"])
