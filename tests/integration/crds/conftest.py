"""The custom resources on a real API server, their admission policies at work."""

import uuid

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.waiting import wait_until
from support.controlplane import control_plane
from support.kubectl import Kubectl, new_run, new_workflow


@pytest.fixture(scope="session")
def plane() -> ControlPlane:
    """The API server with everything of crds/."""
    plane = control_plane()
    admin = Kubectl(plane, "default")

    def policies_refuse() -> bool:
        # The API server starts to enforce a policy a moment after it was stored.
        bad_run = new_run(config={"configurable": {"thread_id": "x"}})
        bad_workflow = new_workflow(inputSchema={"x": "x" * 65536})
        return not any(admin.create(bad, dry_run=True).accepted for bad in (bad_run, bad_workflow))

    assert wait_until(policies_refuse, timeout=30), "the admission policies are not enforced"
    return plane


def in_new_namespace(plane: ControlPlane) -> Kubectl:
    """A namespace as soon as it is there: nothing here needs its ServiceAccount."""
    kubectl = Kubectl(plane, f"t-{uuid.uuid4().hex[:10]}")
    assert kubectl("create", "namespace", kubectl.namespace).accepted
    return kubectl


@pytest.fixture(scope="session")
def shared_kubectl(plane: ControlPlane) -> Kubectl:
    """kubectl in one namespace for all cases that store nothing."""
    return in_new_namespace(plane)


@pytest.fixture
def kubectl(plane: ControlPlane) -> Kubectl:
    """kubectl in a namespace of the test's own."""
    return in_new_namespace(plane)
