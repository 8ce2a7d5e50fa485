"""A person at work in one project: REST, WebSocket and kubectl, and waiting for what is wanted."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from graphrun_devcluster.demo.kubectl import Kubectl
from graphrun_devcluster.demo.rest import Rest
from graphrun_devcluster.demo.stream import Event
from graphrun_devcluster.demo.view import RunView
from graphrun_devcluster.demo.watcher import Watcher, watch
from support.projects import Project
from support.script_pods import PORT
from support.waiting import eventually

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
FINAL_PHASES = ("Succeeded", "Failed", "Cancelled")


@dataclass(frozen=True)
class Client:
    """What a test uses."""

    project: Project
    rest: Rest
    kubectl: Kubectl

    async def start(self, workflow: str, input_data: dict[str, Any] | None = None) -> str:
        """Create and execute a run in one call; its id."""
        answer = await self.rest.create(workflow, input_data or {}, execute="true")
        run: str = answer["run_id"]
        return run

    async def apply_run(self, workflow: str, input_data: dict[str, Any] | None = None, **spec: Any) -> str:
        """Create a run by kubectl alone; its name."""
        manifest = {
            "apiVersion": "graphrun.dev/v1alpha1",
            "kind": "WorkflowRun",
            "metadata": {"generateName": f"{workflow}-"},
            "spec": {"workflowRef": {"name": workflow}, "input": input_data or {}, **spec},
        }
        made = json.loads(await self.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(manifest)))
        name: str = made["metadata"]["name"]
        return name

    async def until_status(self, run: str, *wanted: str, seconds: float = 60) -> dict[str, Any]:
        """Poll REST until the run has one of these statuses."""
        return await eventually(
            lambda: self.rest.status(run),
            lambda seen: seen["status"] in wanted,
            seconds=seconds,
            what=f"status of {run} is {' or '.join(wanted)}",
        )

    async def until_phase(self, run: str, *wanted: str, seconds: float = 60) -> dict[str, Any]:
        """Poll the resource until it shows one of these phases; its status."""
        return await eventually(
            lambda: self.resource_status(run),
            lambda seen: seen.get("phase") in wanted,
            seconds=seconds,
            what=f"phase of {run} is {' or '.join(wanted)}",
        )

    async def resource_status(self, run: str) -> dict[str, Any]:
        """`status` of the WorkflowRun."""
        found: dict[str, Any] = (await self.kubectl.get("wfr", run)).get("status", {})
        return found

    async def until_no_pod(self, run: str, seconds: float = 30) -> None:
        """Wait until the run has no pod, not even one that has ended."""
        await eventually(
            lambda: self.kubectl.pods(run), lambda pods: not pods, seconds=seconds, what=f"{run} has no pod"
        )

    async def until_nothing_runs(self, run: str, seconds: float = 30) -> None:
        """Wait until no pod of the run is left that has not ended."""
        await eventually(
            lambda: self.kubectl.live_pods(run),
            lambda pods: not pods,
            seconds=seconds,
            what=f"pods of {run} have ended",
        )

    async def ask_service(self, name: str, path: str) -> Any:
        """GET from a server in the project's namespace, through the API server."""
        address = f"/api/v1/namespaces/{self.project.namespace}/services/{name}:{PORT}/proxy{path}"
        return json.loads(await self.kubectl("get", "--raw", address))

    async def hits(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The side effects counted under `prefix`: {"count", "last"} by the rest of the key."""
        found = await self.ask_service("hits", "/hits")
        return {key.removeprefix(prefix): hit for key, hit in found.items() if key.startswith(prefix)}

    def watch(self, run: str) -> AbstractAsyncContextManager[Watcher]:
        """Follow the run's socket."""
        base = f"{self.project.url}/api/projects/{self.project.name}"
        return watch(base, self.project.token, run, _take_no_notice)


@asynccontextmanager
async def client_of(
    project: Project, token: str | None = None, name: str | None = None
) -> AsyncIterator[Client]:
    """A client with the project's full token, or with another `token`, or of another project's `name`."""
    async with Rest(project.url, project.token if token is None else token, name or project.name) as rest:
        yield Client(project, rest, Kubectl(project.kubeconfig, project.path, project.namespace))


def _take_no_notice(_: Event, __: RunView) -> None:
    """The watcher's history is enough."""
