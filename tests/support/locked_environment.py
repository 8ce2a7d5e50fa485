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

LOCKS = Path(__file__).resolve().parents[2] / "locks"


def ensure_environment(name: str, progress: Progress) -> Path:
    """Return the Python that has what `locks/<name>.txt` lists, installing it if it is missing.

    Raises:
        RuntimeError: It could not be installed.
    """
    lock = LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = cache_root() / f"{name}-py{sys.version_info.major}{sys.version_info.minor}-{digest}"
    if not home.is_dir():
        with exclusive(cache_root() / f".{name}.lock"):
            if not home.is_dir():  # another process made it while this one waited
                with progress.step(f"installing {name}"):
                    _install(home, lock)
    return home / "bin" / "python"


def _install(home: Path, lock: Path) -> None:
    uv, temporary = _uv(), home.with_name(f".{home.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _run(uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(temporary))
        into = ["--python", str(temporary / "bin" / "python"), "--requirement", str(lock)]
        _run(uv, "pip", "install", "--quiet", "--require-hashes", *into)
        temporary.rename(home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
