"""What a machine must have before a cluster can run on it, and getting it where that is possible."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from graphrun_devcluster.errors import MissingNeedError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where system tools lie; a person's own PATH often leaves out the sbin folders."""

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
"""Where distributions put the CNI plugins."""

LOCAL_CLUSTER_PACKAGES = (
    "runc",
    "containernetworking-plugins",
    "iptables",
    "iproute2",
    "openssl",
    "util-linux",
)
"""Debian packages of the local cluster."""

COMMANDS = {"iproute2": "ip", "util-linux": "nsenter", "postgresql-client": "psql"}
"""The command that shows that a package is there, where it is not called like the package."""

CAP_SYS_RESOURCE = 24
"""Number of the capability without which a process cannot lower its own OOM score."""

APT_LOCK_SECONDS = 600
"""How long apt-get may wait for another one to end."""


def require_root_on_linux() -> None:
    """Make sure that namespaces, mounts and cgroups can be made here.

    Raises:
        MissingNeedError: this is not Linux, or not root.
    """
    if sys.platform != "linux":
        raise MissingNeedError("the local cluster needs Linux: use GRAPHRUN_CLUSTER=kind with Docker here")
    if os.geteuid() != 0:
        raise MissingNeedError("the local cluster needs root: use sudo, or GRAPHRUN_CLUSTER=kind with Docker")


def find_command(name: str) -> Path | None:
    """Return where the command `name` lies, the sbin folders included; None when it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    return Path(found) if found else None


def require_command(name: str) -> Path:
    """Return where the command `name` lies.

    Raises:
        MissingNeedError: it is missing.
    """
    found = find_command(name)
    if found is None:
        raise MissingNeedError(f"the command {name!r} is missing: install the package that holds it")
    return found


def require_cni_folder() -> Path:
    """Return the folder with the CNI plugins.

    Raises:
        MissingNeedError: there is none.
    """
    for folder in CNI_FOLDERS:
        if (folder / "ptp").exists():
            return folder
    raise MissingNeedError("no CNI plugins: install the package containernetworking-plugins")


def lacks_sys_resource(status: str | None = None) -> bool:
    """Tell whether this process lacks CAP_SYS_RESOURCE, as in many containers.

    Args:
        status: text of /proc/self/status; read when left out.
    """
    text = Path("/proc/self/status").read_text() if status is None else status
    effective = next(line.split()[1] for line in text.splitlines() if line.startswith("CapEff:"))
    return not int(effective, 16) >> CAP_SYS_RESOURCE & 1


def missing_packages(names: Iterable[str]) -> list[str]:
    """Return those of the Debian packages `names` that are not there."""
    return [name for name in names if not _is_there(name)]


def ensure_packages(names: Sequence[str], progress: Progress) -> None:
    """Install the Debian packages `names` as far as they are missing.

    Safe to call from several processes at once. The package lists are fetched only when installing
    with those at hand fails.

    Raises:
        MissingNeedError: something is missing and cannot be installed here.
    """
    if not missing_packages(names):
        return
    with exclusive(cache_root() / ".apt.lock"):
        missing = missing_packages(names)
        if not missing:
            return
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise MissingNeedError(
                f"these packages are missing: {' '.join(missing)} (Debian's names). "
                "Install them, or run this as root on Debian or Ubuntu, where it installs them itself."
            )
        with progress.step(f"installing packages: {' '.join(missing)}"):
            _install(missing)


def _is_there(name: str) -> bool:
    if name == "containernetworking-plugins":
        return any((folder / "ptp").exists() for folder in CNI_FOLDERS)
    if find_command(COMMANDS.get(name, name)):
        return True
    if not shutil.which("dpkg-query"):
        return False
    query = ["dpkg-query", "-W", "-f=${db:Status-Status}", name]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def _install(names: list[str]) -> None:
    install = ["install", "--yes", "--no-install-recommends", *names]
    if _apt(install).returncode == 0:
        return
    _apt(["update"])
    done = _apt(install)
    if done.returncode:
        raise MissingNeedError(f"apt-get cannot install {' '.join(names)}:\n{done.stdout[-2000:]}")


def _apt(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
