"""The API server as kubectl's user meets it, without the cost of starting kubectl: one namespace, every right."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

Json = dict[str, Any]

RUNS = "/apis/graphrun.dev/v1alpha1/namespaces/{}/workflowruns"
PODS = "/api/v1/namespaces/{}/pods"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
SERVICES = "/api/v1/namespaces/{}/services"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
# Whoever changes a field owns it, and server-side apply (Helm's) then refuses to change it back.
_OWNER = "faults"
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True)
class KubeAccess:
    """Requests about one namespace; paths are the constants of this module."""

    http: httpx.AsyncClient
    namespace: str

    def of(self, namespace: str) -> "KubeAccess":
        """The same access to another namespace."""
        return KubeAccess(self.http, namespace)

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """The plain answer, refusals included; `path` may have a place for the namespace."""
        return await self.http.request(method, path.format(self.namespace), json=body, **options)

    async def get(self, path: str, name: str) -> Json | None:
        """An object; None where there is none."""
        answer = await self.send("GET", f"{path}/{name}")
        return None if answer.status_code == httpx.codes.NOT_FOUND else _parsed(answer)

    async def items(self, path: str, selector: str = "") -> list[Json]:
        """The objects with these labels."""
        answer = await self.send("GET", path, params={"labelSelector": selector} if selector else None)
        found: list[Json] = _parsed(answer)["items"]
        return found

    async def create(self, path: str, body: Json) -> Json:
        """Create an object; what was stored."""
        return _parsed(await self.send("POST", path, body))

    async def patch(self, path: str, name: str, body: Json) -> httpx.Response:
        """A merge patch, as `kubectl patch --type merge` sends it; the plain answer."""
        return await self.send(
            "PATCH", f"{path}/{name}", body, headers=_MERGE, params={"fieldManager": _OWNER}
        )

    async def change(self, path: str, name: str, body: Json) -> Json:
        """A merge patch that must be taken; what was stored."""
        return _parsed(await self.patch(path, name, body))

    async def restore(self, path: str, name: str, body: Json) -> None:
        """Change back what was changed, and leave it to whoever applies it."""
        kept = (await self.change(path, name, body))["metadata"]["managedFields"]
        others = [entry for entry in kept if entry["manager"] != _OWNER]
        await self.change(path, name, {"metadata": {"managedFields": others}})

    async def delete(self, path: str, name: str, **options: Any) -> httpx.Response:
        """Delete, as kubectl does; `options` are DeleteOptions."""
        body = {"propagationPolicy": "Background", **options}
        return await self.send("DELETE", f"{path}/{name}", body)

    async def watch(self, path: str, since: str) -> AsyncIterator[Json]:
        """Changes after the resource version `since`, as {"type", "object"}; ends when the server ends it."""
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "60"}
        # The read timeout is what notices a server that has fallen silent.
        limits = httpx.Timeout(5, read=65)
        request = self.http.stream("GET", path.format(self.namespace), params=query, timeout=limits)
        async with request as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line:
                    yield json.loads(line)

    async def list_for_watch(self, path: str) -> tuple[list[Json], str]:
        """All objects, and the resource version from which to watch on."""
        found = _parsed(await self.send("GET", path))
        return found["items"], found["metadata"]["resourceVersion"]


@asynccontextmanager
async def kube_access(kubeconfig: str, namespace: str) -> AsyncIterator[KubeAccess]:
    """The access that a kubeconfig with a token gives."""
    async with http_of(Path(kubeconfig)) as http:
        yield KubeAccess(http, namespace)


def http_of(kubeconfig: Path, *, agent: str = "faults", seconds: float = 15) -> httpx.AsyncClient:
    """Requests by a kubeconfig that has a token; `agent` is who the audit log says they are from."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return httpx.AsyncClient(
        base_url=cluster["server"],
        headers={"Authorization": f"Bearer {config['users'][0]['user']['token']}", "User-Agent": agent},
        verify=ssl.create_default_context(cadata=authority),
        trust_env=False,
        timeout=seconds,
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
    )


def _parsed(answer: httpx.Response) -> Json:
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    parsed: Json = answer.json()
    return parsed
