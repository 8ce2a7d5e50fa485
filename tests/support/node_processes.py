"""The processes of pods as this machine sees them: a container's processes are ordinary ones, found by their cgroup."""

import re
import signal
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.faults import Faults
from graphrun_devcluster.processes.identity import ProcessIdentity, identify, send_signal
from graphrun_devcluster.stack.installing import cluster_name

_POD_UID = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")
_PAUSE = "/pause"
_GRAPH_PROCESS = "graphrun_runner.child"
_FIRST = 1


@dataclass(frozen=True)
class ContainerProcess:
    """A live process in a container of a pod.

    Attributes:
        identity: who it is on this machine.
        pod_uid: the pod that it belongs to.
        inner_pid: its id inside the container; 1 is what the container was started with.
        command: its command line.
    """

    identity: ProcessIdentity
    pod_uid: str
    inner_pid: int
    command: str

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the process that holds the pod's namespaces, and does nothing."""
        return self.command.startswith(_PAUSE)

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
    found = (_read(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return [process for process in found if process and process.pod_uid in pod_uids]


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
    status = (Path("/proc") / str(process.identity.pid) / "status").read_text()
    return int(_field(status, "VmRSS").split()[0]) * 1024


def _read(folder: Path) -> ContainerProcess | None:
    try:
        owner = _POD_UID.search((folder / "cgroup").read_text())
        if owner is None:
            return None
        identity = identify(int(folder.name))
        inner = _field((folder / "status").read_text(), "NSpid").split()[-1]
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # it ended while it was being looked at
        return None
    if identity is None:
        return None
    return ContainerProcess(identity, owner[1].replace("_", "-"), int(inner), command)


def _field(status: str, name: str) -> str:
    return next((line.partition(":")[2] for line in status.splitlines() if line.startswith(f"{name}:")), "0")
