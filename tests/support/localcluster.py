"""A local cluster of a test's own, and a small image to run on it."""

import http.client
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphrun_devcluster.components.build import handy_folder
from graphrun_devcluster.needs import ensure_packages, require_command
from graphrun_devcluster.oci_archive import BinaryImage, write_binary_image
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.provider import Cluster

SHELL_IMAGE = "localhost/devcluster-test-shell:1"
"""An image with one binary, busybox: a shell, nslookup, httpd, wget."""


def load_shell_image(cluster: Cluster, folder: Path) -> None:
    """Make `SHELL_IMAGE` known to the cluster; its archive is written into `folder`."""
    ensure_packages(["busybox-static"], Progress())
    archive = folder / "shell.tar"
    write_binary_image(archive, BinaryImage(SHELL_IMAGE, require_command("busybox"), "bin/busybox"))
    cluster.load_image(archive)


def shell_pod(name: str, script: str, ports: Sequence[int] = ()) -> dict[str, Any]:
    """Return a pod that runs `script`, fit for restricted Pod Security."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": {"desired": "Running"}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": SHELL_IMAGE,
                    "imagePullPolicy": "Never",
                    "command": ["/bin/busybox", "sh", "-c", script],
                    "ports": [{"containerPort": port} for port in ports],
                    "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"cpu": "10m"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "volumeMounts": [
                        {"name": "token", "mountPath": "/token"},
                        {"name": "info", "mountPath": "/info"},
                        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
                    ],
                }
            ],
            "volumes": [_token_volume(), _info_volume(), {"name": "tmp", "emptyDir": {}}],
        },
    }


def _token_volume() -> dict[str, Any]:
    token = {"audience": "graphrun-runner", "expirationSeconds": 3600, "path": "token"}
    return {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}}


def _info_volume() -> dict[str, Any]:
    field = {"fieldPath": "metadata.annotations['desired']"}
    return {"name": "info", "downwardAPI": {"items": [{"path": "desired", "fieldRef": field}]}}


def service(name: str, port: int) -> dict[str, Any]:
    """Return a Service in front of the pod `name`."""
    spec = {"selector": {"app": name}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def run_kubectl(cluster: Cluster, *arguments: str, stdin: Mapping[str, Any] | None = None) -> str:
    """Run kubectl as administrator and return what it prints; raise with its message when it fails."""
    done = subprocess.run(
        [str(handy_folder() / "kubectl"), f"--kubeconfig={cluster.kubeconfig()}", *arguments],
        input=json.dumps(stdin) if stdin else "",
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    if done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def page(address: str, path: str = "/index.html") -> str:
    """Return what a server at `host:port` answers."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
