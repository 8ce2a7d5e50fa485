"""Any observation of a run: sensible or not, drawn by hypothesis."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from graphrun_core import phases
from graphrun_core.resources import WorkflowRun
from graphrun_operator.model import Contender, Observation
from graphrun_operator.views import Revision
from support.builders import Scene, a_run, ago

Json = dict[str, Any]

PHASES = [
    "",
    *sorted(phases.TERMINAL | phases.CLOSED_TO_CLAIMS),
    "Pending",
    "Queued",
    "Starting",
    "Running",
]
REASONS = ["", "JobSuspended", "IncompatibleRevision", "ConcurrencyLimit", "PauseCompleted", "InputRequested"]
RESULTS = ["Succeeded", "Failed", "Paused", "AwaitingInput", "Interrupted", "Cancelled"]
CODES = [0, 1, 80, 81, 82, 83, 84, 85, 86, 87, 137]
OTHER = Revision("other-0123456789", "flow", {"graph": {"entrypoint": "other:graph"}})

# Long, short, of one byte and of more a character, on several lines.
texts = st.sampled_from(["", "short", "long " * 800, "漢" * 1000, "two\nlines\t" * 100, '"\\' * 500])


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """A run in any state, with any surroundings: sensible or not, of this attempt and of others."""
    scene = a_run(**draw(options()))
    scene.wanted(draw(st.sampled_from(["Pending", "Running", "Running", "Paused", "Cancelled"])))
    scene.created(draw(st.sampled_from([1, 20, 1000]))).changed_to(draw(st.integers(1, 9)))
    if draw(st.booleans()):
        scene.on_attempt(draw(st.integers(1, 4)))
    _add_workflow(draw, scene)
    _add_wishes(draw, scene)
    _add_pods(draw, scene)
    _add_status(draw, scene)
    if draw(st.integers(0, 9)) == 0:
        scene.being_deleted()
    seen = scene.seen()
    # Jobs of former attempts, and of a run that had the name before.
    stale = [replace(job, owner_uid="another-run") for job in seen.jobs if draw(st.integers(0, 9)) == 0]
    return replace(
        seen, jobs=tuple(job for job in seen.jobs if job.uid not in {s.uid for s in stale}) + tuple(stale)
    )


@st.composite
def options(draw: st.DrawFn) -> Json:
    """spec's own options."""
    spec: Json = {}
    if draw(st.booleans()):
        spec["retries"] = {
            "limit": draw(st.integers(0, 3)),
            "backoffSeconds": draw(st.sampled_from([0, 10, 3600])),
            "onNodeLost": draw(st.sampled_from(["Restart", "Wait"])),
            "onGraphError": draw(st.integers(0, 2)),
        }
    if draw(st.booleans()):
        spec["timeouts"] = {
            name: draw(st.sampled_from([None, 1, 300]))
            for name in ("startSeconds", "activeSeconds", "totalSeconds")
        }
    if draw(st.booleans()):
        spec["ttlSecondsAfterFinished"] = draw(st.sampled_from([None, 0, 60]))
    return spec


def _add_workflow(draw: st.DrawFn, scene: Scene) -> None:
    shown = draw(st.sampled_from(["there", "there", "there", "missing", "invalid", "changed"]))
    if shown == "missing":
        scene.without_workflow()
    elif shown == "invalid":
        scene.of_workflow(inputSchema={"required": ["question"], "title": draw(texts)})
    elif shown == "changed":
        scene.of_workflow(image="another")
    if draw(st.booleans()):
        scene.knowing(OTHER)


def _add_wishes(draw: st.DrawFn, scene: Scene) -> None:
    if draw(st.integers(0, 3)) == 0:
        _add_line(draw, scene)
    if draw(st.integers(0, 5)) == 0:
        scene.from_run("other", draw(st.sampled_from(["", "other-uid"])))
    if draw(st.booleans()):
        revision = draw(st.sampled_from(["", OTHER.name, "flow-missing"]))
        scene.resumed_by(draw(st.sampled_from(["one", "two"])), revision=revision)
    if draw(st.integers(0, 5)) == 0:
        scene.annotated(accept_revision=draw(st.sampled_from([OTHER.name, "flow-missing"])))


