"""The run's resource in the model: its status as JSON, cut down to what decisions rest on, and read by the real code.

Left out are words and counts that nothing is decided by; every time is one and the same moment, but for the one that a
retry waits for. So the space stays finite, and a field that the product adds is taken along by itself.
"""

import json
from functools import cache
from typing import Any, Final

from graphrun_api.runner_port import runner_status
from graphrun_api.runner_port.bindings import Binding
from graphrun_api.runner_port.holders import holds
from graphrun_core import protocol
from graphrun_core.resources import WorkflowRun
from graphrun_core.times import from_rfc3339, to_rfc3339
from model.world import Pod, Run
from support.builders import NOW, REVISION, RUN_UID, ago
from support.played_out import merged

Json = dict[str, Any]

_IRRELEVANT: Final = {"message", "observedGeneration", "conditions", "activeSeconds", "pausedTime", "jobName"}
_IRRELEVANT_OF_RUNNER: Final = {"podName", "progress", "checkpoint", "currentNodes"}
_MOMENT: Final = to_rfc3339(ago(1000))
# Later than NOW: the wait of a retry that is not over.
_LATER: Final = to_rfc3339(NOW).replace("T12:00", "T13:00")
# The ends that a runner has an outcome for; of others it reports only that nothing runs any more.
OUTCOMES: Final[dict[str, Json]] = {
    "Succeeded": {"result": protocol.SUCCEEDED, "exitCode": protocol.EXIT_SUCCEEDED},
    "Failed": {"result": protocol.FAILED, "exitCode": protocol.EXIT_GRAPH_ERROR, "reason": "GraphError"},
    "Paused": {"result": protocol.PAUSED, "exitCode": protocol.EXIT_PAUSED},
    "AwaitingInput": {"result": protocol.AWAITING_INPUT, "exitCode": protocol.EXIT_PAUSED},
    "Interrupted": {"result": protocol.INTERRUPTED, "exitCode": protocol.EXIT_INTERRUPTED},
    "Cancelled": {"result": protocol.CANCELLED, "exitCode": protocol.EXIT_CANCELLED},
    "FenceLost": {"result": protocol.FAILED, "exitCode": protocol.EXIT_FENCE_LOST, "reason": "FenceLost"},
}
_HELD: Final = {"Paused", "AwaitingInput"}


@cache
def parsed(run: Run, options: str) -> WorkflowRun:
    """The resource as every part of graphrun reads it; `options` is the JSON of spec's options."""
    spec: Json = {"workflowRef": {"name": "flow"}, "state": run.state, **json.loads(options)}
    if run.resume_id:
        spec["resume"] = {"id": run.resume_id}
    meta = {
        "name": "r",
        "namespace": "n",
        "uid": RUN_UID,
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": _MOMENT,
    }
    return WorkflowRun.parse({"metadata": meta, "spec": spec, "status": json.loads(run.status)})


@cache
def patched(status: str, patch: str) -> str:
    """The status after a merge patch, as the API server applies it."""
    return canonical(merged(json.loads(status), json.loads(patch)))


@cache
def is_refused(status: str, patch: str) -> bool:
    """Whether the CRD's rules refuse it: a terminal phase is final, the attempt never falls."""
    before, after = json.loads(status), merged(json.loads(status), json.loads(patch))
    ended = before.get("phase") in {"Succeeded", "Failed", "Cancelled"}
    revived = ended and after.get("phase") != before["phase"]
    return bool(revived or after.get("attempt", 0) < before.get("attempt", 0))


def canonical(status: Json) -> str:
    """The status as the model keeps it."""
    kept = {name: _settled(name, value) for name, value in status.items() if name not in _IRRELEVANT}
    if kept.get("phase") not in _HELD:
        kept.pop("reason", None)
    if kept.get("failures") == 0:
        del kept["failures"]
    if "runner" in kept:
        kept["runner"] = {
            name: _settled(name, value)
            for name, value in kept["runner"].items()
            if name not in _IRRELEVANT_OF_RUNNER
        }
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def _settled(name: str, value: Any) -> Any:
    if name == "nextAttemptTime":
        return _LATER if from_rfc3339(value) > NOW else _MOMENT
    if name == "outcome":
        return {key: item for key, item in value.items() if key not in {"message", "interrupts", "output"}}
    return _MOMENT if name.endswith("Time") else value


def waits(status: str) -> bool:
    """Whether a retry waits for its time."""
    return _LATER in status


def waited(status: str) -> str:
    """The same with the wait over."""
    return status.replace(_LATER, _MOMENT)


def binding(pod: Pod) -> Binding:
    """Whom the API takes the pod for, by its token and its labels."""
    return Binding("n", f"r-{pod.attempt}-x", pod.uid, "r", RUN_UID, pod.attempt, REVISION.name)


@cache
def claimed(run: Run, options: str, pod: Pod) -> Run:
    """The run with the claim of that pod, as the API writes it."""
    seen = parsed(run, options)
    return _with_runner(run, runner_status.claimed(seen.status.runner, binding(pod), NOW))


@cache
def holds_claim(run: Run, options: str, pod: Pod) -> bool:
    """Whether the API still takes a command or a report for that pod's."""
    return holds(parsed(run, options), binding(pod))


@cache
def reported(run: Run, options: str, end: str) -> Run:
    """The run with an end reported, as the API writes it."""
    report: Json = {"stopped": True}
    if end in OUTCOMES:
        report["outcome"] = OUTCOMES[end]
    return _with_runner(run, runner_status.reported(parsed(run, options).status.runner, report, NOW))


def _with_runner(run: Run, runner: Json) -> Run:
    # Server-side apply: what the manager has left out is gone.
    return run._replace(status=canonical({**json.loads(run.status), "runner": runner}))
