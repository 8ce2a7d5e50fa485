"""A Python file of tests/support as a server in the cluster: ConfigMap, Pod and Service, as restricted as runners are."""

from pathlib import Path
from typing import Any

PORT = 8000


def script_server(name: str, image: str, script: Path, args: list[str]) -> dict[str, Any]:
    """The objects that serve `script` as http://NAME:8000; `image` needs nothing but python."""
    labels = {"app": name}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name},
                "data": {script.name: script.read_text(encoding="utf-8")},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name},
                # Reachable as long as it runs: on a busy machine a readiness probe fails now and then.
                "spec": {"selector": labels, "ports": [{"port": PORT}], "publishNotReadyAddresses": True},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": _pod_spec(name, image, ["python", f"/script/{script.name}", *args]),
            },
        ],
    }


def _pod_spec(name: str, image: str, command: list[str]) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "script", "configMap": {"name": name}}],
        "containers": [
            {
                "name": "server",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": command,
                "volumeMounts": [{"name": "script", "mountPath": "/script"}],
                # Without a share of its own it gets next to nothing of a busy node.
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
