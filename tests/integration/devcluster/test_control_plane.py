"""The control plane without nodes: what it promises to the tests of others, and that nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.processes.identity import identify, is_alive
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.current import CurrentCluster
from graphrun_devcluster.waiting import wait_until
from support.controlplane import apply, fresh_namespace, kubectl

AUDIENCE = "graphrun-runner"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane(audit=True, progress=Progress()) as running:
        yield running


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    return fresh_namespace(plane, {"graphrun.dev/project": "unit"})


def pod(name: str) -> dict[str, object]:
    container = {"name": "main", "image": "localhost/none:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    }


def review(plane: ControlPlane, token: str, audience: str) -> dict[str, object]:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    answer = json.loads(kubectl(plane, "create", "-o", "json", "-f", "-", stdin=json.dumps(body)))
    status: dict[str, object] = answer["status"]
    return status


def test_a_pod_bound_token_is_reviewed_with_its_pod(plane: ControlPlane, namespace: str) -> None:
    kubectl(plane, "create", "-n", namespace, "-f", "-", stdin=json.dumps(pod("runner")))
    uid = kubectl(plane, "get", "pod", "runner", "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    bound = (f"--bound-object-kind=Pod --bound-object-name=runner --bound-object-uid={uid}").split()
    token = kubectl(
        plane, "create", "token", "default", "-n", namespace, f"--audience={AUDIENCE}", *bound
    ).strip()

    status = review(plane, token, AUDIENCE)

    assert status["authenticated"] is True
    assert status["audiences"] == [AUDIENCE]
    user = status["user"]
    assert isinstance(user, dict)
    assert user["username"] == f"system:serviceaccount:{namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["runner"]
    assert user["extra"]["authentication.kubernetes.io/pod-uid"] == [uid]


def test_a_token_for_another_audience_is_refused(plane: ControlPlane, namespace: str) -> None:
    token = kubectl(plane, "create", "token", "default", "-n", namespace, "--audience=elsewhere").strip()

    assert "authenticated" not in review(plane, token, AUDIENCE)


def test_the_job_controller_makes_pods_and_tests_may_write_their_status(
    plane: ControlPlane, namespace: str
) -> None:
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "localhost/n:1"}]}
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": template},
    }
    apply(plane, job)
    query = ("get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}")
    assert wait_until(lambda: bool(kubectl(plane, *query)), 15, interval=0.2)
    patch = json.dumps({"status": {"phase": "Succeeded"}})
    made = kubectl(plane, *query)
    kubectl(plane, "patch", "pod", made, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)

    done = ("get", "job", "work", "-n", namespace, "-o", "jsonpath={.status.succeeded}")
    assert wait_until(lambda: kubectl(plane, *done) == "1", 15, interval=0.2)


def test_the_audit_log_tells_writes_and_not_reads(plane: ControlPlane, namespace: str) -> None:
    kubectl(plane, "get", "pods", "-n", namespace)
    kubectl(plane, "create", "configmap", "told", "-n", namespace)

    def verbs() -> set[str]:
        lines = map(json.loads, plane.audit_log.read_text().splitlines())
        return {line["verb"] for line in lines if line.get("objectRef", {}).get("namespace") == namespace}

    assert wait_until(lambda: "create" in verbs(), 40, interval=0.5)
    assert "get" not in verbs()
    assert "list" not in verbs()


def test_a_named_cluster_of_others_answers_but_takes_no_images(plane: ControlPlane, tmp_path: Path) -> None:
    named = CurrentCluster(str(plane.kubeconfig), Progress())

    named.up()

    assert named.status() == []  # it has no nodes
    with pytest.raises(DevClusterError, match="registry"):
        named.load_image(tmp_path / "image.tar")


def test_nothing_is_left_when_its_owner_is_killed() -> None:
    script = (
        "import signal\nfrom graphrun_devcluster.controlplane import ControlPlane\n"
        "with ControlPlane() as plane:\n    print(plane.folder, flush=True)\n    signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        records = Ledger(folder / "processes", folder / "log").records()
        assert {record.name for record in records} >= {"etcd", "kube-apiserver", "kube-controller-manager"}
        os.kill(owner.pid, signal.SIGKILL)

    assert wait_until(lambda: not folder.exists(), 20)
    assert not any(is_alive(record.identity) for record in records)


def test_stopping_leaves_neither_process_nor_file() -> None:
    plane = ControlPlane()
    with plane:
        records = Ledger(plane.folder / "processes", plane.folder / "log").records()
        assert all(identify(record.identity.pid) for record in records)

    assert not plane.folder.exists()
    assert not any(record.alive() for record in records)
    plane.stop()
