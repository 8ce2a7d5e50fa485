"""The runs that exist in the cluster: read from the cache where that is enough, written with a precondition."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphrun_api.errors import ApiError, RunNotFound, StaleView
from graphrun_api.kube.cluster import APPLY_PATCH, JSON_PATCH, Cluster
from graphrun_api.kube.errors import Conflict, Missing
from graphrun_api.kube.run_cache import RunCache
from graphrun_core import names
from graphrun_core.resources import WorkflowRun

Json = dict[str, Any]
Patch = list[Json]

# A decision is made anew this often when the run keeps changing between look and write.
_ATTEMPTS = 8


class LiveRuns:
    """Reads, writes and waits on WorkflowRuns."""

    def __init__(self, cluster: Cluster, cache: RunCache) -> None:
        self._cluster = cluster
        self.cache = cache

    async def get(self, namespace: str, name: str) -> WorkflowRun:
        """From the cache, else from the API server.

        Raises:
            RunNotFound: there is none.
        """
        return self.cache.get(namespace, name) or await self.fetch(namespace, name)

    async def fetch(self, namespace: str, name: str) -> WorkflowRun:
        """From the API server, never older than the cache.

        Raises:
            RunNotFound: there is none.
        """
        try:
            return self.cache.merge(await self._cluster.get(path_of(namespace, name)))
        except Missing as error:
            raise RunNotFound(f"there is no run {name!r} in this project") from error

    async def create(self, namespace: str, manifest: Json) -> WorkflowRun:
        """Create the object; raises what the API server says."""
        query = {"fieldManager": names.FIELD_MANAGER_API}
        created = await self._cluster.call("POST", path_of(namespace), query=query, body=manifest)
        return self.cache.merge(created)

    async def delete(self, run: WorkflowRun) -> None:
        """Delete exactly this object (a namesake made since stays); gone already is as good."""
        body = {"preconditions": {"uid": run.metadata.uid}, "propagationPolicy": "Background"}
        path = path_of(run.metadata.namespace, run.metadata.name)
        try:
            await self._cluster.call("DELETE", path, body=body)
        except (Missing, Conflict):
            return

    async def change(
        self, namespace: str, name: str, decide: Callable[[WorkflowRun], Sequence[Json]]
    ) -> WorkflowRun:
        """Apply the JSON patch that `decide` makes of a view, to exactly that view; an empty one changes nothing.

        `decide` is asked again on a newer view when the object has changed; what it raises ends the matter.

        Raises:
            RunNotFound: there is none.
            Invalid: the patch breaks a rule of the CRD.
            StaleView: the run kept changing.
        """
        run = await self.get(namespace, name)
        for attempt in range(_ATTEMPTS):
            try:
                operations = decide(run)
            except ApiError:
                if attempt:
                    raise
                # The view may have come from the cache and be old: nobody is refused on hearsay.
                run = await self.fetch(namespace, name)
                operations = decide(run)
            if not operations:
                return run
            unchanged = {
                "op": "replace",
                "path": "/metadata/resourceVersion",
                "value": run.metadata.resource_version,
            }
            try:
                return await self._write(namespace, name, [unchanged, *operations])
            except Conflict:
                run = await self.fetch(namespace, name)
        raise StaleView

    async def _write(self, namespace: str, name: str, patch: Patch) -> WorkflowRun:
        query = {"fieldManager": names.FIELD_MANAGER_API}
        path = path_of(namespace, name)
        try:
            answer = await self._cluster.call("PATCH", path, query=query, body=patch, content_type=JSON_PATCH)
        except Missing as error:
            raise RunNotFound(f"there is no run {name!r} in this project") from error
        return self.cache.merge(answer)

    async def apply_runner(self, run: WorkflowRun, runner: Mapping[str, Any]) -> WorkflowRun:
        """Write the whole of status.runner, on exactly this view of the run.

        Raises:
            Conflict: the run has changed since the view.
            Missing: the run is gone.
        """
        meta = run.metadata
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_RUN_KIND,
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "resourceVersion": meta.resource_version,
            },
            "status": {"runner": dict(runner)},
        }
        answer = await self._cluster.call(
            "PATCH",
            f"{path_of(meta.namespace, meta.name)}/status",
            query={"fieldManager": names.FIELD_MANAGER_RUNNER, "force": "true"},
            body=body,
            content_type=APPLY_PATCH,
        )
        return self.cache.merge(answer)

    async def wait(
        self, run: WorkflowRun, reached: Callable[[WorkflowRun], bool], seconds: float
    ) -> WorkflowRun:
        """The run once `reached` holds of it, or as it is after `seconds` or when we stop, or as it was when it vanished."""
        key = run.metadata.namespace, run.metadata.name
        with self.cache.bell(*key) as bell:
            try:
                async with asyncio.timeout(seconds):
                    while not reached(run) and not self.cache.is_closing:
                        await bell.wait()
                        bell.clear()
                        newest = self.cache.get(*key)
                        if newest is None or newest.metadata.uid != run.metadata.uid:
                            return run
                        run = newest
            except TimeoutError:
                return run
        return run


def path_of(namespace: str, name: str = "") -> str:
    """Path of a WorkflowRun, or of all in the namespace."""
    base = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.WORKFLOW_RUNS}"
    return f"{base}/{name}" if name else base


ALL_RUNS = f"/apis/{names.API_VERSION}/{names.WORKFLOW_RUNS}"
