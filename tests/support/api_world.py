"""The API as a whole on real servers, a project on it, and by hand what operator and runners would do."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from graphrun_api.compose import Program
from graphrun_api.kube.connect import connect
from graphrun_api.server import serving
from graphrun_api.settings import Settings
from graphrun_checkpoints import Credentials, StorageConfig
from graphrun_core import names
from graphrun_core.revisions import revision_name
from graphrun_core.times import to_rfc3339
from graphrun_devcluster.controlplane import ControlPlane
from support import promises
from support.waiting import eventually

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
EDITOR = ["create", "get", "list", "watch", "patch", "update", "delete"]
VIEWER = ["get", "list"]
GRAPH = {"nodes": ["plan", "work"], "edges": [["plan", "work"]], "cyclic": False, "mermaid": ""}


def now() -> str:
    """This moment, as resources write it."""
    return to_rfc3339(datetime.now(UTC))


@dataclass(frozen=True)
class Api:
    """A replica that is serving."""

    program: Program
    url: str
    runner_url: str


def settings_for(dsn: str, storage: StorageConfig) -> Settings:
    """Settings of a replica on free loopback ports."""
    assert isinstance(storage.credentials, Credentials)
    return Settings(
        host="127.0.0.1",
        port=0,
        runner_port=0,
        postgres_dsn=dsn,
        storage_endpoint=storage.endpoint,
        storage_bucket=storage.bucket,
        storage_prefix=storage.prefix,
        storage_access_key=storage.credentials.access_key,
        storage_secret_key=storage.credentials.secret_key,
    )


class Reachable(Protocol):
    """A control plane, or what stands between it and us."""

    @property
    def kubeconfig(self) -> Path:
        """By which it is reached."""


@asynccontextmanager
async def running_api(plane: Reachable, settings: Settings) -> AsyncIterator[Api]:
    """A replica in this process, ready."""
    cluster = await connect({"KUBECONFIG": str(plane.kubeconfig)})
    try:
        async with serving(settings, cluster) as (program, addresses):
            for reflector in program.reflectors:
                await asyncio.wait_for(reflector.synced.wait(), 20)
            yield Api(
                program, f"http://127.0.0.1:{addresses.port}", f"http://127.0.0.1:{addresses.runner_port}"
            )
    finally:
        await cluster.aclose()


class Kube:
    """The API server as its administrator."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Json:
        """One request; fails on any refusal."""
        answer = await self._http.request(method, path, json=body, headers={"Content-Type": content})
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        parsed: Json = answer.json()
        return parsed


@asynccontextmanager
async def kube_of(plane: ControlPlane) -> AsyncIterator[Kube]:
    """A client of the administrator."""
    context = ssl.create_default_context(cafile=str(plane.ca))
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with httpx.AsyncClient(
        base_url=plane.url, headers=headers, verify=context, trust_env=False, timeout=20
    ) as http:
        yield Kube(http)


