"""Finding what belongs to a cluster and is recorded nowhere: shims, pods, mounts, links to logs."""

import contextlib
import json
import os
from pathlib import Path

from graphrun_devcluster.processes.identity import ProcessIdentity, identify
from graphrun_devcluster.providers.local.cgroups import members
from graphrun_devcluster.providers.local.layout import Layout

CONTAINER_LOG_LINKS = Path("/var/log/containers")
"""Where a kubelet links the containers' logs, whatever its configuration says."""

CNI_RESULTS = Path("/var/lib/cni/results")
"""Where the CNI library keeps the results of its plugins, whatever its configuration says."""


def stray_processes(layout: Layout) -> list[ProcessIdentity]:
    """Return every process in the cluster's network namespace or cgroup: components, shims, pods."""
    pids = members(layout.cgroup) | _in_netns(layout.netns)
    found = (identify(pid) for pid in pids - {os.getpid()})
    return [identity for identity in found if identity is not None]


def _in_netns(netns: Path) -> set[int]:
    try:
        wanted = netns.stat()
    except FileNotFoundError:
        return set()
    pids = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            stat = (process / "ns" / "net").stat()
            if (stat.st_dev, stat.st_ino) == (wanted.st_dev, wanted.st_ino):
                pids.add(int(process.name))
    return pids


def mounts_below(folders: list[Path], mountinfo: str | None = None) -> list[Path]:
    """Return all mount points at or below `folders`, those on top of others first.

    Args:
        folders: where to look.
        mountinfo: text of /proc/self/mountinfo; read when left out.
    """
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    points = [Path(_unescape(line.split()[4])) for line in text.splitlines()]
    return [point for point in reversed(points) if any(point.is_relative_to(folder) for folder in folders)]


def _unescape(field: str) -> str:
    # The kernel writes blank, tab, newline and backslash in octal.
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def stray_files(layout: Layout) -> list[Path]:
    """Return files of the cluster that lie outside its own folders."""
    found = [path for path in CNI_RESULTS.glob("*") if _netns_of(path).is_relative_to(layout.state)]
    for link in CONTAINER_LOG_LINKS.glob("*.log"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(layout.data):
                found.append(link)
    return found


def _netns_of(result: Path) -> Path:
    """Return the network namespace that a kept CNI result is about: it tells whose pod that was."""
    try:
        return Path(str(json.loads(result.read_text())["netns"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Path("/")
