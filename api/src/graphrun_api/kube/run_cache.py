"""Every WorkflowRun of the cluster in memory, as new as the watch and our own writes, and bells for who waits.

resourceVersions are compared as numbers (Kubernetes promises that since 1.35), so an older view never replaces
a newer one, whichever of watch and write response comes first.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)

Json = dict[str, Any]
Key = tuple[str, str]  # namespace, name

# How many vanished runs are remembered, so that a late write response does not bring one back.
_TOMBSTONES: Final = 4096


@dataclass(frozen=True)
class Change:
    """A run as it is now; `gone` where this was its last state."""

    run: WorkflowRun
    gone: bool


class RunCache:
    """A sink for the reflector of WorkflowRuns."""

    def __init__(self) -> None:
        self._runs: dict[Key, WorkflowRun] = {}
        self._bells: dict[Key, set[asyncio.Event]] = {}
        self._observers: set[Callable[[Change], None]] = set()
        self._tombstones: OrderedDict[str, None] = OrderedDict()
        # The program is ending: nobody should wait for news any more.
        self.is_closing = False

    def get(self, namespace: str, name: str) -> WorkflowRun | None:
        """The newest known state, None where there is none."""
        return self._runs.get((namespace, name))

    def all(self) -> list[WorkflowRun]:
        """Every run."""
        return list(self._runs.values())

    # --- the reflector's side
    def replace(self, manifests: list[Json], resource_version: int) -> None:
        """Take over a full list; what it lacks is gone, unless we have written it since."""
        listed = {run_key(run): run for run in map(_parse, manifests) if run is not None}
        for key, run in list(self._runs.items()):
            if key not in listed and version_of(run) <= resource_version:
                self._bury(run)
        for run in listed.values():
            self._observe(run)

    def changed(self, manifest: Json) -> None:
        """Take over one object from the watch."""
        run = _parse(manifest)
        if run is not None:
            self._observe(run)

    def removed(self, manifest: Json) -> None:
        """An object is gone."""
        run = _parse(manifest)
        if run is not None:
            self._bury(run)

    # --- the writers' side
    def merge(self, manifest: Json) -> WorkflowRun:
        """Take over what the API server answered to a read or write of ours; answers the newest known state."""
        run = WorkflowRun.parse(manifest)
        self._observe(run)
        newest = self._runs.get(run_key(run))
        return newest if newest is not None and newest.metadata.uid == run.metadata.uid else run

    # --- who waits
    @contextmanager
    def bell(self, namespace: str, name: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever this run changes or vanishes; clear it before looking."""
        event, key = asyncio.Event(), (namespace, name)
        self._bells.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            bells = self._bells[key]
            bells.discard(event)
            if not bells:
                del self._bells[key]

    @contextmanager
    def observed_by(self, observer: Callable[[Change], None]) -> Iterator[None]:
        """Tell `observer` of every change, in order; it must be quick and must not raise."""
        self._observers.add(observer)
        try:
            yield
        finally:
            self._observers.discard(observer)

    def close(self) -> None:
        """Let everyone go who waits."""
        self.is_closing = True
        for bells in self._bells.values():
            for bell in bells:
                bell.set()

    def _observe(self, run: WorkflowRun) -> None:
        if run.metadata.uid in self._tombstones:
            return
        key = run_key(run)
        known = self._runs.get(key)
        if known is not None and version_of(known) >= version_of(run):
            return
        self._runs[key] = run
        self._tell(Change(run, gone=False))

    def _bury(self, run: WorkflowRun) -> None:
        self._tombstones[run.metadata.uid] = None
        if len(self._tombstones) > _TOMBSTONES:
            self._tombstones.popitem(last=False)
        known = self._runs.get(run_key(run))
        if known is not None and known.metadata.uid == run.metadata.uid:
            del self._runs[run_key(run)]
        self._tell(Change(run, gone=True))

    def _tell(self, change: Change) -> None:
        for bell in self._bells.get(run_key(change.run), ()):
            bell.set()
        for observer in tuple(self._observers):
            observer(change)


def run_key(run: WorkflowRun) -> Key:
    """Where a run is in the cache."""
    return run.metadata.namespace, run.metadata.name


def version_of(run: WorkflowRun) -> int:
    """The run's resourceVersion as a number."""
    return int(run.metadata.resource_version)


def _parse(manifest: Json) -> WorkflowRun | None:
    try:
        return WorkflowRun.parse(manifest)
    except ValidationError as error:
        # One object that is newer than this code must not stop the watch of all others.
        log.warning("run cannot be read", extra={"run": manifest["metadata"]["name"], "error": str(error)})
        return None
