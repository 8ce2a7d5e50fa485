"""The graph's topology, as reported once per attempt."""

import logging
from collections.abc import Iterable

from graphrun_core.events import GraphShape
from graphrun_runner.child.input_schema import input_schema_of
from graphrun_runner.child.loading import Graph

_OUTSIDE = ("__start__", "__end__")
_log = logging.getLogger(__name__)


def shape_of(graph: Graph) -> GraphShape:
    """Nodes and edges as LangGraph draws them, and the drawing."""
    try:
        drawn = graph.get_graph()
        edges = [[edge.source, edge.target] for edge in drawn.edges]
        nodes = [name for name in drawn.nodes if name not in _OUTSIDE]
        mermaid = drawn.draw_mermaid()
    except Exception:  # noqa: BLE001 - it runs user code (schemas), and a picture must not fail a run
        _log.warning("the graph cannot be drawn", exc_info=True)
        nodes, edges, mermaid = [name for name in graph.nodes if name not in _OUTSIDE], [], ""
    return {
        "nodes": nodes,
        "edges": edges,
        "cyclic": has_cycle(edges),
        "mermaid": mermaid,
        "input_schema": input_schema_of(graph),
    }


def has_cycle(edges: Iterable[list[str]]) -> bool:
    """Whether a directed cycle exists: peel off what nothing leads to; a cycle remains."""
    left = {(source, target) for source, target in edges}
    while left:
        reached = {target for _, target in left}
        peeled = {edge for edge in left if edge[0] in reached}
        if peeled == left:
            return True
        left = peeled
    return False
