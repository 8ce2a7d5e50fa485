"""Whether a graph fits a stored state: what the checkpoint needs and the graph lacks. Runs nothing of the user's nodes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.types import Send

from graphrun_checkpoints import ObjectStoreSaver
from graphrun_runner.child import signature
from graphrun_runner.child.loading import Graph
from graphrun_runner.child.signature import Part, Signature

_TASKS: Final = "__pregel_tasks"
_BRANCH: Final = "branch:to:"
_JOIN: Final = "join:"
_EMPTY: Final = Part({}, {})


@dataclass(frozen=True)
class Missing:
    """What a graph lacks, in words: names of nodes, and channels with what is wrong with them."""

    nodes: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    def __or__(self, other: "Missing") -> "Missing":
        return Missing(self.nodes | other.nodes, self.channels | other.channels)

    def __bool__(self) -> bool:
        return bool(self.nodes or self.channels)

    def __str__(self) -> str:
        kinds = (("nodes", self.nodes), ("channels", self.channels))
        return "; ".join(f"{kind}: {', '.join(sorted(found))}" for kind, found in kinds if found)


def missing_in(stored: CheckpointTuple, old: Part | None, new: Part) -> Missing:
    """What one checkpoint needs and one graph lacks.

    Args:
        stored: The checkpoint with its pending writes.
        old: The graph that made it, where that is known: it alone tells reducers, and the triggers of nodes.
        new: The graph that is to go on.
    """
    nodes = _nodes_needed(stored, old or _EMPTY)
    known = old.channels if old is not None else {}
    wrong = {_told(name, known.get(name), new.channels.get(name)) for name in _channels_held(stored, known)}
    return Missing(frozenset(nodes - new.nodes.keys()), frozenset(wrong - {""}))


def _nodes_needed(stored: CheckpointTuple, old: Part) -> set[str]:
    checkpoint, pending = stored.checkpoint, stored.pending_writes or []
    held, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
    written = [(channel, value) for _, channel, value in pending]
    needed = {
        send.node
        for send in [*_list(held.get(_TASKS)), *(value for channel, value in written if channel == _TASKS)]
        if isinstance(send, Send)
    }
    needed |= {
        channel.removeprefix(_BRANCH)
        for channel in (*held, *(channel for channel, _ in written))
        if channel.startswith(_BRANCH)
    }
    for name, triggers in old.nodes.items():
        seen = checkpoint["versions_seen"].get(name, {})
        needed |= {name for each in triggers if each in held and _newer(versions.get(each), seen.get(each))}
    return needed


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - whatever was stored
    return list(value) if isinstance(value, list | tuple) else []


def _newer(version: Any, seen: Any) -> bool:  # noqa: ANN401 - versions are numbers or texts
    return version is not None and (seen is None or version > seen)


def _channels_held(stored: CheckpointTuple, old: Mapping[str, str]) -> set[str]:
    """Channels of the user's: those of LangGraph's own for branches and tasks are told as nodes."""
    values, versions = stored.checkpoint["channel_values"], stored.checkpoint["channel_versions"]
    logged = {name for name, kind in old.items() if kind.startswith("DeltaChannel(") and name in versions}
    held = {name for name, value in values.items() if not (name.startswith(_JOIN) and not value)}
    written = {channel for _, channel, _ in stored.pending_writes or []}
    return {name for name in held | logged | written if not name.startswith(("__", _BRANCH))}


def _told(name: str, old: str | None, new: str | None) -> str:
    if new is None:
        return name
    return f"{name} (reducer {old} → {new})" if old is not None and old != new else ""


class Comparison:
    """Compares a stored thread with a graph: the root, and each subgraph that holds state.

    Args:
        saver: Where the thread is.
        graph: The graph that is to go on, compiled on the saver.
        old: The signature of the graph that made the state, where it is known.
        new: The signature of `graph`.
    """

    def __init__(self, saver: ObjectStoreSaver, graph: Graph, old: Signature | None, new: Signature) -> None:
        self._saver, self._graph, self._old, self._new = saver, graph, old, new

    async def missing(self, config: RunnableConfig) -> Missing:
        """All that the graph lacks, to go on from the checkpoint that `config` names."""
        found = await self._missing_at(config, signature.ROOT)
        for path in self._old.parts if self._old is not None else ():
            if path:  # of subgraphs that keep a state of their own: their namespace is their path
                found |= await self._missing_at(_at(config, path), path)
        return found

    async def _missing_at(self, config: RunnableConfig, ns: str) -> Missing:
        stored = await self._saver.aget_tuple(config)
        if stored is None:
            return Missing()
        path = signature.path_of(ns)
        new = self._new.parts.get(path)
        if new is None:
            return Missing(nodes=frozenset({f"{path} (as a subgraph)"}))
        old = self._old.parts.get(path) if self._old is not None else None
        found = _prefixed(missing_in(stored, old, new), path)
        if found.nodes:  # LangGraph plans without the nodes that it lacks
            return found
        for child in await self._children(config, ns):
            found |= await self._missing_at(_at(config, child), child)
        return found

    async def _children(self, config: RunnableConfig, ns: str) -> Iterable[str]:
        """The namespaces of the tasks that the checkpoint has open."""
        state = await self._graph.aget_state(config)
        return [signature.below(ns, f"{task.name}:{task.id}") for task in state.tasks]


def _at(config: RunnableConfig, ns: str) -> RunnableConfig:
    configurable = {"thread_id": config["configurable"]["thread_id"], "checkpoint_ns": ns}
    return {"configurable": configurable}


def _prefixed(found: Missing, path: str) -> Missing:
    if not path:
        return found
    place = path.replace("|", "/")
    return Missing(
        frozenset(f"{place}/{each}" for each in found.nodes),
        frozenset(f"{place}/{each}" for each in found.channels),
    )
