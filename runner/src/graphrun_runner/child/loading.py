"""From `module:attribute` and inline files to a graph that can run: the first user code of an attempt."""

import importlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from graphrun_core.errors import GraphrunError

Graph = Pregel[Any, Any, Any, Any]
_SOURCE_FOLDER: Final = "source"


class LoadFailed(GraphrunError):
    """The graph cannot be loaded."""


def lay_out_files(files: dict[str, str], work_dir: Path) -> None:
    """Write the inline sources below the work folder, put them on sys.path and make them the current folder.

    Raises:
        LoadFailed: a path leaves the folder.
    """
    if not files:
        return
    root = work_dir / _SOURCE_FOLDER
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise LoadFailed(f"graph.files: {name!r} must be a relative path without '..'")
        target = root.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    os.chdir(root)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()


def import_attribute(entrypoint: str) -> object:
    """What `module:attribute` names; the attribute may be dotted.

    Raises:
        LoadFailed: the entrypoint is malformed or the attribute missing. Errors of the module's own code pass.
    """
    module_name, _, attribute = entrypoint.partition(":")
    if not module_name or not attribute:
        raise LoadFailed(
            f"graph.entrypoint: {entrypoint!r} must be module:attribute, for example research.graph:graph"
        )
    found: object = importlib.import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LoadFailed(f"graph.entrypoint: module {module_name!r} has no attribute {attribute!r}")
        found = getattr(found, part)
    return found


async def build(found: object, config: dict[str, Any]) -> Graph | StateGraph[Any, Any, Any, Any]:
    """The graph itself, by calling the factory where `found` is one.

    Raises:
        LoadFailed: it is no graph, and makes none. Errors of the factory's own code pass.
    """
    made = found
    if callable(found) and not isinstance(found, Pregel | StateGraph):
        made = _call(found, config)
        if isinstance(made, Awaitable):
            made = await made
    if isinstance(made, Pregel | StateGraph):
        return made
    kind = type(made).__name__
    raise LoadFailed(
        f"graph.entrypoint: gives a {kind}; it must be a StateGraph, a compiled graph, or a function that returns one"
    )


def with_saver(graph: Graph | StateGraph[Any, Any, Any, Any], saver: BaseCheckpointSaver[Any]) -> Graph:
    """The compiled graph on our checkpoints; a checkpointer of its own is replaced."""
    if isinstance(graph, StateGraph):
        return graph.compile(checkpointer=saver)
    return graph.copy({"checkpointer": saver})


def _call(factory: Callable[..., object], config: dict[str, Any]) -> object:
    parameters = list(inspect.signature(factory).parameters.values())
    wanted = [
        p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if len(wanted) > 1:
        names = ", ".join(p.name for p in wanted)
        raise LoadFailed(
            f"graph.entrypoint: the factory wants ({names}); it may take nothing, or the RunnableConfig"
        )
    takes_config = bool(wanted) or any(p.name == "config" for p in parameters)
    if not takes_config:
        return factory()
    name = wanted[0].name if wanted else "config"
    positional_only = any(p.name == name and p.kind is p.POSITIONAL_ONLY for p in parameters)
    return factory(config) if positional_only else factory(**{name: config})
