"""What the watches have told so far, by run. It never goes back in time, whoever tells it last.

Watches, listings and the answers to the operator's own writes all end here, in any order. Resource versions of one
kind are numbers that grow (guaranteed since Kubernetes 1.35), and so the newer of two views is known.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from graphrun_core import names
from graphrun_core.resources import WorkflowRun
from graphrun_operator.model import RunKey
from graphrun_operator.views import JobView, PodView, WorkflowView, parse_job, parse_pod, parse_workflow

Json = dict[str, Any]
log = logging.getLogger(__name__)
_View = TypeVar("_View")


class ObjectKey(NamedTuple):
    """An object of a kind."""

    namespace: str
    name: str


class _Entry(NamedTuple, Generic[_View]):
    view: _View
    version: int
    group: RunKey


def _version(manifest: Json) -> int:
    text = str(manifest["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0


def key_of(manifest: Json) -> ObjectKey:
    """The key of any namespaced object."""
    return ObjectKey(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


def run_of(manifest: Json) -> RunKey:
    """The run that a Job or pod belongs to, by its label."""
    labels = manifest["metadata"].get("labels") or {}
    return RunKey(manifest["metadata"].get("namespace", ""), labels.get(names.LABEL_RUN, ""))


class Store(Generic[_View]):
    """The objects of one kind, grouped: Jobs and pods by run, runs by Workflow."""

    def __init__(self, parse: Callable[[Json], _View], group: Callable[[Json], RunKey]) -> None:
        self._parse, self._group = parse, group
        self._entries: dict[ObjectKey, _Entry[_View]] = {}
        self._groups: dict[RunKey, set[ObjectKey]] = {}
        self._buried: dict[ObjectKey, int] = {}

    def get(self, key: ObjectKey) -> _View | None:
        """The object, or None."""
        entry = self._entries.get(key)
        return entry.view if entry else None

    def of(self, group: RunKey) -> tuple[_View, ...]:
        """The objects of a group."""
        return tuple(self._entries[key].view for key in sorted(self._groups.get(group, ())))

    def keys_of(self, group: RunKey) -> tuple[ObjectKey, ...]:
        """Their keys."""
        return tuple(sorted(self._groups.get(group, ())))

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def groups(self) -> list[RunKey]:
        """All groups that have an object."""
        return list(self._groups)

    def put(self, manifest: Json) -> bool:
        """Take in a view; False where a newer one, or the object's end, is known already, or it cannot be read."""
        key, version = key_of(manifest), _version(manifest)
        known = self._entries.get(key)
        if version and ((known and known.version >= version) or self._buried.get(key, 0) >= version):
            return False
        try:
            entry = _Entry(self._parse(manifest), version, self._group(manifest))
        except (ValueError, KeyError) as error:  # pydantic's ValidationError is a ValueError
            # Of a newer version of the resource than this program knows: better left alone than misread.
            log.warning("object not understood", extra={"object": "/".join(key), "problem": str(error)})
            return False
        self._drop(key)
        self._entries[key] = entry
        self._groups.setdefault(entry.group, set()).add(key)
        return True

    def bury(self, manifest: Json) -> None:
        """The object was deleted. A listing that began before may still show it, and is not believed."""
        key, version = key_of(manifest), _version(manifest)
        known = self._entries.get(key)
        if known and version and known.version > version:
            return  # a new one of the same name is known already
        self._buried[key] = version
        self._drop(key)

    def forget(self, key: ObjectKey) -> None:
        """The object is known to be gone; the watch's word for it is still to come."""
        known = self._entries.get(key)
        if known:
            self._buried[key] = known.version
            self._drop(key)

    def begin_listing(self) -> None:
        """Forget burials that no listing from now on can contradict."""
        self._buried.clear()

    def replace(self, items: Iterable[Json], version: str) -> set[RunKey]:
        """Take in a full listing; what it lacks and is older has vanished. Answers the groups that it changed."""
        changed, listed = set(), set()
        for manifest in items:
            listed.add(key_of(manifest))
            if self.put(manifest):
                changed.add(self._group(manifest))
        newest = int(version) if version.isdecimal() else 0
        for key, entry in list(self._entries.items()):
            if key not in listed and entry.version <= newest:
                changed.add(entry.group)
                self._drop(key)
        return changed

    def _drop(self, key: ObjectKey) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            members = self._groups[entry.group]
            members.discard(key)
            if not members:
                del self._groups[entry.group]


def _by_workflow(manifest: Json) -> RunKey:
    reference = (manifest.get("spec") or {}).get("workflowRef") or {}
    return RunKey(manifest["metadata"].get("namespace", ""), reference.get("name", ""))


def _by_name(manifest: Json) -> RunKey:
    return RunKey(*key_of(manifest))


class Cache:
    """The four kinds that the operator watches."""

    def __init__(self) -> None:
        self.runs: Store[WorkflowRun] = Store(WorkflowRun.parse, _by_workflow)
        self.workflows: Store[WorkflowView] = Store(parse_workflow, _by_name)
        self.jobs: Store[JobView] = Store(parse_job, run_of)
        self.pods: Store[PodView] = Store(parse_pod, run_of)

    def runs_of(self, workflow: ObjectKey) -> tuple[RunKey, ...]:
        """The runs that name the Workflow."""
        return tuple(RunKey(*key) for key in self.runs.keys_of(RunKey(*workflow)))

    def all_keys(self) -> set[RunKey]:
        """Every run, and every run that only its Jobs or pods still speak of."""
        return {RunKey(*key) for key in self.runs} | set(self.jobs.groups()) | set(self.pods.groups())
