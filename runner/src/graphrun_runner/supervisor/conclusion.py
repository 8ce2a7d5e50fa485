"""How an attempt ended: from what was asked and what was seen to outcome and exit code. Pure.

Outcome and exit code always agree. Where the process died without a verdict there is no outcome, and the exit
code is its own, so that the operator counts the failure.
"""

import json
import signal
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from graphrun_core import phases, protocol
from graphrun_core.protocol import Outcome
from graphrun_runner.supervisor import course
from graphrun_runner.supervisor.course import Course

_GRAPH_ENDS: Final = (protocol.SUCCEEDED, protocol.FAILED)
# The graph process may not borrow these codes: they have meanings that only an outcome can give.
_OUR_CODES: Final = range(protocol.EXIT_PAUSED, protocol.EXIT_FENCE_LOST + 1)
_TERMINATION_MESSAGE_BYTES: Final = 4096


class Ending(NamedTuple):
    """What was seen of the graph process."""

    status: int  # exit code, or minus the number of the signal that killed it
    outcome: Outcome | None  # its verdict
    drained: bool  # it ended at a step boundary, everything stored, with more to do
    running_nodes: list[str]  # under way when it ended
    memory_limit: str  # set where the kernel killed it at this limit


class Conclusion(NamedTuple):
    """What is reported, and the exit code of the container."""

    outcome: Outcome | None
    exit_code: int
    reason: str
    message: str


def conclude(route: Course, seen: Ending) -> Conclusion:
    """Judge the end: the first rule that has something to say."""
    for rule in _RULES:
        judged = rule(route, seen)
        if judged:
            return judged
    return _crashed(seen)


def _lost_the_run(route: Course, _seen: Ending) -> Conclusion | None:
    return superseded() if route.stop_why == course.WHY_SUPERSEDED else None


def _graph_ended(_route: Course, seen: Ending) -> Conclusion | None:
    over = seen.outcome is not None and seen.outcome["result"] in _GRAPH_ENDS
    return _from_outcome(seen.outcome) if seen.outcome and over else None


def _cancelled(route: Course, _seen: Ending) -> Conclusion | None:
    if route.wanted != phases.STATE_CANCELLED:
        return None
    return _made(protocol.CANCELLED, protocol.EXIT_CANCELLED, message="cancelled; every process has ended")


def _graph_asks(_route: Course, seen: Ending) -> Conclusion | None:
    return _from_outcome(seen.outcome) if seen.outcome else None


def _too_long(route: Course, _seen: Ending) -> Conclusion | None:
    if route.stop_why != course.WHY_ACTIVE_LIMIT:
        return None
    message = "stopped: timeouts.activeSeconds is used up"
    return _made(protocol.FAILED, protocol.EXIT_LOAD_FAILED, "ActiveTimeout", message)


def _drained(route: Course, seen: Ending) -> Conclusion | None:
    if not seen.drained:
        return None
    if route.drain_reason == "pause":
        return _made(protocol.PAUSED, protocol.EXIT_PAUSED)
    return _made(protocol.INTERRUPTED, protocol.EXIT_INTERRUPTED, "Interrupted", "drained at a step boundary")


def _stopped_for_pause(route: Course, seen: Ending) -> Conclusion | None:
    if not route.stop_why or route.drain_reason != "pause":
        return None
    message = f"stopped while running: {', '.join(seen.running_nodes) or 'no node'}"
    return _made(protocol.PAUSED, protocol.EXIT_PAUSED, "NodesWillRerun", message)


def _stopped_for_eviction(route: Course, _seen: Ending) -> Conclusion | None:
    if route.stop_why != course.WHY_EVICTION:
        return None
    message = "stopped at the end of the grace period"
    return _made(protocol.INTERRUPTED, protocol.EXIT_INTERRUPTED, "Interrupted", message)


_RULES: Final[tuple[Callable[[Course, Ending], Conclusion | None], ...]] = (
    _lost_the_run,  # whatever this process did counts for nothing
    _graph_ended,  # a success or failure beats a cancel or pause that came later
    _cancelled,  # beats a pause and a question: nobody will answer it
    _graph_asks,
    _too_long,
    _drained,
    _stopped_for_pause,
    _stopped_for_eviction,
)


def without_claim(exit_code: int, message: str) -> Conclusion:
    """The attempt never came to run anything."""
    reason = {protocol.EXIT_CLAIM_REFUSED: "ClaimRefused", protocol.EXIT_UNREACHABLE: "StorageUnavailable"}
    return Conclusion(
        None, exit_code, reason.get(exit_code, "Interrupted"), message[: protocol.MESSAGE_MAX_CHARS]
    )


def termination_message(end: Conclusion) -> bytes:
    """The outcome as JSON, cut to what the kubelet keeps (4096 bytes). Plain text where there is no outcome."""
    if end.outcome is None:
        return f"{end.reason}: {end.message}".encode()[:_TERMINATION_MESSAGE_BYTES]
    full: dict[str, Any] = dict(end.outcome)
    for left_out in ("", "output", "interrupts", "message"):
        full.pop(left_out, None)
        text = json.dumps(full).encode()
        if len(text) <= _TERMINATION_MESSAGE_BYTES:
            break
    return text


def _from_outcome(outcome: Outcome) -> Conclusion:
    return Conclusion(outcome, outcome["exitCode"], outcome.get("reason", ""), outcome.get("message", ""))


def _made(result: str, exit_code: int, reason: str = "", message: str = "") -> Conclusion:
    outcome: Outcome = {"result": result, "exitCode": exit_code}
    if reason:
        outcome["reason"] = reason
    if message:
        outcome["message"] = message[: protocol.MESSAGE_MAX_CHARS]
    return Conclusion(outcome, exit_code, reason, message)


def superseded() -> Conclusion:
    """Another attempt holds the run: this one counts for nothing."""
    return _made(protocol.FAILED, protocol.EXIT_FENCE_LOST, "FenceLost", "another attempt holds the run")


def _crashed(seen: Ending) -> Conclusion:
    if seen.memory_limit:
        message = f"killed at the container's memory limit of {seen.memory_limit}"
        return Conclusion(None, 128 + signal.SIGKILL, "OutOfMemory", message)
    if seen.status < 0:
        name = signal.Signals(-seen.status).name
        return Conclusion(None, 128 - seen.status, "RunnerCrashed", f"the graph process was killed by {name}")
    message = f"the graph process left with code {seen.status} and no outcome"
    borrowed = seen.status == 0 or seen.status in _OUR_CODES
    return Conclusion(None, 1 if borrowed else seen.status, "RunnerCrashed", message)
