"""Breaks parts of a local cluster and mends them again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.processes.identity import ProcessIdentity, is_alive, send_signal
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.local.cluster import LocalCluster
from graphrun_devcluster.providers.local.frozen import Frozen, node_processes
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout
from graphrun_devcluster.providers.local.teardown import NODE_PROGRAMS, end_node_processes
from graphrun_devcluster.waiting import wait_until

DEATH_SECONDS = 10.0
"""How long the kernel may take to let go of a killed process."""


class Faults:
    """Faults of the local cluster `cluster`.

    What is frozen is recorded before it is: whoever breaks something and dies leaves a cluster that the
    next `up` mends, and that `down` ends. So bring nothing up while a fault is meant to last.

    Args:
        cluster: its name. It must be up.
        progress: told what is being built; lines on stderr when left out.
    """

    def __init__(self, cluster: str, progress: Progress | None = None) -> None:
        self._cluster = LocalCluster(cluster, progress or Progress())
        self._layout = Layout(cluster)
        self._ledger = Ledger(self._layout.processes, self._layout.logs)
        self._frozen = Frozen(self._layout, self._ledger)

    def freeze_node(self, node: str) -> None:
        """Stop (SIGSTOP) a node's kubelet, containerd, kube-proxy, shims and every process of its pods.

        On the first node the control plane and CoreDNS go on. A stopped process keeps its connections;
        what is sent to it waits in the kernel.

        Raises:
            DevClusterError: there is no such node, or its processes do not stop.
        """
        self._frozen.freeze_node(self._node(node))

    def thaw_node(self, node: str) -> None:
        """Let a frozen node go on; its pods' processes go on where they were."""
        self._frozen.thaw_node(self._node(node))

    @contextmanager
    def frozen_node(self, node: str) -> Iterator[None]:
        """Freeze a node while inside."""
        try:
            self.freeze_node(node)
            yield
        finally:
            self.thaw_node(node)

    def kill_node(self, node: str) -> None:
        """Kill every process of a node at once, as a machine that loses its power. Its disk stays.

        Raises:
            DevClusterError: there is no such node, or it is the first one, which has the control plane.
        """
        found = self._node(node)
        if found.is_first:
            raise DevClusterError(f"{node} has the control plane: kill a node that has not")
        for identity in node_processes(found, self._ledger):
            send_signal(identity, signal.SIGKILL)
        end_node_processes(found, self._ledger)

    def revive_node(self, node: str) -> None:
        """Start a killed node's parts again, and wait until they answer (not until the node is Ready)."""
        self._cluster.mend([self._node(node).process(program) for program in NODE_PROGRAMS])

    def kill_part(self, part: str) -> None:
        """Kill a part (SIGKILL), such as ``kube-apiserver``; it stays away until `revive_part`.

        Args:
            part: its name as `status` shows it.

        Raises:
            DevClusterError: no such part runs.
        """
        identity = self.part(part)
        send_signal(identity, signal.SIGKILL)
        if not wait_until(lambda: not is_alive(identity), DEATH_SECONDS, interval=0.005):
            raise DevClusterError(f"{part}, process {identity.pid}, does not die")

    def revive_part(self, part: str) -> None:
        """Start a part that was killed, by the same code as `up`, and wait until it answers."""
        self._cluster.mend([part])

    @contextmanager
    def without_part(self, part: str) -> Iterator[None]:
        """Keep a part away while inside; it is killed first and answers again at the end."""
        self.kill_part(part)
        try:
            yield
        finally:
            self.revive_part(part)

    def part(self, part: str) -> ProcessIdentity:
        """Return the process of a part.

        Raises:
            DevClusterError: no such part runs.
        """
        record = self._ledger.record(part)
        if record is None or not record.alive():
            running = ", ".join(record.name for record in self._ledger.records() if record.alive())
            raise DevClusterError(
                f"no part {part!r} runs in cluster {self._layout.name}; there are: {running}"
            )
        return record.identity

    def freeze_process(self, identity: ProcessIdentity) -> None:
        """Stop (SIGSTOP) one process: a part's, or one of a pod's.

        Raises:
            DevClusterError: it does not stop.
        """
        self._frozen.freeze_process(identity)

    def thaw_process(self, identity: ProcessIdentity) -> None:
        """Let a frozen process go on."""
        self._frozen.thaw_process(identity)

    @contextmanager
    def frozen_process(self, identity: ProcessIdentity) -> Iterator[None]:
        """Freeze one process while inside."""
        try:
            self.freeze_process(identity)
            yield
        finally:
            self.thaw_process(identity)

    def thaw_all(self) -> None:
        """Let everything go on that was frozen here, by whoever."""
        self._frozen.thaw_all()

    def _node(self, name: str) -> NodeLayout:
        for node in self._layout.nodes():
            if node.name == name and node.netns.exists():
                return node
        raise DevClusterError(f"cluster {self._layout.name} has no node {name!r}")
