"""The Python environments of the savers: ours is this one, each peer has its own, made once from its lock."""

import sys
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.progress import Progress
from support.locked_environment import ensure_environment


@dataclass(frozen=True)
class SaverKind:
    """A saver to measure.

    Attributes:
        name: As `savers.open_saver` has it, and as on the command line.
        title: As the tables show it.
        lock: Its requirements, the name of a lock in `locks/`; None for what this environment has.
        module: What a program imports to use it.
        store: What it stores in.
    """

    name: str
    title: str
    lock: str | None
    module: str
    store: str = "s3"


SAVERS = (
    SaverKind("ours", "graphrun-checkpoints", None, "graphrun_checkpoints"),
    SaverKind(
        "objectstorage", "objectstorage 0.1.15", "saver-objectstorage", "langgraph_checkpoint_objectstorage"
    ),
    SaverKind(
        "objectstorage-zstd",
        "objectstorage 0.1.15, zstd",
        "saver-objectstorage",
        "langgraph_checkpoint_objectstorage",
    ),
    SaverKind("tigris", "tigris 0.1.0", "saver-tigris", "langgraph.checkpoint.tigris.aio"),
    SaverKind(
        "postgres", "Postgres 3.2.0", "saver-postgres", "langgraph.checkpoint.postgres.aio", store="postgres"
    ),
)
MEMORY = SaverKind("memory", "none (in memory)", None, "langgraph.checkpoint.memory", store="memory")
"""LangGraph's own, to tell what the graph itself costs."""


def python_of(saver: SaverKind, progress: Progress) -> Path:
    """The interpreter that has this saver, installing it if it is missing.

    Raises:
        RuntimeError: It could not be installed.
    """
    return Path(sys.executable) if saver.lock is None else ensure_environment(saver.lock, progress)
