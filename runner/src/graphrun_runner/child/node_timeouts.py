"""Which timeout of LangGraph's ended a try of a node: its callbacks tell only that the try was cancelled."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from langgraph.errors import NodeTimeoutError
from langgraph.types import TimeoutPolicy

from graphrun_runner.child.loading import Graph
from graphrun_runner.child.signature import graphs_of

# The callback of the try begins a moment after LangGraph's own clock.
_SLACK: Final = 0.9

Timeouts = Mapping[tuple[str, str], TimeoutPolicy]
"""By the path of the subgraph ("" or "parent|child") and the node."""


def timeouts_of(graph: Graph) -> Timeouts:
    """The policies of all nodes that have one."""
    return {
        (path, name): node.timeout
        for path, each in graphs_of(graph)
        for name, node in each.nodes.items()
        if node.timeout is not None
    }


def told(error: BaseException, node: str, policy: TimeoutPolicy | None, began: float) -> BaseException:
    """The timeout that a cancelled try has run into; `error` itself where it was none.

    Args:
        error: What the callback told.
        node: The node's name.
        policy: Its timeouts.
        began: When the try began, of the monotonic clock.
    """
    if policy is None or not isinstance(error, asyncio.CancelledError):
        return error
    elapsed = time.monotonic() - began
    run, idle = _seconds(policy.run_timeout), _seconds(policy.idle_timeout)
    if run is not None and elapsed >= run * _SLACK:
        return NodeTimeoutError(node, elapsed, kind="run", run_timeout=run, idle_timeout=idle)
    if idle is not None and elapsed >= idle * _SLACK:
        return NodeTimeoutError(node, elapsed, kind="idle", run_timeout=run, idle_timeout=idle)
    return error


def _seconds(value: object) -> float | None:
    # Compiled nodes have seconds.
    return float(value) if isinstance(value, int | float) else None
