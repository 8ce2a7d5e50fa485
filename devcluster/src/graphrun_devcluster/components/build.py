"""Builds a component once into the per-user cache, whoever else wants it at the same time."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.components.catalog import (
    Component,
    fingerprint,
    linker_flags,
    module_version,
    required_go,
)
from graphrun_devcluster.components.toolchain import find_go
from graphrun_devcluster.errors import BuildError, DevClusterError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root, component_sources
from graphrun_devcluster.progress import Progress

HANDY = ("kubectl", "helm", "ctr", "kind")
"""Commands that people want on their PATH: linked into one folder."""


@dataclass(frozen=True)
class Binaries:
    """Built commands by name."""

    paths: dict[str, Path]

    def __getitem__(self, name: str) -> Path:
        try:
            return self.paths[name]
        except KeyError:
            raise DevClusterError(f"the component with the command {name!r} was not asked for") from None


def installed_at(component: Component) -> Path:
    """Return the folder in the cache where the component lies, or will lie, once built."""
    return cache_root() / "components" / f"{component.name}-{fingerprint(component, component_sources())}"


def handy_folder() -> Path:
    """Return the folder with kubectl, helm and ctr, to put on PATH."""
    return cache_root() / "bin"


def ensure_components(components: Sequence[Component], progress: Progress) -> Binaries:
    """Build what is missing of `components`, in their order, and return their commands.

    Raises:
        BuildError: a build failed.
        MissingNeedError: there is no Go.
    """
    paths: dict[str, Path] = {}
    for component in components:
        home = installed_at(component)
        if not home.is_dir():
            _build_once(component, home, progress)
        paths |= {path.name: path for path in home.iterdir() if path.name != "build.log"}
    _link_handy(paths)
    return Binaries(paths)


def _build_once(component: Component, home: Path, progress: Progress) -> None:
    with exclusive(home.parent / f".{component.name}.lock"):
        if home.is_dir():  # another process built it while this one waited
            return
        temporary = home.with_name(f".{home.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        folder = component_sources() / component.folder
        go_mod = (folder / "go.mod").read_text()
        version = module_version(go_mod, component.module) if component.module else ""
        go = find_go(required_go(go_mod), folder, progress)
        with progress.step(f"building {component.name} {version}".rstrip()):
            _run_go(go, component, version, temporary)
        _name_binaries(component, temporary)
        temporary.rename(home)


def _run_go(go: str, component: Component, version: str, target: Path) -> None:
    log = target / "build.log"
    command = [go, "build", "-trimpath", "-buildvcs=false", "-mod=readonly", f"-o={target}{os.sep}"]
    command += [f"-ldflags={linker_flags(component, version)}", *component.packages]
    if component.tags:
        command.insert(2, f"-tags={component.tags}")
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            cwd=component_sources() / component.folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = log.read_text(errors="replace")[-3000:]
        raise BuildError(
            f"building {component.name} failed:\n{tail}\n"
            "Mend what the log names (often the network, or disk space) and start again: "
            "what is compiled so far is kept in Go's own cache."
        )


def _name_binaries(component: Component, folder: Path) -> None:
    for built, wanted in component.renames:
        if (folder / built).exists():
            (folder / built).rename(folder / wanted)
    if component.links:
        (binary,) = (path for path in folder.iterdir() if path.name != "build.log")
        for name in component.links:
            (folder / name).symlink_to(binary.name)


def _link_handy(paths: dict[str, Path]) -> None:
    folder = handy_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name in HANDY:
        link = folder / name
        if name not in paths or (link.is_symlink() and link.readlink() == paths[name]):
            continue
        temporary = folder / f".{name}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(paths[name])
        temporary.replace(link)
