"""A whole local cluster: what pods may rely on, what a crash leaves, what `down` leaves.

One cluster for the module, with a name of its own: it never meets the one people work with. The tests
share it, but nothing that another one left in it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_devcluster.components.build import handy_folder
from graphrun_devcluster.processes.identity import is_alive
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.local.cluster import LocalCluster
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.providers.local.leftovers import mounts_below, stray_files, stray_processes
from graphrun_devcluster.providers.local.node_images import NodeImages
from graphrun_devcluster.providers.provider import ServicePort
from graphrun_devcluster.waiting import wait_until
from support.localcluster import SHELL_IMAGE, load_shell_image, page, run_kubectl, service, shell_pod

pytestmark = pytest.mark.usefixtures("root")

NAME = "e2e-devcluster"
LAYOUT = Layout(NAME)
LEDGER = Ledger(LAYOUT.processes, LAYOUT.logs)
NAMESPACE = "restricted"
CALL = f"""
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.local.cluster import LocalCluster
LocalCluster({NAME!r}, Progress()).{{}}()
"""


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[LocalCluster]:
    made = LocalCluster(NAME, Progress())
    made.down()
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture
def cluster(module_cluster: LocalCluster, tmp_path: Path) -> LocalCluster:
    """The module's cluster with the shell image and a namespace under restricted Pod Security."""
    load_shell_image(module_cluster, tmp_path)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    run_kubectl(module_cluster, "apply", "-f", "-", stdin=namespace)
    return module_cluster


def in_pod(cluster: LocalCluster, pod: str, *command: str) -> str:
    return run_kubectl(cluster, "-n", NAMESPACE, "exec", pod, "--", "/bin/busybox", *command)


