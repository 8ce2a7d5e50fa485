"""Revisions by name, read once: their content never changes."""

from collections import OrderedDict
from typing import Final

from graphrun_operator.cluster import REVISIONS, Cluster
from graphrun_operator.errors import NotFound
from graphrun_operator.views import Revision, parse_revision

_KEPT: Final = 512


class RevisionStore:
    """Reads through to the API server, and keeps the latest few hundred."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: OrderedDict[tuple[str, str], Revision] = OrderedDict()

    def known(self, namespace: str, name: str) -> Revision | None:
        """One that is known to exist, without asking."""
        return self._known.get((namespace, name))

    async def find(self, namespace: str, name: str) -> Revision | None:
        """The revision, or None where there is none.

        Raises:
            ClusterUnavailable: the API server could not be asked.
        """
        known = self.known(namespace, name)
        if known:
            return known
        try:
            manifest = await self._cluster.get(REVISIONS, namespace, name)
        except NotFound:
            return None
        return self.keep(namespace, parse_revision(manifest))

    def keep(self, namespace: str, revision: Revision) -> Revision:
        """Remember one that exists."""
        self._known[namespace, revision.name] = revision
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return revision

    def forget(self, namespace: str, name: str) -> None:
        """It was removed."""
        self._known.pop((namespace, name), None)
