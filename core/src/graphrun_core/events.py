"""What happens in a run, as events. Standard library only: the supervisor imports this module.

A runner numbers its events densely per attempt (`seq` from 1), so that a batch sent twice is stored once.
The API gives each stored event its `seq` within the run, which is what clients see.
"""

from typing import Any, Final, TypedDict

# --- by the API, from the resource
RUN_ACCEPTED: Final = "run_accepted"
RUN_PAUSED: Final = "run_paused"
RUN_AWAITING_INPUT: Final = "run_awaiting_input"
RUN_CANCELLED: Final = "run_cancelled"
RUN_COMPLETED: Final = "run_completed"
RUN_FAILED: Final = "run_failed"
# --- by the runner
RUN_STARTED: Final = "run_started"  # the first attempt's graph is loaded; data: {graph, checkpoint_id: of a fork, the one it begins from}
RUN_RESUMED: Final = "run_resumed"  # a further attempt's graph is loaded; data: {graph, checkpoint_id: from which it goes on, "": from the input}
NODE_STARTED: Final = "node_started"
NODE_PROGRESS: Final = "node_progress"  # data: {progress: 0..1}
NODE_COMPLETED: Final = "node_completed"
NODE_FAILED: Final = "node_failed"  # data: {error}
NODE_RETRYING: Final = "node_retrying"  # data: {error, attempt}
CHECKPOINT_SAVED: Final = "checkpoint_saved"  # data: {id, ns, step, source, bytes}
CUSTOM: Final = "custom"  # data: {payload}: whatever the node wrote to LangGraph's stream writer
TOKEN: Final = "token"  # noqa: S105 - the name of an event type, no secret

RUNNER_TYPES: Final = frozenset(
    {
        RUN_STARTED,
        RUN_RESUMED,
        NODE_STARTED,
        NODE_PROGRESS,
        NODE_COMPLETED,
        NODE_FAILED,
        NODE_RETRYING,
        CHECKPOINT_SAVED,
        CUSTOM,
        TOKEN,
    }
)
# A full spool drops these first; run, node and checkpoint events are never dropped.
DROPPABLE_TYPES: Final = frozenset({TOKEN, CUSTOM, NODE_PROGRESS})


class RunnerEvent(TypedDict, total=False):
    """One event as the runner sends it: `seq`, `type`, `at` and `data` always, the rest for node events.

    A node is visited many times (loops, `Send`): `task_id` names the visit, `visit` counts the node's visits in
    this attempt from 1, `ns` is the path of subgraphs (empty for the root graph), `step` the superstep.
    """

    seq: int
    type: str
    at: str
    data: dict[str, Any]
    node_id: str
    task_id: str
    ns: str
    step: int
    visit: int


class EventBatch(TypedDict):
    """Body of `protocol.EVENTS_PATH`. The attempt is the one that the sending pod has claimed."""

    events: list[RunnerEvent]


class GraphShape(TypedDict):
    """The topology that a runner reports in run_started and run_resumed, without LangGraph's __start__ and __end__."""

    nodes: list[str]
    edges: list[list[str]]  # [from, to], where __start__ and __end__ may stand
    cyclic: bool
    mermaid: str
    input_schema: dict[str, Any] | None  # JSON Schema of the graph's input, by its own types
