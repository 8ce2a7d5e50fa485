"""The API server as kubectl uses it, without the start of a process: create, merge patch, read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict, Unpack

import httpx

from support.kube_access import RUNS, http_of

AGENT = "benchmark"
"""How we call ourselves: the audit log tells our own writes by it."""

Object = dict[str, Any]


class Options(TypedDict, total=False):
    """What a request may carry, under httpx's names."""

    json: object
    content: str
    headers: dict[str, str]


class Kube:
    """One namespace of a cluster, as its administrator; see `kube_of`."""

    def __init__(self, client: httpx.AsyncClient, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    async def call(self, method: str, path: str, **options: Unpack[Options]) -> Object:
        """Return the answer's object.

        Raises:
            httpx.HTTPStatusError: it was refused.
        """
        answer = await self._client.request(method, path, **options)
        answer.raise_for_status()
        found: Object = answer.json()
        return found

    async def create_run(self, workflow: str, name: str, **spec: object) -> str:
        """Create a run; return its name."""
        run = {
            "apiVersion": "graphrun.dev/v1alpha1",
            "kind": "WorkflowRun",
            "metadata": {"name": name},
            "spec": {"workflowRef": {"name": workflow}, "input": {}, **spec},
        }
        await self.call("POST", RUNS.format(self.namespace), json=run)
        return name

    async def patch_run(self, run: str, **spec: object) -> None:
        """Change a run's spec by the merge patch that ``kubectl patch --type merge`` sends."""
        await self.call(
            "PATCH",
            f"{RUNS.format(self.namespace)}/{run}",
            content=json.dumps({"spec": spec}),
            headers={"Content-Type": "application/merge-patch+json"},
        )

    async def run(self, run: str) -> Object:
        """Return a run."""
        return await self.call("GET", f"{RUNS.format(self.namespace)}/{run}")

    @asynccontextmanager
    async def watch(self, path: str, version: str) -> AsyncIterator[AsyncIterator[Object]]:
        """Follow the objects at `path` from a resource version on."""
        params = {"watch": "true", "resourceVersion": version}
        async with self._client.stream("GET", path, params=params, timeout=None) as answer:
            answer.raise_for_status()
            yield (json.loads(line) async for line in answer.aiter_lines() if line)


@asynccontextmanager
async def kube_of(kubeconfig: Path, namespace: str) -> AsyncIterator[Kube]:
    """Open a connection to the cluster of a kubeconfig made by `graphrun_devcluster`."""
    async with http_of(kubeconfig, agent=AGENT, seconds=30) as client:
        yield Kube(client, namespace)
