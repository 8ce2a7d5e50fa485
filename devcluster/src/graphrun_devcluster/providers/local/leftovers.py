"""Finding what belongs to a cluster and is recorded nowhere: shims, pods, mounts, links to logs."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from graphrun_devcluster.processes.identity import ProcessIdentity, identify
from graphrun_devcluster.providers.local.cgroups import members
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout

CONTAINER_LOG_LINKS = Path("/var/log/containers")
"""Where a kubelet links the containers' logs, whatever its configuration says."""

CNI_RESULTS = Path("/var/lib/cni/results")
"""Where the CNI library keeps the results of its plugins, whatever its configuration says."""


def stray_processes(nodes: Sequence[NodeLayout]) -> list[ProcessIdentity]:
    """Return every process in the nodes' network namespaces or cgroups: components, shims, pods."""
    pids = _in_netns([node.netns for node in nodes])
    for node in nodes:
        pids |= members(node.cgroup)
    found = (identify(pid) for pid in pids - {os.getpid()})
    return [identity for identity in found if identity is not None]


def _in_netns(paths: Sequence[Path]) -> set[int]:
    wanted = {_inode(path) for path in paths if path.exists()}
    pids = set()
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if _inode(process / "ns" / "net") in wanted:
                pids.add(int(process.name))
    return pids


def _inode(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


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


def stray_files(place: Layout | NodeLayout) -> list[Path]:
    """Return files of a cluster, or of one of its nodes, that lie outside its own folders."""
    found = [path for path in CNI_RESULTS.glob("*") if _netns_of(path).is_relative_to(place.state)]
    for link in CONTAINER_LOG_LINKS.glob("*.log"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(place.data):
                found.append(link)
    return found


def _netns_of(result: Path) -> Path:
    """Return the network namespace that a kept CNI result is about: it tells whose pod that was."""
    try:
        return Path(str(json.loads(result.read_text())["netns"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Path("/")
