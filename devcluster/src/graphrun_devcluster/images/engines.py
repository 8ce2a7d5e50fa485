"""What builds images: a Docker engine where one answers, else buildah."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from graphrun_devcluster.docker import docker_answers
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.images.layout import write_archive
from graphrun_devcluster.paths import cache_root

PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Build arguments that both engines know, give to RUN, and keep out of the image's history."""

LOG_TAIL_CHARACTERS = 3000


BUILDAH = ("unshare", "--mount", "buildah")
"""In a mount namespace of its own: whatever it mounts is gone when it ends, also when it is killed."""


class ImageBuildError(DevClusterError):
    """An image could not be built; the end of the build's log is in the message."""


@dataclass(frozen=True)
class BuildRequest:
    """One build.

    Attributes:
        reference: name and tag of the result.
        dockerfile: the file to follow.
        context: folder it copies from.
        arguments: build arguments.
        secrets: files that RUN may read while it runs, by secret id.
        target: stage to stop at; all stages when empty.
    """

    reference: str
    dockerfile: Path
    context: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    target: str = ""


class Engine(Protocol):
    """What the builds need of Docker or buildah."""

    def has(self, reference: str) -> bool:
        """Tell whether the engine's store holds an image."""
        ...

    def build(self, request: BuildRequest, log: Path) -> None:
        """Build an image into the engine's store; what is said goes to `log`.

        Raises:
            ImageBuildError: the build failed.
        """
        ...

    def save(self, reference: str, archive: Path, log: Path) -> None:
        """Write an image to an archive that Docker, kind and containerd read."""
        ...

    def forget(self, references: Sequence[str], log: Path) -> None:
        """Remove images by name, those that are there, and layers that no name leads to any more."""
        ...


def choose_engine() -> "Docker | Buildah":
    """Return the engine that works on this machine."""
    return Docker() if docker_answers() else Buildah(cache_root() / "images")


class Docker:
    """A Docker engine with BuildKit."""

    def has(self, reference: str) -> bool:
        """Tell whether the engine holds an image."""
        return _succeeds(["docker", "image", "inspect", reference])

    def pull(self, reference: str, log: Path) -> bool:
        """Fetch an image from its registry; False where that cannot be reached."""
        return _run(["docker", "pull", reference], log) == 0

    def build(self, request: BuildRequest, log: Path) -> None:
        """Build an image into the engine's store."""
        proxies = {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
        command = ["docker", "build", "--network=host", *_build_options(request)]
        command += [f"--build-arg={name}={value}" for name, value in proxies.items()]
        _check(_run([*command, str(request.context)], log), f"building {request.reference}", log)

    def save(self, reference: str, archive: Path, log: Path) -> None:
        """Write an image to an archive."""
        _check(_run(["docker", "save", "-o", str(archive), reference], log), f"saving {reference}", log)

    def forget(self, references: Sequence[str], log: Path) -> None:
        """Remove images by name; BuildKit tends its own cache."""
        present = [reference for reference in references if self.has(reference)]
        if present:
            _run(["docker", "rmi", *present], log)


class Buildah:
    """buildah with a store of its own below the cache, so that nothing of the machine's is touched.

    Args:
        home: folder for the store and for build caches.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._driver = ""

    def has(self, reference: str) -> bool:
        """Tell whether the store holds an image."""
        return _succeeds(self._command("inspect", "--type=image", reference))

    def build(self, request: BuildRequest, log: Path) -> None:
        """Build an image into the store; stages that did not change come from it."""
        command = self._command("build", "--isolation=chroot", "--network=host", "--layers=true")
        command += [*_build_options(request), str(request.context)]
        _check(_run(command, log, self._environment()), f"building {request.reference}", log)

    def save(self, reference: str, archive: Path, log: Path) -> None:
        """Write an image to an archive, layers as they are: compressing them takes longer than all the rest."""
        with TemporaryDirectory(dir=archive.parent, prefix="saving-") as folder:
            command = self._command("push", "--disable-compression", reference, f"dir:{folder}")
            _check(_run(command, log, self._environment()), f"saving {reference}", log)
            write_archive(Path(folder), reference, archive)

    def forget(self, references: Sequence[str], log: Path) -> None:
        """Remove images by name, those that are there, and layers that no name leads to any more."""
        _run(self._command("rm", "--all"), log)  # what builds that failed left behind
        for reference in references:
            if self.has(reference):
                _run(self._command("rmi", reference), log)
        _run(self._command("rmi", "--prune"), log)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        driver = self._storage_driver()
        store = [f"--root={self._home / f'store-{driver}'}", f"--runroot={self._run_root(driver)}"]
        return [*BUILDAH, *store, f"--storage-driver={driver}", verb, *arguments]

    def _storage_driver(self) -> str:
        """Return overlay where the kernel and the file system allow it, else vfs (a copy for each layer)."""
        if not self._driver:
            store = f"--root={self._home / 'store-overlay'}"
            overlay = [*BUILDAH, store, f"--runroot={self._run_root('overlay')}", "--storage-driver=overlay"]
            self._driver = "overlay" if _succeeds([*overlay, "info"]) else "vfs"
        return self._driver

    def _run_root(self, driver: str) -> Path:
        return self._home / f"run-{driver}"

    def _environment(self) -> dict[str, str]:
        scratch = self._home / "tmp"  # also where `RUN --mount=type=cache` keeps pip's downloads
        scratch.mkdir(parents=True, exist_ok=True)
        return {**os.environ, "TMPDIR": str(scratch)}


def _build_options(request: BuildRequest) -> list[str]:
    options = [f"--file={request.dockerfile}", f"--tag={request.reference}"]
    options += [f"--build-arg={name}={value}" for name, value in request.arguments.items()]
    options += [f"--secret=id={name},src={path}" for name, path in request.secrets.items()]
    return [*options, f"--target={request.target}"] if request.target else options


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode


def _check(code: int, what: str, log: Path) -> None:
    if code:
        tail = log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        raise ImageBuildError(f"{what} failed:\n{tail}\nThe whole log: {log}")
