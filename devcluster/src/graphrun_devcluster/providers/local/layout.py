"""Where a local cluster lies: everything by its name, so that two of them never meet."""

import re
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.rendering.node import NODE_IP

STATE_ROOT = Path("/run/graphrun-devcluster")
"""Sockets, records of processes, configuration: void after a boot."""

DATA_ROOT = Path("/var/lib/graphrun-devcluster")
"""etcd, keys, images, containers' files, logs."""

NETNS_ROOT = Path("/run/netns")
"""Where ``ip netns`` mounts namespaces."""

FIRST_POD_NETWORK = 244
"""Second byte of the first node's pod range; see `rendering.node.CLUSTER_RANGE`."""

MAX_NODES = 4
"""As many as the pod range has /16 networks."""


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
        """Name of the network namespace of the control plane and the first node."""
        return f"graphrun-{self.name}"

    @property
    def netns(self) -> Path:
        """Its path."""
        return NETNS_ROOT / self.netns_name

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
    def node_count(self) -> Path:
        """Keeps how many nodes the cluster is to have."""
        return self.data / "nodes"

    @property
    def ending(self) -> Path:
        """Mark that `down` has begun: whatever is left must go before anything is brought up."""
        return self.state / "ending"

    @property
    def faults(self) -> Path:
        """Folder that keeps what is frozen on purpose."""
        return self.state / "faults"

    def node(self, index: int) -> "NodeLayout":
        """Return the places of one node."""
        return NodeLayout(self, index)

    def nodes(self, count: int = MAX_NODES) -> "list[NodeLayout]":
        """Return the places of the first `count` nodes; of all that there can be when left out."""
        return [self.node(index) for index in range(count)]


@dataclass(frozen=True)
class NodeLayout:
    """The places of one node.

    Node 0 shares the cluster's own folders and namespace with the control plane; each other one has a
    folder of its own in them, and names with a dot, which the names of clusters cannot have.
    """

    cluster: Layout
    index: int

    @property
    def name(self) -> str:
        """Its name in Kubernetes."""
        return f"node{self.index}"

    @property
    def is_first(self) -> bool:
        """Whether the control plane runs beside it."""
        return self.index == 0

    @property
    def state(self) -> Path:
        """Folder of what is void after a boot."""
        return self.cluster.state if self.is_first else self.cluster.state / self.name

    @property
    def data(self) -> Path:
        """Folder of its images, and of its pods' files."""
        return self.cluster.data if self.is_first else self.cluster.data / self.name

    @property
    def netns_name(self) -> str:
        """Name of its network namespace, and of its pod network."""
        return self.cluster.netns_name if self.is_first else f"{self.cluster.netns_name}.{self.index}"

    @property
    def netns(self) -> Path:
        """Path of its network namespace."""
        return NETNS_ROOT / self.netns_name

    @property
    def cgroup(self) -> str:
        """The cgroup of its pods, as a path below every hierarchy."""
        return f"/{self.netns_name}"

    @property
    def address(self) -> str:
        """Its IP address."""
        return NODE_IP if self.is_first else f"10.77.{self.index}.2"

    @property
    def gateway(self) -> str:
        """Address of node 0 on the link between the two; for node 0 one that nobody has."""
        return "10.77.0.254" if self.is_first else f"10.77.{self.index}.1"

    @property
    def pod_range(self) -> str:
        """Addresses of its pods."""
        return f"10.{FIRST_POD_NETWORK + self.index}.0.0/16"

    @property
    def kubeconfig(self) -> Path:
        """The kubelet's kubeconfig."""
        return self.state / "kubelet.kubeconfig"

    def process(self, program: str) -> str:
        """Return the name in the ledger of one of its processes."""
        return program if self.is_first else f"{program}-{self.name}"
