"""`status.runner` as it is written: always whole, for server-side apply drops what is left out. Pure."""

import json
from datetime import datetime
from typing import Any, Final

from graphrun_api.runner_port.bindings import Binding
from graphrun_core.protocol import INTERRUPTS_INLINE_BYTES, MESSAGE_MAX_CHARS, Outcome
from graphrun_core.resources import RunnerStatus
from graphrun_core.times import to_rfc3339

Json = dict[str, Any]

# The CRD's maxima: a longer value would make the API server refuse the whole report.
_REASON_CHARS: Final = 32
_SHORT_MESSAGE_CHARS: Final = 100  # beside an output or interrupts
_ID_CHARS: Final = 64
_NODE_CHARS: Final = 64
_INTERRUPT_NODE_CHARS: Final = 128
_CURRENT_NODES: Final = 4
_INTERRUPTS: Final = 20
_LEAST_VALUE_BYTES: Final = 64
_RESULTS: Final = frozenset({"Succeeded", "Failed", "Paused", "AwaitingInput", "Interrupted", "Cancelled"})


def claimed(before: RunnerStatus, binding: Binding, now: datetime) -> Json:
    """A claim keeps checkpoint and progress of the former attempt and nothing else of it."""
    fields = before.to_manifest()
    kept = {key: fields[key] for key in ("checkpoint", "progress") if fields.get(key) is not None}
    return {
        **kept,
        "attempt": binding.attempt,
        "podName": binding.pod_name,
        "podUID": binding.pod_uid,
        "claimTime": to_rfc3339(now),
    }


def refreshed(before: RunnerStatus, checkpoint: Json | None, progress: float, nodes: list[str]) -> Json:
    """The same claim with what has happened since; progress never falls."""
    after = whole(before)
    if checkpoint and checkpoint.get("id"):
        after["checkpoint"] = _clipped_checkpoint(checkpoint)
    after["progress"] = round(max(before.progress or 0.0, min(max(progress, 0.0), 1.0)), 3)
    after["currentNodes"] = [node[:_NODE_CHARS] for node in nodes[:_CURRENT_NODES]]
    return after


def reported(before: RunnerStatus, report: Json, now: datetime) -> Json:
    """The same claim with its end. The first outcome and the first proof of the stop stay; repeating changes nothing."""
    after = whole(before)
    after.pop("currentNodes", None)
    checkpoint, outcome = report.get("checkpoint"), report.get("outcome")
    if isinstance(checkpoint, dict) and checkpoint.get("id"):
        after["checkpoint"] = _clipped_checkpoint(checkpoint)
    if "outcome" not in after and isinstance(outcome, dict) and outcome.get("result") in _RESULTS:
        after["outcome"] = clipped_outcome(outcome)
        if outcome["result"] == "Succeeded":
            after["progress"] = 1
    if report.get("stopped") and "stoppedTime" not in after:
        after["stoppedTime"] = to_rfc3339(now)
    return after


def clipped_outcome(outcome: Json) -> Json:
    """Within the CRD's maxima, and only the fields that it knows."""
    after: Json = {"result": outcome["result"]}
    if isinstance(outcome.get("exitCode"), int):
        after["exitCode"] = min(max(outcome["exitCode"], 0), 255)
    short = outcome["result"] in {"Succeeded", "AwaitingInput"}
    message_chars = _SHORT_MESSAGE_CHARS if short else MESSAGE_MAX_CHARS
    for name, most in (("reason", _REASON_CHARS), ("message", message_chars)):
        if outcome.get(name):
            after[name] = str(outcome[name])[:most]
    if outcome["result"] == "AwaitingInput":
        after["interrupts"] = clipped_interrupts(outcome.get("interrupts") or [])
    if outcome["result"] == "Succeeded":
        if outcome.get("outputRef"):
            after["outputRef"] = outcome["outputRef"]
        elif outcome.get("output") is not None:
            after["output"] = outcome["output"]
    return after


def clipped_interrupts(interrupts: list[Json]) -> list[Json]:
    """Within INTERRUPTS_INLINE_BYTES together: each has its share, its value is cut to what is left of it."""
    asked = [item for item in interrupts if isinstance(item, dict)][:_INTERRUPTS]
    kept: list[Json] = []
    budget = INTERRUPTS_INLINE_BYTES - 2  # the list's brackets
    for place, item in enumerate(asked):
        fitted = {
            "id": str(item.get("id", ""))[:_ID_CHARS],
            "node": str(item.get("node", ""))[:_INTERRUPT_NODE_CHARS],
        }
        frame = _size({**fitted, "value": ""}) - 1  # an empty text's quotes off, a comma on
        # better the first few readable than all beyond recognition
        room = max(budget // (len(asked) - place) - frame, _LEAST_VALUE_BYTES)
        if frame + room > budget:
            break
        fitted["value"] = _cut(item.get("value"), room)
        kept.append(fitted)
        budget -= _size(fitted) + 1
    return kept


def bare(after: Json) -> Json:
    """The same with only what the outcome cannot do without, for when the API server refuses the rest."""
    outcome = after.get("outcome")
    if not outcome:
        return after
    return {
        **after,
        "outcome": {key: outcome[key] for key in ("result", "exitCode", "reason") if key in outcome},
    }


def needs_storage(outcome: Outcome | Json | None, limit: int) -> bool:
    """Whether an inline output is too large for the resource."""
    if not isinstance(outcome, dict) or outcome.get("output") is None:
        return False
    return _size(outcome["output"]) > limit


def whole(before: RunnerStatus) -> Json:
    """What is there, as it would be written."""
    return {key: value for key, value in before.to_manifest().items() if value is not None}


def _clipped_checkpoint(checkpoint: Json) -> Json:
    after: Json = {"id": str(checkpoint["id"])[:_ID_CHARS], "step": int(checkpoint.get("step") or 0)}
    if checkpoint.get("time"):
        after["time"] = str(checkpoint["time"])[:32]
    return after


def _size(value: Any) -> int:  # noqa: ANN401 - any JSON
    return len(json.dumps(value, separators=(",", ":")))


def _cut(value: Any, most: int) -> Any:  # noqa: ANN401 - any JSON
    """The value, or the beginning of its text within `most` bytes of JSON."""
    if _size(value) <= most:
        return value
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    kept = text[:most]
    while _size(kept) > most:
        kept = kept[: len(kept) * 3 // 4]
    return kept
