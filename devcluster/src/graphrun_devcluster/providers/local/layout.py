"""Where a local cluster lies: everything by its name, so that two of them never meet."""

import re
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError

STATE_ROOT = Path("/run/graphrun-devcluster")
"""Sockets, records of processes, configuration: void after a boot."""

DATA_ROOT = Path("/var/lib/graphrun-devcluster")
"""etcd, keys, images, containers' files, logs."""

NETNS_ROOT = Path("/run/netns")
"""Where ``ip netns`` mounts namespaces."""


@dataclass(frozen=True)
class Layout:
    """The places of the cluster `name`."""

    name: str

    def __post_init__(self) -> None:
        """Refuse names that are no good as part of paths and of cgroups."""
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?", self.name):
            raise DevClusterError(
                f"cluster name {self.name!r}: use 1 to 24 of a-z, 0-9 and -, with no - at either end"
            )

    @property
    def state(self) -> Path:
        """Folder of what is void after a boot."""
        return STATE_ROOT / self.name

    @property
    def data(self) -> Path:
        """Folder of the cluster's data."""
        return DATA_ROOT / self.name

    @property
    def lock(self) -> Path:
        """Lock file of everything that changes the cluster; it outlives the cluster."""
        return STATE_ROOT / f".{self.name}.lock"

    @property
    def netns_name(self) -> str:
        """Name of the network namespace, and of the pod network."""
        return f"graphrun-{self.name}"

    @property
    def netns(self) -> Path:
        """Path of the network namespace."""
        return NETNS_ROOT / self.netns_name

    @property
    def cgroup(self) -> str:
        """The cgroup of all pods, as a path below every hierarchy."""
        return f"/graphrun-{self.name}"

    @property
    def processes(self) -> Path:
        """Folder of the ledger."""
        return self.state / "processes"

    @property
    def forwards(self) -> Path:
        """Folder that keeps the forwarders' ports."""
        return self.state / "forwards"

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return self.data / "log"

    @property
    def pki(self) -> Path:
        """Folder of keys and certificates; kept with etcd, whose tokens they sign."""
        return self.data / "pki"

    @property
    def audit(self) -> Path:
        """Folder of the audit policy and the audit log, which tells every write."""
        return self.data / "audit"

    @property
    def host_kubeconfig(self) -> Path:
        """Kubeconfig that works from outside the namespace."""
        return self.state / "kubeconfig"

    @property
    def inner_kubeconfig(self) -> Path:
        """Kubeconfig that works inside the namespace."""
        return self.state / "inner.kubeconfig"

    @property
    def kubelet_kubeconfig(self) -> Path:
        """The kubelet's kubeconfig, which works inside the namespace."""
        return self.state / "kubelet.kubeconfig"

    @property
    def ending(self) -> Path:
        """Mark that `down` has begun: whatever is left must go before anything is brought up."""
        return self.state / "ending"
