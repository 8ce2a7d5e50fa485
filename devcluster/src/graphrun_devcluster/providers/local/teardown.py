"""Ends a local cluster: its processes, pods, mounts, cgroups, network, files; and proves that all are gone."""

import shutil
import subprocess
from collections.abc import Sequence

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.processes.identity import identify
from graphrun_devcluster.processes.ledger import Ledger, stop_all
from graphrun_devcluster.providers.local.cgroups import members, remove_cgroup
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout
from graphrun_devcluster.providers.local.leftovers import mounts_below, stray_files, stray_processes
from graphrun_devcluster.providers.local.network import remove_network

CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
NODE_PROGRAMS = ("kubelet", "containerd", "kube-proxy")


def end_processes(layout: Layout, ledger: Ledger) -> None:
    """Kill every process of the cluster. Nothing is asked to end by itself: nothing of it is kept."""
    recorded = [record.name for record in ledger.records()]
    # These would start pods anew while they are being killed.
    first = [*CONTROLLERS, *(node.process(name) for node in layout.nodes() for name in NODE_PROGRAMS)]
    ledger.stop([name for name in recorded if name in first], grace=0)
    ledger.stop(recorded, grace=0)
    _end_strays(layout.nodes())


def end_node_processes(node: NodeLayout, ledger: Ledger) -> None:
    """Kill every process of a node that the control plane does not run beside, its pods included."""
    ledger.stop([node.process(name) for name in NODE_PROGRAMS], grace=0)
    _end_strays([node])


def _end_strays(nodes: Sequence[NodeLayout]) -> None:
    # A shim may start a last process while it is being killed: look again until there is nothing.
    for _ in range(10):
        strays = stray_processes(nodes)
        if not strays:
            return
        stop_all(strays, grace=0)


def remove_all(layout: Layout, ledger: Ledger) -> None:
    """End the cluster and remove all that is its own. It may be whole, half made or half removed.

    Raises:
        DevClusterError: something is left.
    """
    if layout.state.is_dir():
        layout.ending.touch()
    end_processes(layout, ledger)
    _remove_files(layout, layout.nodes())
    left = what_is_left(layout, layout.nodes())
    if left:
        raise DevClusterError(left)


def remove_node(node: NodeLayout, ledger: Ledger) -> None:
    """End one node and remove all that is its own; the rest of the cluster goes on.

    Raises:
        DevClusterError: something is left.
    """
    end_node_processes(node, ledger)
    _remove_files(node, [node])
    left = what_is_left(node, [node])
    if left:
        raise DevClusterError(left)


def _remove_files(place: Layout | NodeLayout, nodes: Sequence[NodeLayout]) -> None:
    for point in mounts_below([place.state, place.data]):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)
    for node in nodes:
        remove_network(node)
        remove_cgroup(node.cgroup)
    for path in stray_files(place):
        path.unlink(missing_ok=True)
    if not mounts_below([place.state, place.data]):  # never remove files through a mount
        for folder in (place.data, place.state):
            shutil.rmtree(folder, ignore_errors=True)


def what_is_left(place: Layout | NodeLayout, nodes: Sequence[NodeLayout]) -> str:
    """Return a message about what is left of a cluster or of one of its nodes; empty when nothing is."""
    left = [f"process {identity.pid}" for identity in stray_processes(nodes)]
    for node in nodes:
        left += [f"process {pid} in {node.cgroup}" for pid in members(node.cgroup) if identify(pid)]
        left += [str(node.netns)] if node.netns.exists() else []
    left += [f"mount {point}" for point in mounts_below([place.state, place.data])]
    left += [str(path) for path in (place.data, place.state) if path.exists()]
    return f"{place.name} is not wholly gone: {', '.join(left)}; try again" if left else ""
