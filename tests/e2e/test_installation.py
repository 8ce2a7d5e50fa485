"""What the demo and these tests use was installed by Helm and by nothing else."""

import json
import os
import subprocess

from graphrun_devcluster import stack
from support.projects import kubectl

SYSTEM = "graphrun-system"


def test_the_release_is_deployed(environment: stack.Environment) -> None:
    done = subprocess.run(
        ["helm", "list", "-n", SYSTEM, "-o", "json"],
        env={**os.environ, "KUBECONFIG": str(environment.kubeconfig), "PATH": str(environment.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert {release["name"]: release["status"] for release in json.loads(done.stdout)}[
        "graphrun"
    ] == "deployed"


def test_everything_in_the_system_namespace_belongs_to_the_release(environment: stack.Environment) -> None:
    kinds = "deployments,services,serviceaccounts,roles,rolebindings,configmaps,networkpolicies"
    found = json.loads(kubectl(environment, "-n", SYSTEM, "get", kinds, "-o", "json"))["items"]
    ours = [item for item in found if item["metadata"]["name"] not in ("default", "kube-root-ca.crt")]

    releases = {
        item["metadata"]["name"]: item["metadata"].get("annotations", {}).get("meta.helm.sh/release-name")
        for item in ours
        if not item["metadata"].get("ownerReferences")
    }

    assert {"graphrun-operator", "graphrun-api"} <= releases.keys()
    assert {name for name, release in releases.items() if not release} == set()
