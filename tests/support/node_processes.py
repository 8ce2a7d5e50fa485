"""The processes of pods as this machine sees them, in the words of the fault tests."""

import signal
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.faults import Faults, PodProcess, processes_of_pod
from graphrun_devcluster.processes.identity import ProcessIdentity, send_signal
from graphrun_devcluster.stack.installing import cluster_name

_GRAPH_PROCESS = "graphrun_runner.child"
_FIRST = 1


@dataclass(frozen=True)
class ContainerProcess:
    """A live process in a container of the pod `pod_uid`."""

    process: PodProcess
    pod_uid: str

    @property
    def identity(self) -> ProcessIdentity:
        """Who it is on this machine."""
        return self.process.identity

    @property
    def inner_pid(self) -> int:
        """Its id inside the container; 1 is what the container was started with."""
        return self.process.inner_pid

    @property
    def command(self) -> str:
        """Its command line."""
        return " ".join(self.process.command)

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the process that holds the pod's namespaces, and does nothing."""
        return self.process.is_sandbox

    @property
    def is_supervisor(self) -> bool:
        """Whether it is what a container was started with: a runner's supervisor, an operator, a server."""
        return self.inner_pid == _FIRST and not self.is_sandbox

    @property
    def is_graph_process(self) -> bool:
        """Whether it is the process in which the graph of a run runs."""
        return self.inner_pid != _FIRST and _GRAPH_PROCESS in self.command


def processes_of(pod_uids: Collection[str]) -> list[ContainerProcess]:
    """All live processes of these pods; those that have ended and wait to be collected are none."""
    cluster = cluster_name()
    return [
        ContainerProcess(process, uid)
        for uid in sorted(pod_uids)
        for process in processes_of_pod(cluster, uid, with_sandbox=True)
    ]


def signal_all(processes: Iterable[ContainerProcess], number: signal.Signals) -> None:
    """Send a signal to each, from outside of its container: PID 1 has no say in the matter."""
    for process in processes:
        send_signal(process.identity, number)


@contextmanager
def frozen_processes(processes: Collection[ContainerProcess]) -> Iterator[None]:
    """Stop them where they are, while inside; recorded, so that bringing the cluster up lets them go on in any case."""
    faults = Faults(cluster_name())
    try:
        for process in processes:
            faults.freeze_process(process.identity)
        yield
    finally:
        for process in processes:
            faults.thaw_process(process.identity)


def resident_bytes(process: ContainerProcess) -> int:
    """The memory that it holds."""
    status = Path(f"/proc/{process.identity.pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:")), 0)