def _add_line(draw: st.DrawFn, scene: Scene) -> None:
    other = WorkflowRun.parse(
        {
            "metadata": {
                "name": "a",
                "namespace": "n",
                "uid": "a-uid",
                "creationTimestamp": ago(500).isoformat(),
            },
            "spec": {"workflowRef": {"name": "flow"}},
            "status": {"phase": draw(st.sampled_from(["Queued", "Running", "Paused"]))},
        }
    )
    contender = Contender(other, priority=draw(st.integers(-1, 1)), taking=draw(st.booleans()))
    scene.in_line(contender, limit=draw(st.integers(0, 2)), priority=draw(st.integers(-1, 1)))


def _add_pods(draw: st.DrawFn, scene: Scene) -> None:
    for attempt in draw(st.sets(st.integers(1, 4), max_size=2)):
        _add_job(draw, scene, attempt)
    if draw(st.booleans()):
        _add_job(draw, scene, 0)
    if draw(st.integers(0, 5)) == 0:
        scene.refused_pod(draw(texts))
    if not draw(st.booleans()):
        return
    scene.with_pod(
        desired_state=draw(st.sampled_from(["Running", "Paused", "Cancelled"])),
        desired_since=draw(st.sampled_from([None, ago(0.1), ago(100), ago(-100)])),
        disrupted=draw(st.booleans()),
        memory_limit=draw(st.sampled_from(["", "1Gi"])),
    )
    if draw(st.booleans()):
        _add_claim(draw, scene)
    _end_pod(draw, scene)


def _add_job(draw: st.DrawFn, scene: Scene, attempt: int) -> None:
    scene.with_job(
        attempt,
        age=draw(st.sampled_from([0, 3, 1000])),
        suspended=draw(st.booleans()),
        deleting=draw(st.integers(0, 5)) == 0,
        finished_at=draw(st.sampled_from([None, None, ago(1), ago(1000)])),
        started=draw(st.sampled_from([None, ago(1), ago(1000)])),
    )


def _end_pod(draw: st.DrawFn, scene: Scene) -> None:
    happens = draw(st.sampled_from(["nothing", "exit", "deletion", "loss", "trouble"]))
    if happens == "exit":
        told = draw(texts) if draw(st.booleans()) else json.dumps({"result": draw(st.sampled_from(RESULTS))})
        why = draw(st.sampled_from(["Error", "OOMKilled"]))
        scene.exited(draw(st.sampled_from(CODES)), told, reason=why)
    elif happens == "deletion":
        scene.pod_deleted(draw(st.sampled_from([-1000.0, -10.0, 10.0])))
    elif happens == "loss":
        scene.pod_gone()
    elif happens == "trouble":
        scene.in_trouble(draw(st.sampled_from(["ErrImagePull", "Unschedulable", "Other"])), draw(texts))


def _add_claim(draw: st.DrawFn, scene: Scene) -> None:
    scene.claimed(draw(st.sampled_from([1, 100])))
    if draw(st.booleans()):
        scene.shown("", startTime=ago(draw(st.sampled_from([100, 1000]))).isoformat())
    told = draw(st.sampled_from(["nothing", "outcome", "stop"]))
    if told == "outcome":
        result, code = draw(st.sampled_from(RESULTS)), draw(st.sampled_from(CODES))
        # As the API writes them: at most 1,000 characters, and a hundred beside an output or interrupts.
        most = 100 if result in ("Succeeded", "AwaitingInput") else 1000
        reason = draw(st.sampled_from(["", "IncompatibleRevision", "NodesWillRerun", "GraphError"]))
        scene.reported(result, code, reason=reason, message=draw(texts)[:most])
    elif told == "stop":
        scene.stopped()


def _add_status(draw: st.DrawFn, scene: Scene) -> None:
    phase, reason = draw(st.sampled_from(PHASES)), draw(st.sampled_from(REASONS))
    scene.shown(phase, reason, failures=draw(st.integers(0, 3)))
    if draw(st.booleans()):
        scene.accepted(draw(st.sampled_from([0, 20, 1000])))
    if draw(st.booleans()):
        moment = draw(st.sampled_from([ago(100), ago(-20)]))
        scene.shown(phase, reason, nextAttemptTime=moment.isoformat())
    if draw(st.booleans()):
        moment = ago(draw(st.sampled_from([0, 100, 10**6])))
        scene.shown(phase, reason, completionTime=moment.isoformat())
