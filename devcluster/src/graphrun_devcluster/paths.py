"""Where things lie on this machine: the per-user cache and the sources of the components."""

import os
from pathlib import Path

from graphrun_devcluster.errors import MissingNeedError


def cache_root() -> Path:
    """Return the per-user cache: ``$GRAPHRUN_CACHE``, else ``~/.cache/graphrun``."""
    named = os.environ.get("GRAPHRUN_CACHE")
    return Path(named).expanduser().absolute() if named else Path.home() / ".cache" / "graphrun"


def component_sources() -> Path:
    """Return the folder with the components' go.mod files and mains.

    Raises:
        MissingNeedError: the package was installed without its repository.
    """
    folder = Path(__file__).resolve().parents[2] / "components"
    if not (folder / "go.mod").is_file():
        raise MissingNeedError(
            f"{folder} is missing: run the development cluster from a checkout of the repository"
        )
    return folder
