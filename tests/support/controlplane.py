"""A real API server for integration tests: one for the whole pytest session, a namespace for each test.

In a conftest.py::

    from support.controlplane import fresh_namespace, session_control_plane

    @pytest.fixture(scope="session")
    def cluster() -> Iterator[ControlPlane]:
        with session_control_plane() as plane:
            yield plane

    @pytest.fixture
    def namespace(cluster: ControlPlane) -> str:
        return fresh_namespace(cluster)
"""

import atexit
import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.waiting import wait_until

CRDS = Path(__file__).resolve().parents[2] / "crds"


@contextmanager
def session_control_plane() -> Iterator[ControlPlane]:
    """Bring up etcd, API server and controller manager with our CRDs; end them afterwards.

    There are no nodes: pods stay Pending until a test writes their status subresource. A pod that a
    test bound to a node must be deleted with grace period 0, for there is no kubelet to do it.
    """
    with ControlPlane() as plane:
        apply_crds(plane)
        yield plane


@cache
def control_plane() -> ControlPlane:
    """Return the control plane shared by everything in this process; it ends with the process.

    For conftests of several folders that want the same one in one pytest run.
    """
    plane = ControlPlane()
    atexit.register(plane.stop)
    plane.start()
    apply_crds(plane)
    return plane


def kubectl(plane: ControlPlane, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as administrator and return what it prints; raise with its message when it fails."""
    done = subprocess.run(
        [plane.kubectl, f"--kubeconfig={plane.kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def apply(plane: ControlPlane, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a manifest by server-side apply and return the stored object."""
    text = kubectl(plane, "apply", "--server-side", "-o", "json", "-f", "-", stdin=json.dumps(manifest))
    stored: dict[str, Any] = json.loads(text)
    return stored


def apply_crds(plane: ControlPlane) -> None:
    """Apply all of crds/, as far as there are any, and wait until the API server serves them."""
    if not list(CRDS.glob("*.yaml")):
        return
    kubectl(plane, "apply", "--server-side", "--recursive", "-f", str(CRDS))
    # Not recursive: the admission policies in the subfolder have no such condition.
    kubectl(
        plane, "wait", "--for=condition=Established", "--timeout=30s", "--recursive=false", "-f", str(CRDS)
    )


def fresh_namespace(plane: ControlPlane, labels: Mapping[str, str] | None = None) -> str:
    """Make a namespace of a new name, ready for pods (its default ServiceAccount is there).

    Args:
        plane: where.
        labels: such as ``{"graphrun.dev/project": "p1"}``.
    """
    name = f"t-{uuid.uuid4().hex[:10]}"
    metadata = {"name": name, "labels": dict(labels or {})}
    apply(plane, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    query = ("get", "serviceaccounts", "default", "-n", name, "--ignore-not-found", "-o", "name")
    assert wait_until(lambda: bool(kubectl(plane, *query)), timeout=15), (
        f"no default ServiceAccount in {name}"
    )
    return name
