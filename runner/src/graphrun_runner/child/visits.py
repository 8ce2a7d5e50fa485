"""Visits of nodes as events: started and retrying from LangChain's callbacks, ended from LangGraph's task stream.

LangGraph's own task stream announces tasks without their superstep, before their turn, and says nothing of
retries; the callback of a task's run has all three.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk
from langgraph.constants import TAG_HIDDEN
from langgraph.errors import GraphBubbleUp, NodeTimeoutError, ParentCommand
from langgraph.types import Command

from graphrun_core import events
from graphrun_core.times import to_rfc3339
from graphrun_runner import node_progress
from graphrun_runner.child import node_timeouts, outcomes
from graphrun_runner.child.json_form import cut
from graphrun_runner.child.signature import path_of

# On the run of a task itself, and on nothing inside it.
_TASK_TAG: Final = "graph:step:"
_PAYLOAD_BYTES: Final = 32768
Emit = Callable[[dict[str, Any]], None]


@dataclass
class _Visit:
    node_id: str
    task_id: str
    ns: str
    step: int
    visit: int
    run_id: UUID
    tries: int = 1
    error: BaseException | None = None  # of the last try, once it has failed
    began: float = field(default_factory=time.monotonic)  # the last try

    def event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        where = {"node_id": self.node_id, "task_id": self.task_id, "ns": self.ns}
        return {**new_event(kind, data), **where, "step": self.step, "visit": self.visit}


class Visits(BaseCallbackHandler):
    """Follows every task of the graph and its subgraphs. Callbacks come from the event loop and from threads.

    Attributes:
        any_started: Whether any task has begun.
        timeouts: Of the graph's nodes; set before it runs.
    """

    run_inline = True
    # Of models it needs nothing: their tokens come by the stream.
    ignore_llm = True
    ignore_chat_model = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._lock = threading.Lock()
        self._open: dict[str, _Visit] = {}  # by task id
        self._counts: Counter[tuple[str, str]] = Counter()
        self.any_started = False
        self.timeouts: node_timeouts.Timeouts = {}

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - LangChain's signature
        inputs: Any,  # noqa: ANN401, ARG002 - a node's input, never looked at
        *,
        run_id: UUID,
        **details: Any,  # noqa: ANN401 - LangChain's signature
    ) -> None:
        """A task begins, or begins again."""
        tags, metadata = details.get("tags") or (), details.get("metadata") or {}
        if TAG_HIDDEN in tags or not _is_task(tags, metadata, details.get("name")):
            return
        ns, _, last = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition("|")
        node_id, task_id = str(metadata.get("langgraph_node", "")), last.rpartition(":")[2]
        with self._lock:
            known = self._open.get(task_id)
            visit = (
                self._again(known, run_id) if known else self._first((node_id, task_id, ns), metadata, run_id)
            )
        if visit is None:
            return
        self.any_started = True
        if visit.error is None:
            self._emit(visit.event(events.NODE_STARTED, {}))
        else:
            data = {"error": outcomes.describe(visit.error), "attempt": visit.tries}
            self._emit(visit.event(events.NODE_RETRYING, data))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **details: Any) -> None:  # noqa: ANN401, ARG002
        """A try of a task failed. Whether it is the last shows when another begins, or the task ends."""
        visit = next((each for each in tuple(self._open.values()) if each.run_id == run_id), None)
        if visit is None:
            return
        if isinstance(error, ParentCommand) and error.args[0].graph == Command.PARENT:
            # It leaves its graph, whose stream ends before it tells of this task.
            self._open.pop(visit.task_id, None)
            self._emit(visit.event(events.NODE_COMPLETED, {}))
        elif not isinstance(error, GraphBubbleUp):
            policy = self.timeouts.get((path_of(visit.ns), visit.node_id))
            visit.error = node_timeouts.told(error, visit.node_id, policy, visit.began)

    def task_ended(self, result: dict[str, Any]) -> None:
        """A task's result from the stream; its values stay here."""
        visit = self._open.pop(result["id"], None)
        if visit is None:  # hidden, or from LangGraph's cache
            return
        if not result["interrupts"]:
            self._end_within(visit)
        if result["error"] is not None:
            self._emit(visit.event(events.NODE_FAILED, {"error": _error_text(visit, result["error"])}))
        else:
            data = {"interrupted": True} if result["interrupts"] else {}
            self._emit(visit.event(events.NODE_COMPLETED, data))

    def _end_within(self, holder: _Visit) -> None:
        """Tasks of a subgraph that failed, where the node that called it went on: its stream ended before it told."""
        place = f"{holder.ns}|{holder.node_id}:{holder.task_id}".lstrip("|")
        for visit in tuple(self._open.values()):
            if visit.ns == place or visit.ns.startswith(f"{place}|"):
                self._open.pop(visit.task_id, None)
                error = visit.error or asyncio.CancelledError()
                self._emit(visit.event(events.NODE_FAILED, {"error": outcomes.describe(error)}))

    def graph_failed(self, error: BaseException) -> None:
        """The graph ended by an error: the stream ends before it tells which tasks failed."""
        for visit in tuple(self._open.values()):
            if visit.error is not None:
                self._open.pop(visit.task_id, None)
                self._emit(visit.event(events.NODE_FAILED, {"error": outcomes.describe(_last(visit, error))}))

    def custom(self, ns: tuple[str, ...], payload: Any) -> None:  # noqa: ANN401 - whatever the node wrote
        """What a node wrote to the stream writer: its progress, or an event of the user's own."""
        if isinstance(payload, dict) and node_progress.PAYLOAD_KEY in payload:
            task_id = str(payload.get("checkpoint_ns", "")).rpartition(":")[2]
            data = {"progress": payload[node_progress.PAYLOAD_KEY]}
            self._emit_at(self._open.get(task_id), events.NODE_PROGRESS, data)
            return
        here = [visit for visit in tuple(self._open.values()) if visit.ns == "|".join(ns)]
        data = {"payload": cut(payload, _PAYLOAD_BYTES)}
        # The stream does not tell which node wrote; where only one runs, it is known all the same.
        self._emit_at(here[0] if len(here) == 1 else None, events.CUSTOM, data)

    def message(self, chunk: Any, metadata: dict[str, Any]) -> None:  # noqa: ANN401 - a message of any kind
        """A piece of a model's answer; whole messages are in the state."""
        if not isinstance(chunk, AIMessageChunk) or not (text := str(chunk.text)):
            return
        task_id = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition(":")[2]
        data = {"text": text, "message_id": chunk.id}
        self._emit_at(self._open.get(task_id), events.TOKEN, data)

    def _emit_at(self, visit: _Visit | None, kind: str, data: dict[str, Any]) -> None:
        self._emit(visit.event(kind, data) if visit else new_event(kind, data))

    def _first(self, where: tuple[str, str, str], metadata: dict[str, Any], run_id: UUID) -> _Visit:
        node_id, task_id, ns = where
        place = (path_of(ns), node_id)
        self._counts[place] += 1
        step = int(metadata.get("langgraph_step", 0))
        visit = _Visit(node_id, task_id, ns, step, self._counts[place], run_id)
        self._open[task_id] = visit
        return visit

    def _again(self, visit: _Visit, run_id: UUID) -> _Visit | None:
        if visit.error is None:  # a run inside the task's own, not another try
            return None
        visit.tries, visit.run_id, visit.began = visit.tries + 1, run_id, time.monotonic()
        return visit


def new_event(kind: str, data: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """An event of now, or of `at`."""
    return {"type": kind, "at": to_rfc3339(at or datetime.now(UTC)), "data": data}


def is_node(tags: Sequence[str]) -> bool:
    """Whether a run with these tags is that of a node itself, and not of anything inside it."""
    return any(tag.startswith(_TASK_TAG) for tag in tags)


def _is_task(tags: Sequence[str], metadata: Mapping[str, Any], name: object) -> bool:
    """Whether a run is that of a node, or of a task that an entrypoint calls; not of anything inside one."""
    path = metadata.get("langgraph_path") or (None,)
    called = path[-1] is True and name == metadata.get("langgraph_node")
    return called or is_node(tags)


def _last(visit: _Visit, error: BaseException) -> BaseException:
    """What a task that was under way when the graph ended failed by: its own error, or that of another."""
    own = visit.error
    if isinstance(own, NodeTimeoutError) and not isinstance(error, NodeTimeoutError):
        own = asyncio.CancelledError()
    return own if own is not None else error


def _error_text(visit: _Visit, error: object) -> str:
    if visit.error is not None:
        return outcomes.describe(visit.error)
    return outcomes.describe(error) if isinstance(error, BaseException) else str(error)
