"""Python environments beside ours, for what does not fit into it: each made once from its lock, in the per-user cache."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

Version = tuple[int, int]
"""Major and minor."""

_NEWEST = 15  # the last 3.x that is looked for

LOCKS = Path(__file__).resolve().parents[2] / "locks"


def ensure_environment(name: str, progress: Progress, least: Version = (3, 11)) -> Path:
    """Return the Python that has what `locks/<name>.txt` lists, installing it if it is missing.

    It is ours, or, where `least` is newer, one of this machine that is not older than that.

    Raises:
        RuntimeError: It could not be installed, or there is no such Python.
    """
    lock = LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    interpreter, (major, minor) = _interpreter(least)
    home = cache_root() / f"{name}-py{major}{minor}-{digest}"
    if not home.is_dir():
        with exclusive(cache_root() / f".{name}.lock"):
            if not home.is_dir():  # another process made it while this one waited
                with progress.step(f"installing {name}"):
                    _install(home, lock, interpreter)
    return home / "bin" / "python"


def _install(home: Path, lock: Path, interpreter: str) -> None:
    uv, temporary = _uv(), home.with_name(f".{home.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _run(uv, "venv", "--quiet", "--relocatable", "--python", interpreter, str(temporary))
        into = ["--python", str(temporary / "bin" / "python"), "--requirement", str(lock)]
        _run(uv, "pip", "install", "--quiet", "--require-hashes", *into)
        temporary.rename(home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _interpreter(least: Version) -> tuple[str, Version]:
    ours = (sys.version_info.major, sys.version_info.minor)
    if ours >= least:
        return sys.executable, ours
    for minor in range(least[1], _NEWEST + 1):
        for found in _candidates(f"3.{minor}"):
            # asked: what pyenv puts on PATH is a name for versions that may not be switched on
            asked = [found, "-c", f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return found, (3, minor)
    raise RuntimeError(
        f"it needs Python {least[0]}.{least[1]} or newer, and there is none on PATH or of pyenv"
    )


def _candidates(version: str) -> list[str]:
    on_path = shutil.which(f"python{version}")
    of_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(
        f"versions/{version}.*/bin/python"
    )
    return [*([on_path] if on_path else []), *map(str, sorted(of_pyenv))]


def _uv() -> str:
    """The uv that make names, has put into the cache, or is on PATH."""
    cached = sorted(cache_root().glob("uv-*/bin/uv"))
    found = os.environ.get("UV") or (str(cached[-1]) if cached else shutil.which("uv"))
    if not found:
        raise RuntimeError("uv is missing: `make setup` gets it")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr.strip()[-2000:]}")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        ensure_environment(each, Progress())
