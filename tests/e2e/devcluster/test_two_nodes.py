"""A local cluster with two nodes: one network, images on both, and faults of a node or of a part.

One cluster for the module, with a name of its own; its tests leave it with two nodes that are well.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.faults import Faults, PodProcess, pods_with_processes, processes_of_pod
from graphrun_devcluster.processes.identity import is_alive, is_stopped
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.local.cluster import LocalCluster
from graphrun_devcluster.providers.local.frozen import node_processes
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.providers.local.teardown import what_is_left
from graphrun_devcluster.providers.provider import ServicePort
from graphrun_devcluster.waiting import wait_until
from support.localcluster import load_shell_image, page, run_kubectl, service, shell_pod

pytestmark = pytest.mark.usefixtures("root")

NAME = "e2e-two-nodes"
LAYOUT = Layout(NAME)
LEDGER = Ledger(LAYOUT.processes, LAYOUT.logs)
SECOND = LAYOUT.node(1)


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[LocalCluster]:
    made = LocalCluster(NAME, Progress())
    made.down()
    made.up(nodes=2)
    try:
        yield made
    finally:
        made.down()


@pytest.fixture
def cluster(module_cluster: LocalCluster, tmp_path: Path) -> LocalCluster:
    load_shell_image(module_cluster, tmp_path)
    return module_cluster


@pytest.fixture
def faults(cluster: LocalCluster) -> Iterator[Faults]:
    yield Faults(NAME)
    cluster.up()


def run_pod(cluster: LocalCluster, name: str, node: str, script: str = "exec busybox sleep 600") -> str:
    """Start a pod on a node, wait until it is Ready, and return its UID."""
    manifest = shell_pod(name, script, ports=[8080])
    manifest["spec"]["nodeName"] = node
    run_kubectl(cluster, "delete", "pod", name, "--ignore-not-found")
    run_kubectl(cluster, "apply", "-f", "-", stdin=manifest)
    run_kubectl(cluster, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    return run_kubectl(cluster, "get", "pod", name, "-o", "jsonpath={.metadata.uid}")


def in_pod(cluster: LocalCluster, pod: str, *command: str) -> str:
    return run_kubectl(cluster, "exec", pod, "--", "/bin/busybox", *command)


def recorded_pids() -> dict[str, int]:
    return {record.name: record.identity.pid for record in LEDGER.records() if record.alive()}


def ready_nodes(cluster: LocalCluster) -> set[str]:
    return {part.part for part in cluster.status() if part.part.startswith("node ") and part.healthy}


def test_services_and_names_lead_from_each_node_to_the_other(cluster: LocalCluster) -> None:
    for number in (0, 1):
        serve = f"echo from-{number} > /tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp"
        run_pod(cluster, f"server-{number}", f"node{number}", serve)
        run_kubectl(cluster, "apply", "-f", "-", stdin=service(f"server-{number}", 8080))

    for number, other in ((0, 1), (1, 0)):
        run_pod(cluster, f"caller-{number}", f"node{number}")
        name = f"server-{other}"
        address = run_kubectl(cluster, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
        answer = in_pod(cluster, f"caller-{number}", "nslookup", f"{name}.default.svc.cluster.local")
        assert address in answer
        request = f"printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 {address} 8080"
        assert wait_until(partial(_hears, cluster, number, request, f"from-{other}"), 20, interval=0.5)
        assert page(cluster.forward(ServicePort("default", name, 8080))) == f"from-{other}\n"


def _hears(cluster: LocalCluster, number: int, request: str, word: str) -> bool:
    try:
        return word in in_pod(cluster, f"caller-{number}", "sh", "-c", request)
    except AssertionError:
        return False


def test_up_without_a_number_keeps_the_nodes_and_leaves_them_alone(cluster: LocalCluster) -> None:
    before = recorded_pids()

    cluster.up()

    assert recorded_pids() == before
    assert ready_nodes(cluster) == {"node node0", "node node1"}


def test_a_node_too_much_is_removed_whole_and_can_be_added_again(cluster: LocalCluster) -> None:
    staying = run_pod(cluster, "stays", "node0")
    run_pod(cluster, "goes", "node1")
    before = recorded_pids()

    cluster.up(nodes=1)

    assert not what_is_left(SECOND, [SECOND])
    assert {name for name in before if "node1" not in name} == recorded_pids().keys()
    assert ready_nodes(cluster) == {"node node0"}
    assert run_kubectl(cluster, "get", "nodes", "-o", "name") == "node/node0\n"
    assert "goes" not in run_kubectl(cluster, "get", "pods", "-o", "name")

    cluster.up(nodes=2)

    assert ready_nodes(cluster) == {"node node0", "node node1"}
    assert processes_of_pod(NAME, staying)


@pytest.mark.parametrize("count", [0, 5])
def test_a_number_of_nodes_that_cannot_be_is_refused(cluster: LocalCluster, count: int) -> None:
    with pytest.raises(DevClusterError, match="1 to 4"):
        cluster.up(nodes=count)


def test_a_frozen_node_does_nothing_until_it_is_thawed(cluster: LocalCluster, faults: Faults) -> None:
    script = "while true; do echo tick; busybox usleep 20000; done"
    beating = run_pod(cluster, "beating", "node1", script)
    beside = run_pod(cluster, "beside", "node0")

    with faults.frozen_node("node1"):
        frozen = node_processes(SECOND, LEDGER)
        assert {process.identity for process in processes_of_pod(NAME, beating)} <= set(frozen)
        assert all(map(is_stopped, frozen))
        assert not any(is_stopped(process.identity) for process in processes_of_pod(NAME, beside))
        assert wait_until(lambda: ready_nodes(cluster) == {"node node0"}, 90, interval=1)

    assert wait_until(lambda: ready_nodes(cluster) == {"node node0", "node node1"}, 30, interval=0.5)
    assert not any(is_stopped(identity) for identity in frozen if is_alive(identity))
    assert any(is_alive(process.identity) for process in processes_of_pod(NAME, beating))


def test_freezing_the_first_node_leaves_the_control_plane_running(
    cluster: LocalCluster, faults: Faults
) -> None:
    with faults.frozen_node("node0"):
        assert is_stopped(faults.part("kubelet"))
        for part in ("etcd", "kube-apiserver", "kube-scheduler", "coredns", "kubelet-node1"):
            assert not is_stopped(faults.part(part)), part
        assert run_kubectl(cluster, "get", "--raw", "/readyz") == "ok"


def test_what_a_killed_test_left_frozen_goes_on_with_the_next_up(cluster: LocalCluster) -> None:
    pod = run_pod(cluster, "held", "node0")
    [inside] = [process for process in processes_of_pod(NAME, pod) if process.inner_pid == 1]
    script = (
        "import os, signal\n"
        "from graphrun_devcluster.faults import Faults, processes_of_pod\n"
        f"faults = Faults({NAME!r})\n"
        f"faults.freeze_process(processes_of_pod({NAME!r}, {pod!r})[0].identity)\n"
        "faults.freeze_node('node1')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    before = recorded_pids()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert is_stopped(inside.identity)
    assert is_stopped(Faults(NAME).part("kubelet-node1"))

    cluster.up()

    assert not is_stopped(inside.identity)
    assert recorded_pids() == before, "thawed, not started anew"
    assert not list(LAYOUT.faults.iterdir())


def test_a_killed_node_is_dead_at_once_and_comes_back(cluster: LocalCluster, faults: Faults) -> None:
    doomed = run_pod(cluster, "doomed", "node1")
    before = {process.identity for process in processes_of_pod(NAME, doomed)}

    faults.kill_node("node1")

    assert not any(map(is_alive, before))
    assert not node_processes(SECOND, LEDGER)
    assert doomed not in pods_with_processes(NAME)
    faults.revive_node("node1")
    run_pod(cluster, "after", "node1")


def test_the_first_node_and_unknown_ones_cannot_be_killed(faults: Faults) -> None:
    with pytest.raises(DevClusterError, match="control plane"):
        faults.kill_node("node0")
    with pytest.raises(DevClusterError, match="no node 'node2'"):
        faults.kill_node("node2")


def test_the_api_server_stays_away_until_it_is_revived(cluster: LocalCluster, faults: Faults) -> None:
    before = recorded_pids()

    with faults.without_part("kube-apiserver"):
        with pytest.raises(DevClusterError, match="no part 'kube-apiserver' runs"):
            faults.part("kube-apiserver")
        with pytest.raises(AssertionError):
            run_kubectl(cluster, "get", "--raw", "/readyz", "--request-timeout=2s")

    assert run_kubectl(cluster, "get", "--raw", "/readyz") == "ok"
    after = recorded_pids()
    assert {name for name in before if after[name] != before[name]} == {"kube-apiserver"}


def test_a_pods_processes_are_found_and_told_apart(cluster: LocalCluster) -> None:
    pod = run_pod(cluster, "two", "node1", "busybox sleep 601 & exec busybox sleep 602")

    found = {process.inner_pid == 1: process for process in processes_of_pod(NAME, pod)}

    assert found[True].command[-1] == "602"
    assert found[False].command[-1] == "601"
    assert len({process.container for process in found.values()}) == 1
    assert pods_with_processes(NAME)[pod] == processes_of_pod(NAME, pod)
    os.kill(found[False].identity.pid, signal.SIGKILL)
    assert wait_until(lambda: _commands(processes_of_pod(NAME, pod)) == ["602"], 5)
    run_kubectl(cluster, "delete", "pod", "two")
    assert wait_until(lambda: not processes_of_pod(NAME, pod), 5)


def _commands(processes: list[PodProcess]) -> list[str]:
    return [process.command[-1] for process in processes]
