"""The image that the others are built from.

``GRAPHRUN_BASE_IMAGE`` where it is set; the official Python image where a Docker engine can pull it; else a small
Debian made on the spot from Debian's packages, since these can be had where image registries cannot.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from graphrun_devcluster.images.engines import BuildRequest, Docker, Engine, ImageBuildError
from graphrun_devcluster.needs import ensure_packages
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

OFFICIAL = "python:3.13-slim"

SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
BUILT_BASE = f"localhost/graphrun-base:{SUITE}-1"
"""The number grows with any change below, so that everybody's next build makes the base anew."""

UNUSED = (
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/lintian/*",
    "usr/share/bash-completion/*",
    "usr/share/gcc/*",
    "var/lib/apt/lists/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/log/*",
)
"""What no container reads: more than half of a fresh Debian."""

OF_THIS_MACHINE = ("etc/resolv.conf", "etc/hosts", "etc/hostname")
"""debootstrap copies these from the machine; a container gets its own. Left empty, as places to mount on."""

DOCKERFILE = """\
FROM scratch
ADD rootfs.tar /
ENV LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["python3"]
"""


def base_image(engine: Engine) -> str:
    """Return the reference of the base to use with `engine`, whether or not it is there yet."""
    named = os.environ.get("GRAPHRUN_BASE_IMAGE")
    if named:
        return named
    if isinstance(engine, Docker):
        log = cache_root() / "images" / "logs" / "base.log"
        if engine.has(OFFICIAL) or (not engine.has(BUILT_BASE) and engine.pull(OFFICIAL, log)):
            return OFFICIAL
    return BUILT_BASE


def ensure_base(reference: str, engine: Engine, progress: Progress) -> None:
    """Make the base in the engine's store, if it is ours to make and not there."""
    if reference != BUILT_BASE or engine.has(reference):
        return
    home = cache_root() / "images"
    log = home / "logs" / "base.log"
    rootfs = home / "base" / f"{SUITE}.tar"
    if not rootfs.is_file():
        _bootstrap(rootfs, log, progress)
    with TemporaryDirectory(dir=home, prefix="base-") as folder:
        context = Path(folder)
        (context / "rootfs.tar").hardlink_to(rootfs)
        (context / "Dockerfile").write_text(DOCKERFILE)
        with progress.step("committing the base image"):
            engine.build(BuildRequest(reference, context / "Dockerfile", context), log)


def _bootstrap(rootfs: Path, log: Path, progress: Progress) -> None:
    ensure_packages(["debootstrap"], progress)
    rootfs.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=rootfs.parent, prefix="bootstrap-") as folder:
        tree = Path(folder) / "tree"
        with progress.step("making the base image from Debian's packages (once, about a minute)"):
            bootstrap = [
                "debootstrap",
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                SUITE,
                str(tree),
            ]
            # In a mount namespace of its own: what debootstrap mounts in the tree is gone when it ends,
            # however it ends, before the tree is removed.
            _call(["unshare", "--mount", *bootstrap], log)
        slim(tree)
        unfinished = Path(folder) / "rootfs.tar"
        _call(["tar", "--numeric-owner", "-C", str(tree), "-cf", str(unfinished), "."], log)
        unfinished.rename(rootfs)


def slim(tree: Path) -> None:
    """Remove from a fresh Debian what no container reads, and what tells of the machine it was made on."""
    _remove(path for pattern in UNUSED for path in tree.glob(pattern))
    for name in OF_THIS_MACHINE:
        path = tree / name
        path.unlink(missing_ok=True)
        path.touch()


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _call(command: list[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = log.read_text(errors="replace")[-2000:]
        raise ImageBuildError(f"{command[0]} failed:\n{tail}\nThe whole log: {log}")
