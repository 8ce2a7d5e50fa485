"""The processes of pods as this machine sees them: by their cgroups, without asking Kubernetes."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.processes.identity import ProcessIdentity, identify
from graphrun_devcluster.providers.local.cgroups import hierarchies
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout

PAUSE = "/pause"
"""What runs in a pod's sandbox: it belongs to the node, not to the pod's containers."""

POD_PREFIX = "pod"
"""Begins the names of pods' cgroups; the pod's UID follows."""


@dataclass(frozen=True)
class PodProcess:
    """A process of a container.

    Attributes:
        identity: who it is on this machine; send signals by `processes.identity.send_signal`.
        container: id of its container, as in ``status.containerStatuses[].containerID`` after ``//``.
        inner_pid: its id inside the container: 1 is the one that the container was started with.
        command: its command line.
    """

    identity: ProcessIdentity
    container: str
    inner_pid: int
    command: tuple[str, ...]

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the process that holds the pod's namespaces, and does nothing."""
        return self.command[:1] == (PAUSE,)


def processes_of_pod(cluster: str, uid: str, *, with_sandbox: bool = False) -> list[PodProcess]:
    """Return the live processes of the containers of the pod `uid`, on any node; its sandbox on request only."""
    found: list[PodProcess] = []
    for folder in _folders_of_pod(cluster, uid):
        with contextlib.suppress(OSError):  # cleared away meanwhile
            for container in folder.iterdir():
                found += _processes_in(container) if container.is_dir() else []
    return [process for process in found if with_sandbox or not process.is_sandbox]


def pods_with_processes(cluster: str) -> dict[str, list[PodProcess]]:
    """Return the processes of all pods that have any, by the pods' UIDs."""
    uids = {
        path.name.removeprefix(POD_PREFIX)
        for node in Layout(cluster).nodes()
        for group in _service_classes(node)
        for path in group.glob(f"{POD_PREFIX}*-*")
    }
    found = {uid: processes_of_pod(cluster, uid) for uid in sorted(uids)}
    return {uid: processes for uid, processes in found.items() if processes}


def _folders_of_pod(cluster: str, uid: str) -> list[Path]:
    candidates = (
        group / f"{POD_PREFIX}{uid}" for node in Layout(cluster).nodes() for group in _service_classes(node)
    )
    return [path for path in candidates if path.is_dir()]


def _service_classes(node: NodeLayout) -> list[Path]:
    """Return the groups that hold the pods of each quality of service: guaranteed, burstable, best effort."""
    root = _hierarchy_of(node) / "kubepods"
    return [root, root / "burstable", root / "besteffort"]


def _hierarchy_of(node: NodeLayout) -> Path:
    # Pods are in the same groups of every hierarchy: one tells all.
    named = {path.name: path for path in hierarchies()}
    root = named.get("memory") or next(iter(named.values()))
    return Path(f"{root}{node.cgroup}")


def _processes_in(container: Path) -> list[PodProcess]:
    found = []
    pids: set[int] = set()
    for group in (container, *container.glob("**/")):
        with contextlib.suppress(OSError):
            pids |= {int(line) for line in (group / "cgroup.procs").read_text().split()}
    for pid in sorted(pids):
        identity = identify(pid)
        with contextlib.suppress(OSError, StopIteration):  # it has ended meanwhile
            inner_pid = _inner_pid(pid)
            if identity and inner_pid:
                found.append(PodProcess(identity, container.name, inner_pid, _command(pid)))
    return found


def _inner_pid(pid: int) -> int:
    """Return the process id inside the container; 0 for the runtime's own, which prepares it from outside."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    _, *inside = next(line.split()[1:] for line in status if line.startswith("NSpid:"))
    return int(inside[-1]) if inside else 0


def _command(pid: int) -> tuple[str, ...]:
    return tuple(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0").split("\0"))
