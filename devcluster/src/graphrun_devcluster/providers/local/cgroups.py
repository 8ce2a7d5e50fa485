"""The cluster's own cgroup in every hierarchy: pods run below it, and are found by it."""

import contextlib
import os
import signal
from pathlib import Path

from graphrun_devcluster.waiting import wait_until

CGROUP_ROOT = Path("/sys/fs/cgroup")
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
REMOVAL_SECONDS = 10.0
"""How long the kernel may take to let go of killed processes."""


def hierarchies(root: Path = CGROUP_ROOT) -> list[Path]:
    """Return the roots of all cgroup hierarchies: one in version 2, one for each controller in version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def make_cgroup(path: str) -> None:
    """Make the cgroup `path` (it begins with a slash) in every hierarchy."""
    for root in hierarchies():
        if (root / "cgroup.controllers").exists():
            _enable_controllers(root)
        folder = Path(f"{root}{path}")
        folder.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # empty at first in version 1: nothing could run
            if (root / name).exists() and (folder / name).exists():
                (folder / name).write_text((root / name).read_text())


def _enable_controllers(root: Path) -> None:
    for controller in V2_CONTROLLERS:
        # Those that the machine lacks, or has given away, are missed by the kubelet, in its own words.
        with contextlib.suppress(OSError):
            (root / "cgroup.subtree_control").write_text(f"+{controller}")


def members(path: str) -> set[int]:
    """Return the ids of all processes in the cgroup `path` and below it, in any hierarchy."""
    found: set[int] = set()
    for folder in _folders(path):
        with contextlib.suppress(OSError):
            found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    return found - {0}


def remove_cgroup(path: str) -> None:
    """Kill everything in the cgroup `path`, and remove it from every hierarchy."""

    def gone() -> bool:
        for pid in members(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for folder in _folders(path):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not _folders(path)

    wait_until(gone, REMOVAL_SECONDS)


def _folders(path: str) -> list[Path]:
    """Return the folders of the cgroup in all hierarchies, the deepest first."""
    found: list[Path] = []
    for root in hierarchies():
        for folder, _, _ in os.walk(f"{root}{path}", topdown=False):
            found.append(Path(folder))
    return found
