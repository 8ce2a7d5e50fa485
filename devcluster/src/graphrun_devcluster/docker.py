"""Whether a Docker engine answers on this machine."""

import shutil
import subprocess
from typing import Final

_ANSWER_SECONDS: Final = 5


def docker_answers() -> bool:
    """True where `docker` is on PATH and its engine answers within 5 s; a client alone is not enough."""
    if not shutil.which("docker"):
        return False
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
