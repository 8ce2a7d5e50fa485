"""What a graph's stored state depends on: its nodes, channels and reducers, subgraphs included. Pure.

The signature of the graph that made a run's checkpoints is kept beside them, so that another revision can be compared
with it before anything runs.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from langgraph.channels.base import BaseChannel
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.channels.delta import DeltaChannel
from langgraph.channels.last_value import LastValue
from langgraph.channels.topic import Topic
from langgraph.pregel import Pregel

from graphrun_runner.child.loading import Graph

_FORMAT: Final = 1
ROOT: Final = ""
_SEPARATOR: Final = "|"
NO_REDUCER: Final = "none"


@dataclass(frozen=True)
class Part:
    """One graph or subgraph.

    Attributes:
        nodes: Each node with the channels that trigger it.
        channels: Each channel with its kind: "none" (the last value counts), a reducer's name, or another kind.
    """

    nodes: Mapping[str, tuple[str, ...]]
    channels: Mapping[str, str]


@dataclass(frozen=True)
class Signature:
    """A revision's graph and its subgraphs, by path: "" or "parent|child"."""

    revision: str
    parts: Mapping[str, Part]


def signature_of(graph: Graph, revision: str) -> Signature:
    """The signature of a graph; of its subgraphs, those that LangGraph finds without running anything."""
    return Signature(revision, {path: _part(each) for path, each in graphs_of(graph)})


def graphs_of(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """The graph and its subgraphs, each with its path."""
    yield ROOT, graph
    for path, subgraph in graph.get_subgraphs(recurse=True):
        if isinstance(subgraph, Pregel):
            yield path, subgraph


def to_stored(signature: Signature) -> dict[str, Any]:
    """As JSON."""
    graphs = {
        path: {
            "nodes": {name: list(triggers) for name, triggers in part.nodes.items()},
            "channels": dict(part.channels),
        }
        for path, part in signature.parts.items()
    }
    return {"format": _FORMAT, "revision": signature.revision, "graphs": graphs}


def from_stored(stored: Mapping[str, Any]) -> Signature | None:
    """Back from JSON; None where a newer version wrote it in a form that is unknown here."""
    if stored.get("format") != _FORMAT:
        return None
    parts = {
        path: Part({name: tuple(found) for name, found in part["nodes"].items()}, dict(part["channels"]))
        for path, part in stored["graphs"].items()
    }
    return Signature(stored["revision"], parts)


def path_of(ns: str) -> str:
    """The path of a checkpoint namespace: without the ids of tasks."""
    return _SEPARATOR.join(part.partition(":")[0] for part in ns.split(_SEPARATOR))


def below(place: str, name: str) -> str:
    """The path or namespace of a child."""
    return f"{place}{_SEPARATOR}{name}" if place else name


def _part(graph: Graph) -> Part:
    # What is no channel is a managed value: made anew in every step, never stored.
    channels = {name: kind_of(each) for name, each in graph.channels.items() if isinstance(each, BaseChannel)}
    return Part({name: tuple(sorted(node.triggers)) for name, node in graph.nodes.items()}, channels)


def kind_of(channel: BaseChannel[Any, Any, Any]) -> str:
    """The name of what decides about a channel's next value."""
    if isinstance(channel, BinaryOperatorAggregate):
        return _name_of(channel.operator)
    if isinstance(channel, DeltaChannel):
        return f"DeltaChannel({_name_of(channel.reducer)})"
    if isinstance(channel, Topic):
        return "Topic(accumulate)" if channel.accumulate else "Topic"
    return NO_REDUCER if type(channel) is LastValue else type(channel).__name__


def _name_of(reducer: Any) -> str:  # noqa: ANN401 - any callable
    if isinstance(reducer, functools.partial):
        return _name_of(reducer.func)
    name = getattr(reducer, "__qualname__", type(reducer).__qualname__)
    module = getattr(reducer, "__module__", None) or type(reducer).__module__
    return f"{module.lstrip('_')}.{name}"
