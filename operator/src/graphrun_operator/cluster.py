"""The API server, and nothing else: six calls on raw JSON, each bounded in time, each failure told by its type.

Raw, because a typed client may fail to read an answer after its side effect.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import ApiClient, Configuration

from graphrun_core import names
from graphrun_operator.errors import (
    AlreadyExists,
    ClusterUnavailable,
    Conflict,
    NotFound,
    OperatorError,
    Refused,
)

Json = dict[str, Any]

REQUEST_SECONDS: Final = 15.0
_PAGE: Final = 500
_MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True)
class Kind:
    """Where objects of a kind live at the API server."""

    path: str
    plural: str

    def url(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection or an object."""
        parts = [self.path]
        parts += ["namespaces", namespace] if namespace else []
        return "/".join([*parts, self.plural, *(part for part in (name, subresource) if part)])


RUNS: Final = Kind(f"/apis/{names.API_VERSION}", names.WORKFLOW_RUNS)
WORKFLOWS: Final = Kind(f"/apis/{names.API_VERSION}", names.WORKFLOWS)
JOBS: Final = Kind("/apis/batch/v1", "jobs")
PODS: Final = Kind("/api/v1", "pods")
REVISIONS: Final = Kind("/apis/apps/v1", "controllerrevisions")
EVENTS: Final = Kind("/api/v1", "events")
LEASES: Final = Kind("/apis/coordination.k8s.io/v1", "leases")
PRIORITY_CLASSES: Final = Kind("/apis/scheduling.k8s.io/v1", "priorityclasses")


@dataclass(frozen=True)
class Listing:
    """All objects of a kind at one moment, which `version` names."""

    items: list[Json]
    version: str


class Cluster(Protocol):
    """What the operator needs of an API server. Errors: those of errors.py."""

    async def list(self, kind: Kind, namespace: str = "", **query: str) -> Listing:
        """List, page by page, a consistent view."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read one object as it is now."""

    async def create(self, kind: Kind, namespace: str, manifest: Json) -> Json:
        """Create; raises AlreadyExists."""

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch."""

    async def patch_status(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch the status subresource; with metadata.resourceVersion in it, compare-and-set."""

    async def delete(self, kind: Kind, namespace: str, name: str, options: Json) -> Json:
        """Delete with DeleteOptions; answers the object, or a Status where it is gone at once."""


class ApiServer:
    """The real thing, over kubernetes.aio."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()  # type: ignore[no-untyped-call] # the client's own lack

    async def list(self, kind: Kind, namespace: str = "", **query: str) -> Listing:
        """List, page by page, a consistent view."""
        items: list[Json] = []
        asked = {"limit": str(_PAGE), **query}
        while True:
            page = await self._call("GET", kind.url(namespace), query=asked)
            items += page.get("items") or []
            onward = page["metadata"].get("continue")
            if not onward:
                return Listing(items, page["metadata"].get("resourceVersion", ""))
            asked["continue"] = onward

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read one object as it is now."""
        return await self._call("GET", kind.url(namespace, name))

    async def create(self, kind: Kind, namespace: str, manifest: Json) -> Json:
        """Create; raises AlreadyExists."""
        return await self._call("POST", kind.url(namespace), body=manifest)

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch."""
        return await self._call("PATCH", kind.url(namespace, name), body=patch)

    async def patch_status(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch the status subresource; with metadata.resourceVersion in it, compare-and-set."""
        return await self._call("PATCH", kind.url(namespace, name, "status"), body=patch)

    async def delete(self, kind: Kind, namespace: str, name: str, options: Json) -> Json:
        """Delete with DeleteOptions; answers the object, or a Status where it is gone at once."""
        return await self._call("DELETE", kind.url(namespace, name), body=options)

    async def _call(
        self, method: str, path: str, *, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Json:
        asked = list((query or {}).items())
        if method in ("POST", "PATCH"):
            asked.append(("fieldManager", names.FIELD_MANAGER_OPERATOR))
        content_type = _MERGE_PATCH if method == "PATCH" else "application/json"
        request = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=asked,
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._client.call_api(*request, _preload_content=False)
                text: bytes = await answer.response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterUnavailable(f"{method} {path}: {error!r}") from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _failure(answer.status, text, f"{method} {path}")
        parsed: Json = json.loads(text)
        return parsed


def _failure(status: int, text: bytes, what: str) -> OperatorError:
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    message = told.get("message") or text[:200].decode(errors="replace")
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(message)
    if status == HTTPStatus.CONFLICT:
        return AlreadyExists(message) if told.get("reason") == "AlreadyExists" else Conflict(message)
    if status in (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.GONE,
        HTTPStatus.UNAUTHORIZED,
    ):
        return ClusterUnavailable(f"{what}: {status} {message}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ClusterUnavailable(f"{what}: {status} {message}")
    return Refused(message)


async def connect(environ: Mapping[str, str] = os.environ) -> ApiServer:
    """By the pod's ServiceAccount inside a cluster, by KUBECONFIG where that is set or there is no cluster around."""
    configuration = Configuration()
    if environ.get("KUBERNETES_SERVICE_HOST") and not environ.get("KUBECONFIG"):
        kube_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # as above
    else:
        await kube_config.load_kube_config(  # type: ignore[no-untyped-call] # as above
            environ.get("KUBECONFIG"), client_configuration=configuration
        )
    client = ApiClient(configuration)
    client.user_agent = names.OPERATOR_NAME
    return ApiServer(client)
