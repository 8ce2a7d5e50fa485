"""The API server as the operator's parts see it: they write only while this replica leads.

So a standby writes nothing, whatever it decides, and a leader that was frozen writes nothing once it is woken up: the
age of its lease is looked at before every single write. A request that was under way when it froze may still be
carried out: all are compare-and-set, or name what they mean by its UID, or may be repeated.
"""

from typing import Any, Final

from graphrun_operator.cluster import JOBS, PODS, RUNS, Cluster, Kind, Listing
from graphrun_operator.echoes import Echoes
from graphrun_operator.errors import NotLeading
from graphrun_operator.leadership import Leadership

Json = dict[str, Any]
# What is watched by the operator.
_WATCHED: Final = (RUNS, JOBS, PODS)


class OwnWrites:
    """A Cluster over another one."""

    def __init__(self, cluster: Cluster, leadership: Leadership, echoes: Echoes) -> None:
        self._cluster, self._leadership, self._echoes = cluster, leadership, echoes

    async def list(self, kind: Kind, namespace: str = "", **query: str) -> Listing:
        """List, page by page, a consistent view."""
        return await self._cluster.list(kind, namespace, **query)

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read one object as it is now."""
        return await self._cluster.get(kind, namespace, name)

    async def create(self, kind: Kind, namespace: str, manifest: Json) -> Json:
        """Create; raises AlreadyExists."""
        self._check()
        return self._note(kind, await self._cluster.create(kind, namespace, manifest))

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch."""
        self._check()
        return self._note(kind, await self._cluster.patch(kind, namespace, name, patch))

    async def patch_status(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch the status subresource; with metadata.resourceVersion in it, compare-and-set."""
        self._check()
        return self._note(kind, await self._cluster.patch_status(kind, namespace, name, patch))

    async def delete(self, kind: Kind, namespace: str, name: str, options: Json) -> Json:
        """Delete with DeleteOptions; answers the object, or a Status where it is gone at once."""
        self._check()
        return await self._cluster.delete(kind, namespace, name, options)

    def _check(self) -> None:
        if not self._leadership.holds:
            message = "this replica does not lead: nothing is written"
            raise NotLeading(message)

    def _note(self, kind: Kind, answer: Json) -> Json:
        if kind in _WATCHED:
            self._echoes.expect(kind.plural, answer["metadata"].get("resourceVersion", ""))
        return answer
