"""Frozen Workflow specs. A revision's name is made of its content, so what was read once holds for ever."""

from collections import OrderedDict
from typing import Final

from graphrun_api.errors import NotFound
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.errors import Missing
from graphrun_core.resources import WorkflowSpec

_KEPT: Final = 256


class Revisions:
    """Reads ControllerRevisions, each once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: OrderedDict[tuple[str, str], WorkflowSpec] = OrderedDict()

    async def get(self, namespace: str, name: str) -> WorkflowSpec:
        """The spec that the revision froze; raises NotFound."""
        key = namespace, name
        if key not in self._known:
            path = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions/{name}"
            try:
                manifest = await self._cluster.get(path)
            except Missing as error:
                raise NotFound(f"revision {name!r} is gone") from error
            self._known[key] = WorkflowSpec.model_validate(manifest.get("data") or {})
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]
