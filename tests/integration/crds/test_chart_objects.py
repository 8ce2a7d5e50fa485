"""The charts' objects on a real API server: accepted as they are, and granting what is needed and no more."""

import json
import subprocess

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.helm import REQUIRED_VALUES, helm_4, merged
from support.kubectl import Kubectl

SYSTEM = "graphrun-system"
EVERYTHING = {"api": {"replicas": 2}, "networkPolicy": {"enabled": True}}
RUNS, WORKFLOWS = "workflowruns.graphrun.dev", "workflows.graphrun.dev"


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, shared_kubectl: Kubectl) -> Kubectl:
    """The chart's objects, applied; kubectl."""
    if not shared_kubectl("get", "namespace", SYSTEM).accepted:
        assert shared_kubectl("create", "namespace", SYSTEM).accepted
    made = helm_4().template("graphrun", merged(REQUIRED_VALUES, EVERYTHING)).text
    done = subprocess.run(
        [plane.kubectl, f"--kubeconfig={plane.kubeconfig}", "apply", "--server-side", "-f", "-"],
        input=made,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return shared_kubectl


def may(kubectl: Kubectl, who: str, verb: str, what: str) -> bool:
    resource, _, subresource = what.partition("/")
    extra = ("--subresource", subresource) if subresource else ()
    return kubectl("auth", "can-i", verb, resource, "--as", who, *extra).accepted


OPERATOR = f"system:serviceaccount:{SYSTEM}:graphrun-operator"
API = f"system:serviceaccount:{SYSTEM}:graphrun-api"


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        *((verb, RUNS) for verb in ("get", "list", "watch", "delete")),
        *((verb, WORKFLOWS) for verb in ("get", "list", "watch")),
        ("patch", f"{RUNS}/status"),
        *((verb, "jobs.batch") for verb in ("get", "list", "watch", "create", "patch", "delete")),
        *((verb, "pods") for verb in ("list", "watch", "patch", "delete")),
        *((verb, "controllerrevisions.apps") for verb in ("get", "list", "create", "delete")),
        ("list", "events"),
    ],
)
def test_the_operator_may(installed: Kubectl, verb: str, what: str) -> None:
    assert may(installed, OPERATOR, verb, what)


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("get", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("create", RUNS),
        ("patch", RUNS),
        ("patch", WORKFLOWS),
        ("create", "subjectaccessreviews.authorization.k8s.io"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("list", "nodes"),
    ],
)
def test_the_operator_may_not(installed: Kubectl, verb: str, what: str) -> None:
    assert not may(installed, OPERATOR, verb, what)


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        *((verb, RUNS) for verb in ("get", "list", "watch", "create", "patch", "delete")),
        *((verb, WORKFLOWS) for verb in ("get", "list", "create", "update", "delete")),
        ("patch", f"{RUNS}/status"),
        *((verb, "namespaces") for verb in ("get", "list", "watch")),
        ("get", "pods"),
        ("get", "jobs.batch"),
        *((verb, "controllerrevisions.apps") for verb in ("get", "list")),
        ("create", "tokenreviews.authentication.k8s.io"),
        ("create", "subjectaccessreviews.authorization.k8s.io"),
    ],
)
def test_the_api_may(installed: Kubectl, verb: str, what: str) -> None:
    assert may(installed, API, verb, what)


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("get", "secrets"),
        ("create", "jobs.batch"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "users"),
    ],
)
def test_the_api_may_not(installed: Kubectl, verb: str, what: str) -> None:
    assert not may(installed, API, verb, what)


@pytest.mark.parametrize(
    ("role", "verb", "what", "allowed"),
    [
        ("graphrun-user", "create", RUNS, True),
        ("graphrun-user", "patch", RUNS, True),
        ("graphrun-user", "delete", WORKFLOWS, True),
        ("graphrun-user", "get", f"{RUNS}/log", True),
        ("graphrun-user", "patch", f"{RUNS}/status", False),
        ("graphrun-user", "get", "pods", False),
        ("graphrun-viewer", "watch", RUNS, True),
        ("graphrun-viewer", "get", f"{RUNS}/log", True),
        ("graphrun-viewer", "patch", RUNS, False),
        ("edit", "create", RUNS, True),
        ("view", "list", RUNS, True),
        ("view", "create", RUNS, False),
    ],
)
def test_people_get_their_roles(
    installed: Kubectl, role: str, verb: str, what: str, *, allowed: bool
) -> None:
    person = f"person-{role}"
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": person},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": person, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    assert installed("apply", "--server-side", "-f", "-", stdin=json.dumps(binding)).accepted
    assert may(installed, person, verb, what) == allowed
