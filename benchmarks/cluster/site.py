"""Where benchmarks of the whole product take place: a project of its own on a local cluster that is up."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cluster.kube import Kube, kube_of
from benchmarks.cluster.watching import Watched, watching
from graphrun_devcluster import stack
from graphrun_devcluster.stack.installing import cluster_name
from graphrun_devcluster.stack.names import SYSTEM_NAMESPACE
from graphrun_devcluster.stack.tools import Tools
from support.client import Client, client_of
from support.kube_access import JOBS, PODS, RUNS
from support.projects import fresh_project, kubectl

GRAPHS = Path(__file__).parent / "graphs"
WORKFLOWS: dict[str, dict[str, Any]] = {
    "blocking": {},
    "sleeping": {},
    "asking": {},
    "steps": {},
    "line": {"maxConcurrentRuns": 1},
}
"""Workflow → what its spec has beside the graph of its name; `line` has the graph `blocking`."""

ROLLOUT_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """What benchmarks use.

    Attributes:
        cluster: name of the local cluster.
        client: a person in the project: REST.
        kube: the API server, in the project's namespace.
        runs: the project's runs as they are watched.
        pods: likewise, its pods.
        jobs: likewise, its Jobs.
        tools: kubectl as administrator.
    """

    cluster: str
    client: Client
    kube: Kube
    runs: Watched
    pods: Watched
    jobs: Watched
    tools: Tools

    def name(self, topic: str) -> str:
        """Return a new name for a run."""
        return f"{topic}-{uuid.uuid4().hex[:8]}"

    def pods_of(self, run: str) -> list[str]:
        """Return the UIDs of all pods that the run has or had."""
        return list(self.pods.of_run.get(run, {}).values())

    async def replicas(self, deployment: str) -> int:
        """Return how many replicas a Deployment of graphrun is to have."""
        text = await asyncio.to_thread(
            self.tools.kubectl,
            *("get", "deployment", deployment, f"--namespace={SYSTEM_NAMESPACE}", "--output=json"),
        )
        return int(json.loads(text)["spec"]["replicas"])

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many replicas of a Deployment of graphrun, ready; none means that no pod is left."""
        where = f"--namespace={SYSTEM_NAMESPACE}"
        call = self.tools.kubectl
        await asyncio.to_thread(call, "scale", "deployment", deployment, where, f"--replicas={replicas}")
        if replicas:
            await self.until_ready(deployment)
        else:
            component = deployment.removeprefix("graphrun-")
            gone = ("wait", "pods", f"--selector=app.kubernetes.io/component={component}", "--for=delete")
            await asyncio.to_thread(call, *gone, where, f"--timeout={ROLLOUT_SECONDS}s")

    async def until_ready(self, deployment: str) -> None:
        """Wait until a Deployment of graphrun has all its replicas, and each is Ready."""
        status = ("rollout", "status", f"deployment/{deployment}", f"--namespace={SYSTEM_NAMESPACE}")
        await asyncio.to_thread(self.tools.kubectl, *status, f"--timeout={ROLLOUT_SECONDS}s")

    @asynccontextmanager
    async def api_away(self) -> AsyncIterator[None]:
        """Have no replica of the API while inside."""
        replicas = await self.replicas("graphrun-api")
        try:
            await self.scale("graphrun-api", 0)
            yield
        finally:
            await self.scale("graphrun-api", replicas)


@asynccontextmanager
async def open_site(topic: str) -> AsyncIterator[Site]:
    """Make a project with the benchmarks' Workflows on the running cluster, and remove it at the end."""
    cluster = cluster_name()
    environment = stack.environment(cluster)
    async with AsyncExitStack() as held:
        project = held.enter_context(fresh_project(environment, topic))
        bundle = {"apiVersion": "v1", "kind": "List", "items": [_workflow(name) for name in WORKFLOWS]}
        kubectl(environment, "-n", project.namespace, "apply", "-f", "-", stdin=bundle)
        client = await held.enter_async_context(client_of(project))
        kube = await held.enter_async_context(kube_of(environment.kubeconfig, project.namespace))
        runs, pods, jobs = [
            await held.enter_async_context(watching(kube, path.format(project.namespace), what))
            for path, what in ((RUNS, "run"), (PODS, "pod"), (JOBS, "job"))
        ]
        site = Site(cluster, client, kube, runs, pods, jobs, Tools(environment.kubeconfig))
        for deployment in ("graphrun-operator", "graphrun-api"):
            await site.until_ready(deployment)
        yield site


def _workflow(name: str) -> dict[str, Any]:
    graph = "blocking" if name == "line" else name
    files = {"bench.py": (GRAPHS / "bench.py").read_text(encoding="utf-8")}
    return {
        "apiVersion": "graphrun.dev/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {
            "graph": {"entrypoint": f"bench:{graph}", "files": files},
            "defaults": {
                "retries": {"limit": 3, "backoffSeconds": 1},
                "pause": {"deadlineSeconds": 3600},
                # Many wait side by side, and do nothing.
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            },
            **WORKFLOWS[name],
        },
    }
