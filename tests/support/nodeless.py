"""The parts of a cluster that a bare control plane lacks, played by a test: kubelet, runner and the API's claims.

Everything goes through the real API server, as the real parts' writes do; nothing of it is simulated but pods.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from graphrun_core import names
from graphrun_core.times import to_rfc3339
from graphrun_devcluster.controlplane import ControlPlane
from support.waiting import eventually

Json = dict[str, Any]
API = f"/apis/{names.API_VERSION}"
NODE = "played-node"


def _now() -> str:
    return to_rfc3339(datetime.now(UTC))


class Nodeless:
    """One namespace, in which pods run only as far as a test says so."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http, self.namespace = http, namespace

    # --- plain access

    async def call(self, method: str, path: str, body: Json | None = None, content: str = "json") -> Json:
        """One request; fails on any refusal."""
        headers = {"Content-Type": f"application/{content}"}
        answer = await self._http.request(method, path, json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        parsed: Json = answer.json()
        return parsed

    def url(self, plural: str, name: str = "", subresource: str = "") -> str:
        """Where objects of this namespace are."""
        group = {
            "pods": "/api/v1",
            "events": "/api/v1",
            "resourcequotas": "/api/v1",
            "jobs": "/apis/batch/v1",
            "controllerrevisions": "/apis/apps/v1",
        }.get(plural, API)
        return "/".join(
            part for part in (group, "namespaces", self.namespace, plural, name, subresource) if part
        )

    async def listed(self, plural: str, **query: str) -> list[Json]:
        """All objects of a kind here."""
        asked = "&".join(f"{key}={value}" for key, value in query.items())
        items: list[Json] = (await self.call("GET", self.url(plural) + (f"?{asked}" if asked else "")))[
            "items"
        ]
        return items

    # --- the user

    async def create_workflow(self, name: str = "flow", **spec: Any) -> Json:
        """A Workflow with an entrypoint."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_KIND,
            "metadata": {"name": name},
            "spec": {"graph": {"entrypoint": "flow.graph:graph"}, **spec},
        }
        return await self.call("POST", self.url("workflows"), body)

    async def create_run(self, name: str = "run", workflow: str = "flow", **spec: Any) -> Json:
        """A WorkflowRun."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_RUN_KIND,
            "metadata": {"name": name, "labels": {"team": "red"}},
            "spec": {"workflowRef": {"name": workflow}, **spec},
        }
        return await self.call("POST", self.url("workflowruns"), body)

    async def free_lease(self) -> None:
        """What a killed operator held, if anything, is free at once: a test need not wait for its end."""
        lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/graphrun-operator"
        answer = await self._http.delete(lease)
        assert answer.is_success or answer.status_code == 404, answer.text

    async def ask(self, run: str, **spec: Any) -> Json:
        """Change spec."""
        return await self.call("PATCH", self.url("workflowruns", run), {"spec": spec}, "merge-patch+json")

    async def run(self, run: str) -> Json:
        """The run as it is now."""
        return await self.call("GET", self.url("workflowruns", run))

    async def phase(self, run: str, *wanted: str, seconds: float = 15) -> Json:
        """Wait for one of these phases; answers the status."""

        async def look() -> Json:
            status: Json = (await self.run(run)).get("status", {})
            return status

        return await eventually(
            look, lambda status: status.get("phase") in wanted, seconds=seconds, what=f"phase {wanted}"
        )

    # --- the kubelet

    async def pod(self, run: str, attempt: int = 1, *, on_node: bool = True) -> Json:
        """Wait for the attempt's pod; by default it is then bound to a node, as pods that run are."""
        selector = f"{names.LABEL_RUN}={run},{names.LABEL_ATTEMPT}={attempt}"

        async def look() -> list[Json]:
            return await self.listed("pods", labelSelector=selector)

        pods = await eventually(look, seconds=15, what=f"the pod of attempt {attempt} of {run}")
        if on_node and not pods[0]["spec"].get("nodeName"):
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            name = pods[0]["metadata"]["name"]
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
            await self.call("POST", self.url("pods", name, "binding"), binding)
        return pods[0]

    async def pod_status(self, pod: Json, status: Json) -> Json:
        """Write a pod's status."""
        url = self.url("pods", pod["metadata"]["name"], "status")
        return await self.call("PATCH", url, {"status": status}, "strategic-merge-patch+json")

    async def exit(self, pod: Json, code: int, message: str = "", reason: str = "Error") -> Json:
        """The container ends by itself."""
        terminated = {"exitCode": code, "reason": reason, "message": message, "finishedAt": _now()[:19] + "Z"}
        container = {
            "name": names.RUNNER_CONTAINER,
            "state": {"terminated": terminated},
            "image": "i",
            "imageID": "i",
            "ready": False,
            "restartCount": 0,
        }
        phase = "Failed" if code else "Succeeded"
        return await self.pod_status(pod, {"phase": phase, "containerStatuses": [container]})

    async def gone(self, pod: Json) -> None:
        """The pod leaves the cluster at once, as after a force deletion."""
        name = pod["metadata"]["name"]
        url = f"{self.url('pods', name)}?gracePeriodSeconds=0"
        await self.call("DELETE", url)
        strip = {"metadata": {"finalizers": None}}
        answer = await self._http.request(
            "PATCH",
            self.url("pods", name),
            json=strip,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success or answer.status_code == 404, answer.text

    async def deletion_of(self, pod: Json, seconds: float = 15) -> Json | None:
        """Wait until the pod's deletion is asked for; answers it, or None where it is gone already."""
        name = pod["metadata"]["name"]

        async def look() -> list[Json | None]:
            found = [item for item in await self.listed("pods") if item["metadata"]["name"] == name]
            if not found:
                return [None]
            return [item for item in found if item["metadata"].get("deletionTimestamp")]

        return (await eventually(look, seconds=seconds, what=f"deletion of pod {name}"))[0]

    # --- the runner, by way of the API

    async def claim(self, run: str, pod: Json, attempt: int = 1) -> Json:
        """Claim the attempt for the pod, as the API does."""
        metadata = pod["metadata"]
        claim = {
            "attempt": attempt,
            "podName": metadata["name"],
            "podUID": metadata["uid"],
            "claimTime": _now(),
        }
        return await self._write_runner(run, claim)

    async def report(self, run: str, result: str | None, code: int = 0, **outcome: Any) -> Json:
        """Report that the processes are gone, and how it ended."""
        runner = (await self.run(run))["status"]["runner"] | {"stoppedTime": _now()}
        if result:
            runner["outcome"] = {"result": result, "exitCode": code, **outcome}
        return await self._write_runner(run, runner)

    async def _write_runner(self, run: str, runner: Json) -> Json:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_RUN_KIND,
            "metadata": {"name": run},
            "status": {"runner": runner},
        }
        query = f"?fieldManager={names.FIELD_MANAGER_RUNNER}&force=true"
        return await self.call(
            "PATCH", self.url("workflowruns", run, "status") + query, body, "apply-patch+yaml"
        )

    async def started(self, run: str, attempt: int = 1) -> Json:
        """The attempt's pod is there, bound, and has claimed; the run shows Running. Answers the pod."""
        pod = await self.pod(run, attempt)
        await self.claim(run, pod, attempt)
        await self.phase(run, "Running")
        return pod


@asynccontextmanager
async def nodeless(plane: ControlPlane, namespace: str) -> AsyncIterator[Nodeless]:
    """Access to one namespace of a bare control plane."""
    trust = ssl.create_default_context(cafile=str(plane.ca))
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with httpx.AsyncClient(base_url=plane.url, headers=headers, verify=trust, timeout=30) as http:
        cluster = Nodeless(http, namespace)
        answer = await http.post(
            "/api/v1/nodes", json={"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        )
        assert answer.is_success or answer.status_code == 409, answer.text
        yield cluster