class Project:
    """A namespace with the label, accounts with known rights, and the operator's hand in it."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube, self.namespace, self.name = kube, namespace, f"p-{namespace}"
        self._attempts: dict[str, str] = {}

    # --- making it
    @classmethod
    async def make(cls, kube: Kube) -> "Project":
        """A fresh one."""
        project = cls(kube, f"t-{uuid.uuid4().hex[:10]}")
        labels = {names.LABEL_PROJECT: project.name}
        body = {"metadata": {"name": project.namespace, "labels": labels}}
        await kube.call("POST", "/api/v1/namespaces", body)
        for account, verbs in (("editor", EDITOR), ("viewer", VIEWER), ("stranger", []), ("runner", [])):
            await project.make_account(account, verbs)
        return project

    async def make_account(self, name: str, verbs: list[str]) -> None:
        """A ServiceAccount that may do `verbs` with our resources here."""
        meta = {"metadata": {"name": name}}
        await self.kube.call("POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts", meta)
        if not verbs:
            return
        rule = {
            "apiGroups": [names.GROUP],
            "resources": [names.WORKFLOWS, names.WORKFLOW_RUNS],
            "verbs": verbs,
        }
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        await self.kube.call("POST", f"{rbac}/roles", {**meta, "rules": [rule]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        body = {**meta, "roleRef": reference, "subjects": [subject]}
        await self.kube.call("POST", f"{rbac}/rolebindings", body)

    async def token(self, account: str, pod: Json | None = None, audience: str = "") -> str:
        """A token of an account, bound to a pod where one is given."""
        spec: Json = {"audiences": [audience] if audience else []}
        if pod is not None:
            meta = pod["metadata"]
            spec["boundObjectRef"] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": meta["name"],
                "uid": meta["uid"],
            }
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        answer = await self.kube.call("POST", path, {"spec": spec})
        token: str = answer["status"]["token"]
        return token

    # --- resources
    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """Where objects of ours are."""
        base = f"/apis/{names.API_VERSION}/namespaces/{self.namespace}/{plural}"
        return "/".join(part for part in (base, name, subresource) if part)

    async def workflow(self, name: str = "flow", **spec: Any) -> Json:
        """A Workflow."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_KIND,
            "metadata": {"name": name},
            "spec": {"graph": {"entrypoint": "flow:graph"}, **spec},
        }
        return await self.kube.call("POST", self.path("workflows"), body)

    async def run(self, name: str) -> Json:
        """The WorkflowRun as it is now."""
        return await self.kube.call("GET", self.path("workflowruns", name))

    async def apply_run(self, name: str, **spec: Any) -> Json:
        """A run made by kubectl."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.WORKFLOW_RUN_KIND,
            "metadata": {"name": name},
            "spec": {"workflowRef": {"name": "flow"}, **spec},
        }
        return await self.kube.call("POST", self.path("workflowruns"), body)

    async def ask(self, name: str, **spec: Any) -> Json:
        """Change spec, as kubectl does."""
        return await self.kube.call("PATCH", self.path("workflowruns", name), {"spec": spec}, MERGE)

    # --- the operator's hand
    async def status(self, name: str, **status: Any) -> Json:
        """Write status, as the operator does."""
        path = self.path("workflowruns", name, "status")
        return await self.kube.call("PATCH", path, {"status": status}, MERGE)

    async def pod_for(self, run: str, attempt: int = 1) -> Json:
        """Revision, Job and pod of an attempt, as operator and Job controller make them."""
        manifest = await self.run(run)
        workflow = manifest["spec"]["workflowRef"]["name"]
        revision = await self.freeze(workflow)
        labels = {
            names.LABEL_RUN: run,
            names.LABEL_ATTEMPT: str(attempt),
            names.LABEL_WORKFLOW: workflow,
            names.LABEL_REVISION: revision,
        }
        owner = _owner(names.API_VERSION, names.WORKFLOW_RUN_KIND, manifest)
        job = {
            "metadata": {"name": f"{run}-{attempt}", "labels": labels, "ownerReferences": [owner]},
            # no controller touches it: its own would let go of a pod that it did not make
            "spec": {
                "managedBy": f"{names.GROUP}/test",
                "template": {"spec": {**_pod_spec(), "restartPolicy": "Never"}},
            },
        }
        made = await self.kube.call("POST", f"/apis/batch/v1/namespaces/{self.namespace}/jobs", job)
        pod = {
            "metadata": {
                "name": f"{run}-{attempt}-{uuid.uuid4().hex[:5]}",
                "labels": labels,
                "ownerReferences": [_owner("batch/v1", "Job", made)],
                # keeps the pod from being tidied up
                "finalizers": ["graphrun.dev/test"],
            },
            "spec": _pod_spec(),
        }
        return await self.kube.call("POST", f"/api/v1/namespaces/{self.namespace}/pods", pod)

    async def freeze(self, workflow: str) -> str:
        """The workflow's present spec as a revision; answers its name."""
        spec = (await self.kube.call("GET", self.path("workflows", workflow)))["spec"]
        name = revision_name(workflow, spec)
        base = f"/apis/apps/v1/namespaces/{self.namespace}/controllerrevisions"
        known = await self.kube.call("GET", base)
        if name not in {item["metadata"]["name"] for item in known["items"]}:
            labels = {names.LABEL_WORKFLOW: workflow}
            body = {"metadata": {"name": name, "labels": labels}, "data": spec, "revision": 1}
            await self.kube.call("POST", base, body)
        return name


