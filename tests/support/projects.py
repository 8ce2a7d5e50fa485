"""Fresh projects for end-to-end tests: a namespace with the project label, and tokens with exactly known rights."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

EDITOR_VERBS = ["create", "get", "list", "watch", "patch", "update", "delete"]
VIEWER_VERBS = ["get", "list", "watch"]


class ClusterAccess(Protocol):
    """What graphrun_devcluster.stack.environment() gives, as far as it is needed here."""

    @property
    def kubeconfig(self) -> object: ...
    @property
    def url(self) -> str: ...
    @property
    def path(self) -> object: ...


@dataclass(frozen=True)
class Project:
    """A project of its own for one test module. `token` may do all, `viewer_token` may only look."""

    url: str
    kubeconfig: str
    path: str
    namespace: str
    token: str
    viewer_token: str

    @property
    def name(self) -> str:
        """The project id of the REST paths; not the namespace's name, so that nobody mistakes one for the other."""
        return f"p-{self.namespace}"


def kubectl(access: ClusterAccess, *args: str, stdin: object = None) -> str:
    """Run kubectl as the cluster's administrator; `stdin` is sent as JSON."""
    done = subprocess.run(
        ["kubectl", *args],
        input=json.dumps(stdin) if stdin is not None else None,
        env={**os.environ, "KUBECONFIG": str(access.kubeconfig), "PATH": str(access.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
    return done.stdout


@contextmanager
def fresh_project(access: ClusterAccess, topic: str) -> Iterator[Project]:
    """Make a project, and remove it with all that was made in it."""
    namespace = f"e2e-{topic}-{uuid.uuid4().hex[:6]}"
    kubectl(
        access, "apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": _objects(namespace)}
    )
    try:
        yield Project(
            url=access.url,
            kubeconfig=str(access.kubeconfig),
            path=str(access.path),
            namespace=namespace,
            token=_token(access, namespace, "editor"),
            viewer_token=_token(access, namespace, "viewer"),
        )
    finally:
        kubectl(access, "delete", "namespace", namespace, "--wait=false")


def _token(access: ClusterAccess, namespace: str, account: str) -> str:
    return kubectl(access, "-n", namespace, "create", "token", account, "--duration=2h").strip()


def _objects(namespace: str) -> list[dict[str, Any]]:
    labels = {
        "graphrun.dev/project": f"p-{namespace}",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    ]
    for account, verbs in (("editor", EDITOR_VERBS), ("viewer", VIEWER_VERBS)):
        made += _account(namespace, account, verbs)
    return made


def _account(namespace: str, account: str, verbs: list[str]) -> list[dict[str, Any]]:
    meta = {"name": account, "namespace": namespace}
    rule = {
        "apiGroups": ["graphrun.dev"],
        "resources": ["workflows", "workflowruns", "workflowruns/log"],
        "verbs": verbs,
    }
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    ]
