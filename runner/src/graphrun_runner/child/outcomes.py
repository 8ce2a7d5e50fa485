"""The verdicts of the graph process, as protocol.Outcome."""

from typing import Any, Final

from langgraph.types import StateSnapshot

from graphrun_checkpoints import CorruptObject, FenceLost, SerializationFailed, UnsupportedFormat
from graphrun_core import protocol
from graphrun_core.protocol import Outcome
from graphrun_runner.child.json_form import cut

# As many as the resource has room for (crds/workflowruns.yaml).
_MAX_INTERRUPTS: Final = 20


def describe(error: BaseException) -> str:
    """`TypeName: text` in one line, cut."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line[: protocol.MESSAGE_MAX_CHARS]


def failed(exit_code: int, reason: str, message: str) -> Outcome:
    """The run failed for `reason`."""
    return {"result": protocol.FAILED, "exitCode": exit_code, "reason": reason, "message": message}


def refused(reason: str, message: str, *, begun: bool) -> Outcome:
    """Nothing was run. A run that has begun stays paused as it was, so that a wrong resume loses nothing of it."""
    if not begun:
        return failed(protocol.EXIT_LOAD_FAILED, reason, message)
    return {"result": protocol.PAUSED, "exitCode": protocol.EXIT_PAUSED, "reason": reason, "message": message}


def cut_before(text: str, ending: str) -> str:
    """`text`, cut so that `ending` fits into a message behind it."""
    room = protocol.MESSAGE_MAX_CHARS - len(ending)
    return (text if len(text) <= room else text[: room - 1] + "…") + ending


def load_failed(error: BaseException) -> Outcome:
    """The graph could not be loaded, or could not begin with this input."""
    return load_failed_by(describe(error))


def load_failed_by(message: str) -> Outcome:
    """The same, in words."""
    return failed(protocol.EXIT_LOAD_FAILED, "LoadFailed", message[: protocol.MESSAGE_MAX_CHARS])


def update_failed(error: BaseException, *, resumes: bool) -> Outcome:
    """The state that a resume or a fork goes on from could not be edited as asked."""
    if not resumes:
        return load_failed_by(f"spec.startFrom.update: {describe(error)}")
    mend = "; nothing was run. Resume with another update, or none"
    return refused("UpdateRefused", cut_before(f"spec.resume.update: {describe(error)}", mend), begun=True)


def graph_error(error: BaseException) -> Outcome:
    """User code raised, and the node's own retries are used up."""
    return failed(protocol.EXIT_GRAPH_ERROR, "GraphError", describe(error))


def storage_error(error: BaseException) -> Outcome:
    """The state could not be stored or read."""
    if isinstance(error, FenceLost):
        return failed(protocol.EXIT_FENCE_LOST, "FenceLost", describe(error))
    if isinstance(error, SerializationFailed):
        return graph_error(error)
    if isinstance(error, CorruptObject | UnsupportedFormat):
        return failed(protocol.EXIT_LOAD_FAILED, "CheckpointUnreadable", describe(error))
    return failed(protocol.EXIT_UNREACHABLE, "StorageUnavailable", describe(error))


def awaiting_input(state: StateSnapshot, message: str = "") -> Outcome:
    """The graph stopped to ask; or asks still, for the reason in `message`."""
    asked: list[protocol.Interrupt] = []
    share = protocol.INTERRUPTS_INLINE_BYTES // max(min(len(state.interrupts), _MAX_INTERRUPTS), 1)
    for task in state.tasks:
        for interrupt in task.interrupts:
            asked.append({"id": interrupt.id, "node": task.name, "value": cut(interrupt.value, share)})
    if not asked:  # a breakpoint set at compile time: it waits for a resume, and asks nothing
        asked = [{"id": "", "node": name, "value": None} for name in state.next]
    outcome: Outcome = {"result": protocol.AWAITING_INPUT, "exitCode": protocol.EXIT_PAUSED}
    outcome["interrupts"] = asked[:_MAX_INTERRUPTS]
    if message:
        outcome["message"] = message
    return outcome


def succeeded(output: Any, output_ref: str) -> Outcome:  # noqa: ANN401 - any JSON value
    """The graph ran to its end, and its last checkpoint is stored."""
    outcome: Outcome = {"result": protocol.SUCCEEDED, "exitCode": protocol.EXIT_SUCCEEDED}
    if output_ref:
        outcome["outputRef"] = output_ref
    else:
        outcome["output"] = output
    return outcome
