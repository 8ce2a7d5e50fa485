"""Ends a local cluster: its processes, pods, mounts, cgroups, network, files; and proves that all are gone."""

import shutil
import subprocess

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.processes.identity import identify
from graphrun_devcluster.processes.ledger import Ledger, stop_all
from graphrun_devcluster.providers.local.cgroups import members, remove_cgroup
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.providers.local.leftovers import mounts_below, stray_files, stray_processes
from graphrun_devcluster.providers.local.network import remove_network

FIRST_TO_END = ("kubelet", "kube-controller-manager", "kube-scheduler", "containerd")
"""They would start pods anew while these are being killed."""


def end_processes(layout: Layout, ledger: Ledger) -> None:
    """Kill every process of the cluster. Nothing is asked to end by itself: nothing of it is kept."""
    recorded = [record.name for record in ledger.records()]
    ledger.stop([name for name in recorded if name in FIRST_TO_END], grace=0)
    ledger.stop(recorded, grace=0)
    # A shim may start a last process while it is being killed: look again until there is nothing.
    for _ in range(10):
        strays = stray_processes(layout)
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
    for point in mounts_below([layout.state, layout.data]):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)
    remove_network(layout)
    remove_cgroup(layout.cgroup)
    for path in stray_files(layout):
        path.unlink(missing_ok=True)
    if mounts_below([layout.state, layout.data]):
        raise DevClusterError(_what_is_left(layout))  # never remove files through a mount
    for folder in (layout.data, layout.state):
        shutil.rmtree(folder, ignore_errors=True)
    left = _what_is_left(layout)
    if left:
        raise DevClusterError(left)


def _what_is_left(layout: Layout) -> str:
    """Return a message about what is left of the cluster; empty when nothing is."""
    left = [f"process {identity.pid}" for identity in stray_processes(layout)]
    left += [f"process {pid} in {layout.cgroup}" for pid in members(layout.cgroup) if identify(pid)]
    left += [f"mount {point}" for point in mounts_below([layout.state, layout.data])]
    left += [str(path) for path in (layout.data, layout.state, layout.netns) if path.exists()]
    return f"the cluster {layout.name} is not wholly gone: {', '.join(left)}; try again" if left else ""
