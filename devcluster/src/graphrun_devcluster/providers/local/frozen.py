"""What is frozen on purpose: recorded before it is, so that whoever freezes may die at any moment.

A frozen process is a stopped one (SIGSTOP): it holds its connections and does nothing. `up` and `down`
let everything that is recorded go on.
"""

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.processes.identity import ProcessIdentity, is_alive, is_stopped, send_signal
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout
from graphrun_devcluster.providers.local.leftovers import stray_processes
from graphrun_devcluster.providers.local.teardown import NODE_PROGRAMS
from graphrun_devcluster.waiting import wait_until
from graphrun_devcluster.whole_files import write_whole

SETTLE_SECONDS = 10.0
"""How long the kernel may take to stop processes, or to let them go on."""

NODE, PROCESS = "node", "process"
"""Begin the names of records."""


def node_processes(node: NodeLayout, ledger: Ledger) -> list[ProcessIdentity]:
    """Return the processes of a node: kubelet, containerd, kube-proxy, shims, and all of its pods.

    Beside the first node runs the control plane: it is left out, forwarders too.
    """
    own = {node.process(name) for name in NODE_PROGRAMS}
    others = {record.identity for record in ledger.records() if record.name not in own}
    return [identity for identity in stray_processes([node]) if identity not in others]


@dataclass(frozen=True)
class Frozen:
    """What is frozen in one cluster.

    Attributes:
        layout: its places.
        ledger: its processes.
    """

    layout: Layout
    ledger: Ledger

    def freeze_node(self, node: NodeLayout) -> None:
        """Stop every process of a node, also those that are being started meanwhile.

        Raises:
            DevClusterError: the kernel does not stop them in time.
        """
        self._record(f"{NODE}-{node.index}")
        self._stop(lambda: node_processes(node, self.ledger))

    def freeze_process(self, identity: ProcessIdentity) -> None:
        """Stop one process; one that has ended is left in peace.

        Raises:
            DevClusterError: the kernel does not stop it in time.
        """
        self._record(_process_record(identity))
        self._stop(lambda: [identity] if is_alive(identity) else [])

    def thaw_node(self, node: NodeLayout) -> None:
        """Let a node go on."""
        _go_on(node_processes(node, self.ledger))
        self._forget(f"{NODE}-{node.index}")

    def thaw_process(self, identity: ProcessIdentity) -> None:
        """Let one process go on; one that has ended is left in peace."""
        _go_on([identity])
        self._forget(_process_record(identity))

    def thaw_all(self) -> list[str]:
        """Let go on whatever is recorded as frozen; return the names of the records."""
        names = sorted(path.name for path in self.layout.faults.glob(f"{NODE}-*"))
        names += sorted(path.name for path in self.layout.faults.glob(f"{PROCESS}-*"))
        for name in names:
            kind, *numbers = name.split("-")
            if kind == NODE:
                self.thaw_node(self.layout.node(int(numbers[0])))
            else:
                self.thaw_process(ProcessIdentity(*map(int, numbers)))
        return names

    def _stop(self, wanted: Callable[[], Iterable[ProcessIdentity]]) -> None:
        def stopped() -> bool:
            running = [identity for identity in wanted() if not is_stopped(identity)]
            for identity in running:
                send_signal(identity, signal.SIGSTOP)
            return not running

        if not wait_until(stopped, SETTLE_SECONDS, interval=0.01):
            left = [identity.pid for identity in wanted() if not is_stopped(identity)]
            raise DevClusterError(f"processes {left} do not stop: `up` lets go on those that did")

    def _record(self, name: str) -> None:
        self.layout.faults.mkdir(parents=True, exist_ok=True)
        write_whole(self.layout.faults / name, "")

    def _forget(self, name: str) -> None:
        (self.layout.faults / name).unlink(missing_ok=True)


def _process_record(identity: ProcessIdentity) -> str:
    return f"{PROCESS}-{identity.pid}-{identity.start_ticks}"


def _go_on(identities: Iterable[ProcessIdentity]) -> None:
    for identity in identities:
        send_signal(identity, signal.SIGCONT)