def start(cluster: LocalCluster, manifest: dict[str, object], name: str) -> None:
    run_kubectl(cluster, "-n", NAMESPACE, "apply", "-f", "-", stdin=manifest)
    run_kubectl(cluster, "-n", NAMESPACE, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")


def recorded_pids() -> dict[str, int]:
    return {record.name: record.identity.pid for record in LEDGER.records() if record.alive()}


def test_a_restricted_pod_has_logs_exec_dns_token_and_downward_api(cluster: LocalCluster) -> None:
    start(cluster, shell_pod("talker", "echo hello; exec busybox sleep 600"), "talker")

    assert run_kubectl(cluster, "-n", NAMESPACE, "logs", "talker") == "hello\n"
    answer = in_pod(cluster, "talker", "nslookup", "kubernetes.default.svc.cluster.local")
    assert "10.96.0.1" in answer
    assert in_pod(cluster, "talker", "cat", "/token/token").count(".") == 2
    assert in_pod(cluster, "talker", "cat", "/info/desired") == "Running"
    run_kubectl(cluster, "-n", NAMESPACE, "annotate", "--overwrite", "pod/talker", "desired=Paused")
    assert wait_until(lambda: in_pod(cluster, "talker", "cat", "/info/desired") == "Paused", 90, interval=1)


def test_a_service_answers_to_other_pods_and_to_this_machine(cluster: LocalCluster) -> None:
    serve = "echo served > /tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp"
    start(cluster, shell_pod("server", serve, ports=[8080]), "server")
    run_kubectl(cluster, "-n", NAMESPACE, "apply", "-f", "-", stdin=service("server", 8080))
    start(cluster, shell_pod("caller", "exec busybox sleep 600"), "caller")

    address_in_cluster = run_kubectl(
        cluster, "-n", NAMESPACE, "get", "service", "server", "-o", "jsonpath={.spec.clusterIP}"
    )
    assert address_in_cluster in in_pod(
        cluster, "caller", "nslookup", f"server.{NAMESPACE}.svc.cluster.local"
    )
    request = f"printf 'GET /index.html HTTP/1.0\r\n\r\n' | busybox nc -w 2 {address_in_cluster} 8080"
    assert wait_until(lambda: "served" in _quietly(cluster, "sh", "-c", request), 20, interval=0.5)
    address = cluster.forward(ServicePort(NAMESPACE, "server", 8080))
    assert page(address) == "served\n"
    assert cluster.forward(ServicePort(NAMESPACE, "server", 8080)) == address


def _quietly(cluster: LocalCluster, *command: str) -> str:
    try:
        return in_pod(cluster, "caller", *command)
    except AssertionError:
        return ""


def test_up_again_leaves_everything_that_runs_alone(cluster: LocalCluster) -> None:
    before = recorded_pids()

    cluster.up()

    assert recorded_pids() == before


@pytest.mark.parametrize("victims", [("kubelet", "containerd"), ("kube-apiserver", "etcd")])
def test_up_mends_what_was_killed(cluster: LocalCluster, victims: tuple[str, ...]) -> None:
    before = recorded_pids()
    for name in victims:
        os.kill(before[name], signal.SIGKILL)

    cluster.up()

    after = recorded_pids()
    assert after.keys() == before.keys()
    assert {name for name in before if after[name] != before[name]} == set(victims)
    assert all(part.healthy for part in cluster.status())


def test_up_replaces_a_frozen_component(cluster: LocalCluster) -> None:
    before = recorded_pids()
    os.kill(before["kube-scheduler"], signal.SIGSTOP)

    cluster.up()

    assert recorded_pids()["kube-scheduler"] != before["kube-scheduler"]


def test_pods_outlive_the_death_of_kubelet_and_containerd(cluster: LocalCluster) -> None:
    start(cluster, shell_pod("survivor", "exec busybox sleep 600"), "survivor")
    for name in ("kubelet", "containerd"):
        os.kill(recorded_pids()[name], signal.SIGKILL)

    cluster.up()

    assert wait_until(lambda: _restarts(cluster, "survivor") == 0, 20, interval=0.5)
    # A kubelet that has just started refuses exec until it has read its pods.
    assert wait_until(lambda: _answers(cluster, "survivor"), 20, interval=0.5)


def _answers(cluster: LocalCluster, pod: str) -> bool:
    try:
        return in_pod(cluster, pod, "echo", "here") == "here\n"
    except AssertionError:
        return False


def _restarts(cluster: LocalCluster, pod: str) -> int:
    text = run_kubectl(cluster, "-n", NAMESPACE, "get", "pod", pod, "-o", "json")
    return int(json.loads(text)["status"]["containerStatuses"][0]["restartCount"])


@pytest.mark.usefixtures("cluster")
def test_an_image_that_is_there_is_not_imported_again(tmp_path: Path) -> None:
    ctr = handy_folder() / "ctr"
    images = NodeImages(ctr, LAYOUT.state / "containerd.sock")

    assert SHELL_IMAGE in images.present()
    assert not images.load(tmp_path / "shell.tar")


def test_two_clusters_side_by_side_do_not_meet(cluster: LocalCluster) -> None:
    start(cluster, shell_pod("neighbour", "exec busybox sleep 600"), "neighbour")
    before = recorded_pids()
    other = LocalCluster(f"{NAME}-2", Progress())
    try:
        other.up()
        assert other.kubeconfig().read_text() != cluster.kubeconfig().read_text()
        assert NAMESPACE not in run_kubectl(other, "get", "namespaces", "-o", "name")
    finally:
        other.down()

    assert recorded_pids() == before
    assert all(part.healthy for part in cluster.status())
    assert in_pod(cluster, "neighbour", "echo", "here") == "here\n"
    assert _restarts(cluster, "neighbour") == 0


def test_up_finishes_a_down_that_was_killed(cluster: LocalCluster) -> None:
    killed = subprocess.Popen([sys.executable, "-c", CALL.format("down")], stderr=subprocess.DEVNULL)
    assert wait_until(LAYOUT.ending.exists, 60, interval=0.001)
    killed.kill()
    killed.wait()

    cluster.up()

    assert all(part.healthy for part in cluster.status())
    assert NAMESPACE not in run_kubectl(cluster, "get", "namespaces", "-o", "name")


def test_down_leaves_nothing_even_after_an_up_was_killed(cluster: LocalCluster) -> None:
    cluster.down()
    script = (
        f"from graphrun_devcluster.providers.local.cluster import *\nLocalCluster({NAME!r}, Progress()).up()"
    )
    killed = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    assert wait_until(lambda: "kube-apiserver" in recorded_pids(), 60, interval=0.01)
    killed.kill()
    killed.wait()

    cluster.up()
    assert all(part.healthy for part in cluster.status())
    seen = {record.identity for record in LEDGER.records()} | set(stray_processes(LAYOUT.nodes()))
    cluster.down()

    assert not stray_processes(LAYOUT.nodes())
    assert not any(map(is_alive, seen))
    assert not mounts_below([LAYOUT.state, LAYOUT.data])
    assert not stray_files(LAYOUT)
    assert not [path for path in (LAYOUT.state, LAYOUT.data, LAYOUT.netns) if path.exists()]
    cluster.up()  # whichever test comes next finds it
