"""The environment of moto's server: its own, for its dependencies do not fit beside ours.

    python moto_environment.py   makes it ahead of the tests, which have a time limit

It lies in the per-user cache and is made once for each version of its lock, locks/moto.txt.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

_LOCK = Path(__file__).resolve().parents[2] / "locks" / "moto.txt"


def ensure_moto(progress: Progress) -> Path:
    """Return the Python that has moto, installing it if it is missing.

    Raises:
        RuntimeError: It could not be installed.
    """
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    home = cache_root() / f"moto-py{sys.version_info.major}{sys.version_info.minor}-{digest}"
    if not home.is_dir():
        with exclusive(cache_root() / ".moto.lock"):
            if not home.is_dir():  # another process made it while this one waited
                with progress.step("installing moto"):
                    _install(home)
    return home / "bin" / "python"


def _install(home: Path) -> None:
    uv, temporary = _uv(), home.with_name(f".{home.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    _run(uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(temporary))
    python = str(temporary / "bin" / "python")
    _run(uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "--requirement", str(_LOCK))
    temporary.rename(home)


def _uv() -> str:
    """The uv that make names, has put into the cache, or is on PATH."""
    cached = sorted(cache_root().glob("uv-*/bin/uv"))
    found = os.environ.get("UV") or (str(cached[-1]) if cached else shutil.which("uv"))
    if not found:
        raise RuntimeError("moto needs uv to be installed: `make setup` gets it")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"moto cannot be installed: {' '.join(command[:3])}: {done.stderr[-2000:]}")


if __name__ == "__main__":
    ensure_moto(Progress())
