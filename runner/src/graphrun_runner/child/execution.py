"""One attempt inside the graph process: open the stored state, run the graph on it, judge the end."""

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from graphrun_checkpoints import CheckpointError, DurableCheckpoint, Store
from graphrun_core import events
from graphrun_core.protocol import Outcome
from graphrun_runner.child import loading, outcomes
from graphrun_runner.child.loading import Graph
from graphrun_runner.child.node_timeouts import timeouts_of
from graphrun_runner.child.opening import Opened, Opening
from graphrun_runner.child.pace import Pace
from graphrun_runner.child.shape import shape_of
from graphrun_runner.child.starting import Start, address
from graphrun_runner.child.storage import RunStorage
from graphrun_runner.child.visits import Emit, Visits, new_event

# The thread and the place in its history are ours to choose.
_OUR_KEYS = ("thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map")

_STREAM_MODES: list[Literal["tasks", "custom", "messages"]] = ["tasks", "custom", "messages"]


@dataclass(frozen=True)
class Drained:
    """The superstep under way ended and is stored; more remains to be done."""


End = Outcome | Drained


@dataclass(frozen=True)
class Rooms:
    """The folder for inline sources, and the bucket."""

    work_dir: Path
    store: Store


class Execution:
    """The attempt that a grant (a protocol.ClaimGrant) describes.

    Args:
        grant: The grant.
        control: By which it is told to drain.
        emit: Takes each event.
        rooms: Where the run's things are.

    Attributes:
        storage: Of the run, once the graph is loaded; what was not stored when the attempt ended is its owner's to lose.
    """

    def __init__(self, grant: dict[str, Any], control: RunControl, emit: Emit, rooms: Rooms) -> None:
        self._grant, self._control, self._emit, self._rooms = grant, control, emit, rooms
        self._visits = Visits(emit)
        self._config = self._runnable_config()
        self.storage: RunStorage | None = None

    async def run(self) -> End:
        """Run to the end of the attempt, whatever it is."""
        try:
            built = await self._load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: anything may come out of it
            _show(error)
            return outcomes.load_failed(error)
        try:
            self.storage = RunStorage(self._grant, self._rooms.store, self._on_durable)
            return await self._run_on(self.storage, built)
        except CheckpointError as error:
            _show(error)
            return outcomes.storage_error(error)

    async def _load(self) -> Any:  # noqa: ANN401 - a StateGraph or a compiled graph
        source = self._grant["graph"]
        loading.lay_out_files(source["files"], self._rooms.work_dir)
        return await loading.build(loading.import_attribute(source["entrypoint"]), self._config)

    async def _run_on(self, storage: RunStorage, built: Any) -> End:  # noqa: ANN401 - as above
        try:
            graph = loading.with_saver(built, storage.saver)
            shape = shape_of(graph)
        except Exception as error:  # noqa: BLE001 - compiling runs user code
            _show(error)
            return outcomes.load_failed(error)
        opened = await Opening(self._grant, graph, storage, self._config).open()
        if not isinstance(opened, Opened):
            return opened
        self._visits.timeouts = timeouts_of(graph)
        self._announce(shape, opened.checkpoint_id)
        edited = await self._edit(graph, opened.start)
        return edited if not isinstance(edited, Start) else await self._run_graph(graph, edited, storage)

    async def _edit(self, graph: Graph, start: Start) -> Start | Outcome:
        """Make the edit of a fork or a resume, if one is owed; what comes after it goes on from there."""
        if start.update is None:
            return start
        values, node = start.update.values, start.update.as_node or None
        try:
            await graph.aupdate_state(self._config_at(start.checkpoint_id), values, as_node=node)
        except CheckpointError:
            raise
        except Exception as error:  # noqa: BLE001 - reducers and branches are user code
            _show(error)
            return outcomes.update_failed(error, resumes=self._grant["resume"] is not None)
        return Start(start.graph_input)

    async def _run_graph(self, graph: Graph, start: Start, storage: RunStorage) -> End:
        try:
            call, unclear = await self._call_of(graph, start)
            if unclear:
                return outcomes.awaiting_input(
                    unclear, "several questions are open: give {interrupt id: value}"
                )
            await self._stream(graph, call, start.checkpoint_id, storage.pace)
        except GraphDrained:
            await storage.aclose()
            return Drained()
        except CheckpointError:
            raise
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - user code: anything may come out of it
            _show(error)
            self._visits.graph_failed(error)
            with suppress(CheckpointError):  # what is stored serves a retry; what failed is the graph
                await storage.saver.aflush()
            return outcomes.graph_error(error) if self._visits.any_started else outcomes.load_failed(error)
        await storage.saver.aflush()
        return await self._judge(graph, await graph.aget_state(self._config_at("")), storage)

    async def _call_of(self, graph: Graph, start: Start) -> tuple[Any, StateSnapshot | None]:
        """What to call the graph with; or the state, where the answer fits several questions."""
        if start.answer is None:
            return start.graph_input, None
        state = await graph.aget_state(self._config_at(start.checkpoint_id))
        addressed = address(start.answer, [interrupt.id for interrupt in state.interrupts])
        if addressed is None:
            return None, state
        return (Command(resume=addressed) if addressed else None), None

    async def _stream(
        self,
        graph: Graph,
        call: Any,  # noqa: ANN401 - input or Command
        checkpoint_id: str,
        pace: Pace,
    ) -> None:
        config = self._config_at(checkpoint_id)
        # With a list of modes and subgraphs, LangGraph yields (namespace, mode, chunk).
        stream: AsyncIterator[Any] = graph.astream(
            call,
            {**config, "callbacks": [pace, self._visits]},
            context=self._grant["context"] or None,
            stream_mode=_STREAM_MODES,
            subgraphs=True,
            durability=self._grant["durability"],
            control=self._control,
        )
        async for ns, mode, chunk in stream:
            if mode == "tasks" and "result" in chunk:
                self._visits.task_ended(chunk)
            elif mode == "custom":
                self._visits.custom(ns, chunk)
            elif mode == "messages":
                self._visits.message(*chunk)

    async def _judge(self, graph: Graph, state: StateSnapshot, storage: RunStorage) -> Outcome:
        # Never by `next` alone: it is empty too where tasks have run whose checkpoint is not made yet.
        if state.tasks or state.next:
            await storage.aclose()
            return outcomes.awaiting_input(state)
        output, reference = await storage.keep_output(_output_of(graph, state.values))
        await storage.aclose()
        return outcomes.succeeded(output, reference)

    def _config_at(self, checkpoint_id: str) -> RunnableConfig:
        place = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
        configurable = {**self._config["configurable"], **place}
        return cast(RunnableConfig, {**self._config, "configurable": configurable})

    def _announce(self, shape: events.GraphShape, checkpoint_id: str) -> None:
        first = self._grant["attempt"] == 1
        data = {"graph": shape, "checkpoint_id": checkpoint_id}
        self._emit(new_event(events.RUN_STARTED if first else events.RUN_RESUMED, data))

    def _on_durable(self, saved: DurableCheckpoint) -> None:
        data = {
            "id": saved.id,
            "ns": saved.ns,
            "step": saved.step,
            "source": saved.source,
            "bytes": saved.bytes,
        }
        self._emit(new_event(events.CHECKPOINT_SAVED, data, saved.time))

    def _runnable_config(self) -> dict[str, Any]:
        given = self._grant["config"]
        configurable = {
            key: value
            for key, value in (given.get("configurable") or {}).items()
            if key not in _OUR_KEYS and not key.startswith("__pregel")
        }
        return {
            "configurable": {**configurable, "thread_id": self._grant["thread"]},
            "recursion_limit": given.get("recursionLimit") or 10000,
            "tags": given.get("tags") or [],
        }


def _output_of(graph: Graph, values: Any) -> Any:  # noqa: ANN401 - the state may be anything
    """What `ainvoke` would return: of the state's channels those that are output."""
    wanted = graph.output_channels
    if isinstance(wanted, str) or not isinstance(values, dict):
        return values
    return {name: values[name] for name in wanted if name in values}


def _show(error: BaseException) -> None:
    """The traceback where the user looks first: in the log of the pod."""
    traceback.print_exception(error, file=sys.stderr)