def _owner(version: str, kind: str, manifest: Json) -> Json:
    meta = manifest["metadata"]
    return {
        "apiVersion": version,
        "kind": kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }


def _pod_spec() -> Json:
    container = {"name": names.RUNNER_CONTAINER, "image": "runner:test"}
    return {"containers": [container], "serviceAccountName": "runner"}


class Rest:
    """REST calls of one person in one project."""

    def __init__(self, http: httpx.AsyncClient, project: Project, token: str) -> None:
        self.http, self.project, self.token = http, project, token

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The plain answer."""
        return await self.http.request(
            method, f"/api/projects/{self.project.name}/workflows{path}", **options
        )

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """The answer's JSON; fails on any refusal."""
        answer = await self.send(method, path, json=body, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        parsed: Json = answer.json() if answer.content else {}
        return parsed

    async def refused(self, status: int, method: str, path: str, **options: Any) -> Json:
        """The problem document of a refusal."""
        answer = await self.send(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        body: Json = answer.json()
        assert {"type", "title", "status", "detail", "instance"} <= body.keys()
        return body

    async def create(self, input_data: Json | None = None, **options: Any) -> str:
        """A run of `flow`; its id."""
        body = {"workflow": "flow", "input_data": input_data or {}}
        run: str = (await self.ok("POST", "/runs", body, **options))["run_id"]
        return run

    async def until_status(self, run: str, wanted: str, seconds: float = 15) -> Json:
        """Poll until the run has this status."""
        return await eventually(
            lambda: self.ok("GET", f"/runs/{run}/status"),
            lambda seen: seen["status"] == wanted,
            seconds=seconds,
            what=f"status of {run} is {wanted}",
        )


@asynccontextmanager
async def rest_of(api: Api, project: Project, account: str = "editor") -> AsyncIterator[Rest]:
    """A person with an account's token, who takes no answer that the OpenAPI document does not promise."""
    token = await project.token(account)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=api.url,
        headers=headers,
        trust_env=False,
        timeout=40,
        event_hooks={"response": [promises.kept]},
    ) as http:
        yield Rest(http, project, token)


class Runner:
    """A runner's calls for one attempt."""

    def __init__(self, http: httpx.AsyncClient, pod: Json) -> None:
        self.http, self.pod, self._seq = http, pod, 0

    async def claim(self) -> httpx.Response:
        """Claim the attempt."""
        return await self.http.post("/runner/v1/claim", json={"protocol": 1})

    async def claimed(self) -> Json:
        """The grant; fails on a refusal."""
        answer = await self.claim()
        assert answer.status_code == 200, answer.text
        grant: Json = answer.json()
        return grant

    def event(self, kind: str, **fields: Any) -> Json:
        """The attempt's next event."""
        self._seq += 1
        return {"seq": self._seq, "type": kind, "at": now(), "data": {}, **fields}

    def visit(self, kind: str, node: str, task: str, **fields: Any) -> Json:
        """The attempt's next event of a node."""
        place = {"node_id": node, "task_id": task, "ns": "", "step": 1, "visit": 1}
        return self.event(kind, **{**place, **fields})

    async def send(self, *events: Json) -> httpx.Response:
        """A batch."""
        return await self.http.post("/runner/v1/events", json={"events": list(events)})

    async def sent(self, *events: Json) -> None:
        """A batch that must be taken."""
        answer = await self.send(*events)
        assert answer.status_code == 204, answer.text

    async def command(self, known: str, wait: float) -> httpx.Response:
        """The long poll."""
        return await self.http.get("/runner/v1/command", params={"known": known, "wait": wait})

    async def report(self, **report: Any) -> httpx.Response:
        """The end."""
        return await self.http.post("/runner/v1/report", json=report)


@asynccontextmanager
async def runner_of(api: Api, project: Project, pod: Json) -> AsyncIterator[Runner]:
    """The runner of a pod, with its projected token."""
    token = await project.token("runner", pod, names.RUNNER_AUDIENCE)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=api.runner_url, headers=headers, trust_env=False, timeout=40
    ) as http:
        yield Runner(http, pod)
