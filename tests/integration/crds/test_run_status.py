"""What has happened stays so: rules and bounds of a run's status, and who may write which half of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from graphrun_core import protocol
from support.controlplane import CRDS
from support.kubectl import Answer, Kubectl, Manifest, new_run

PHASE_FINAL = (
    "status.phase: Invalid value: status.phase: a run that has ended stays as it ended; create a new run"
)
ATTEMPT_FALLS = (
    "status.attempt: Invalid value: status.attempt never falls; read the run again, this view of it is old"
)
CLAIM_FALLS = "status.runner.attempt: Invalid value: status.runner.attempt never falls; read the run again, this view of it is old"
RUNNER = {"attempt": 2, "podName": "p", "podUID": "u", "progress": 0.5, "currentNodes": ["generate"]}
KIB4 = 4096
CONDITION_MESSAGES = 256


@pytest.fixture
def stored_run(kubectl: Kubectl) -> Kubectl:
    """A run named r."""
    assert kubectl.create(new_run()).accepted
    return kubectl


def test_a_new_run_cannot_bring_a_status(kubectl: Kubectl) -> None:
    stored = kubectl.create({**new_run(), "status": {"phase": "Succeeded"}}).stored
    assert "status" not in stored


def test_spec_and_status_are_written_apart(stored_run: Kubectl) -> None:
    stored_run.patch("r", {"status": {"phase": "Running"}, "spec": {"state": "Cancelled"}}, status=True)
    stored = stored_run.read_run()
    assert (stored["spec"]["state"], stored["status"]["phase"]) == ("Running", "Running")


@pytest.mark.parametrize("end", ["Succeeded", "Failed", "Cancelled"])
@pytest.mark.parametrize("later", ["Running", "Cancelled", "Succeeded", None])
def test_a_terminal_phase_is_final(stored_run: Kubectl, end: str, later: str | None) -> None:
    assert stored_run.patch("r", {"status": {"phase": end}}, status=True).accepted
    answer = stored_run.patch("r", {"status": {"phase": later}}, status=True)
    assert answer.accepted == (end == later)
    if end != later:
        assert answer.text == PHASE_FINAL


@pytest.mark.parametrize("phase", ["Running", "Paused", "AwaitingInput", "Cancelling"])
def test_other_phases_are_left(stored_run: Kubectl, phase: str) -> None:
    assert stored_run.patch("r", {"status": {"phase": phase}}, status=True).accepted
    assert stored_run.patch("r", {"status": {"phase": "Starting"}}, status=True).accepted


def test_after_the_end_a_message_may_still_be_completed(stored_run: Kubectl) -> None:
    assert stored_run.patch("r", {"status": {"phase": "Failed"}}, status=True).accepted
    assert stored_run.patch("r", {"status": {"phase": "Failed", "message": "why"}}, status=True).accepted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attempt": 1}, ATTEMPT_FALLS),
        ({"attempt": None}, ATTEMPT_FALLS),
        ({"runner": {"attempt": 1}}, CLAIM_FALLS),
        ({"runner": {"attempt": None}}, CLAIM_FALLS),
        (
            {"runner": None},
            "status.runner: Invalid value: status.runner: may not be removed; leave it to the API, its only writer",
        ),
        ({"phase": "Done"}, 'status.phase: Unsupported value: "Done"'),
        ({"reason": "x" * 33}, "status.reason: Too long: may not be more than 32"),
        ({"message": "x" * 301}, "status.message: Too long: may not be more than 300"),
        (
            {"runner": {"progress": 1.1}},
            "status.runner.progress: Invalid value: 1.1: runner.progress in body should be",
        ),
        (
            {"runner": {"currentNodes": list("abcde")}},
            "status.runner.currentNodes: Too many: 5: must have at most 4",
        ),
        ({"runner": {"outcome": {"message": ""}}}, "status.runner.outcome.result: Required value"),
        (
            {"runner": {"outcome": {"result": "Paused", "outputRef": "k"}}},
            "status.runner.outcome.outputRef belongs to result Succeeded alone; leave it out",
        ),
        (
            {"runner": {"outcome": {"result": "Succeeded", "interrupts": [{"id": "1"}]}}},
            "status.runner.outcome.interrupts belong to result AwaitingInput alone; leave them out",
        ),
        (
            {"runner": {"outcome": {"result": "Succeeded", "message": "x" * 101}}},
            "status.runner.outcome.message: at most 100 characters beside an output or interrupts; cut it",
        ),
        (
            {"conditions": [{"type": "Ready", "status": "True"}]},
            'status.conditions[0].type: Unsupported value: "Ready"',
        ),
        ({"startTime": "yesterday"}, "status.startTime"),
    ],
)
def test_a_status_is_refused(stored_run: Kubectl, change: Manifest, message: str) -> None:
    assert stored_run.patch("r", {"status": {"attempt": 2, "runner": RUNNER}}, status=True).accepted
    answer = stored_run.patch("r", {"status": change}, status=True)
    assert not answer.accepted
    assert message in answer.text


def test_a_status_cannot_be_removed(stored_run: Kubectl) -> None:
    assert stored_run.patch("r", {"status": {"attempt": 2}}, status=True).accepted
    answer = stored_run.patch("r", {"status": None}, status=True)
    assert answer.text == "status: Invalid value: status: may not be removed; create a new run to start again"


def test_attempts_rise(stored_run: Kubectl) -> None:
    assert stored_run.patch("r", {"status": {"attempt": 2, "runner": RUNNER}}, status=True).accepted
    assert stored_run.patch("r", {"status": {"attempt": 3, "runner": {"attempt": 3}}}, status=True).accepted


# --- two writers


def claim(kubectl: Kubectl, *, version: str = "", runner: Manifest) -> Answer:
    """Server-side apply of status.runner, as the API does it."""
    metadata = {"name": "r", **({"resourceVersion": version} if version else {})}
    manifest = {
        "apiVersion": "graphrun.dev/v1alpha1",
        "kind": "WorkflowRun",
        "metadata": metadata,
        "status": {"runner": runner},
    }
    apply = (
        "apply",
        "--server-side",
        "--force-conflicts",
        "--subresource=status",
        "--field-manager=graphrun-runner",
    )
    return kubectl(*apply, "-o", "json", "-f", "-", stdin=json.dumps(manifest))


def test_a_claim_on_a_stale_view_is_a_conflict(stored_run: Kubectl) -> None:
    seen = stored_run.read_run()["metadata"]["resourceVersion"]
    won = claim(stored_run, version=seen, runner={"attempt": 1, "podUID": "a"})
    assert won.accepted, won.text
    lost = claim(stored_run, version=seen, runner={"attempt": 1, "podUID": "b"})
    assert "the object has been modified; please apply your changes to the latest version" in lost.text
    assert stored_run.read_run()["status"]["runner"]["podUID"] == "a"


def test_a_patch_of_the_operator_leaves_the_runners_half_alone(stored_run: Kubectl) -> None:
    outcome = {"result": "Succeeded", "output": {"a": [1, {"b": "c"}]}}
    assert claim(stored_run, runner={**RUNNER, "outcome": outcome}).accepted
    operators = {"phase": "Succeeded", "attempt": 2, "conditions": [{"type": "Complete", "status": "True"}]}
    assert stored_run.patch("r", {"status": operators}, status=True).accepted
    status = stored_run.read_run()["status"]
    assert status == {**operators, "runner": {**RUNNER, "outcome": outcome}}


def test_the_runners_half_is_what_was_last_applied_and_the_operators_stays(stored_run: Kubectl) -> None:
    assert stored_run.patch("r", {"status": {"phase": "Running", "attempt": 2}}, status=True).accepted
    assert claim(
        stored_run, runner={**RUNNER, "outcome": {"result": "Paused"}, "stoppedTime": "2026-01-01T00:00:00Z"}
    ).accepted
    answer = claim(stored_run, runner={"attempt": 3, "podName": "q", "podUID": "v"})
    assert answer.stored["status"] == {
        "phase": "Running",
        "attempt": 2,
        "runner": {"attempt": 3, "podName": "q", "podUID": "v"},
    }


# --- size


def schema_of_status() -> Manifest:
    crd = yaml.safe_load((CRDS / "workflowruns.yaml").read_text())
    schema: Manifest = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return schema


def maximal(schema: Manifest) -> Any:
    """The longest value that a schema allows, filled in from the schema's own bounds."""
    if "enum" in schema:
        return max(schema["enum"], key=len)
    if schema.get("format") == "date-time":
        return "2026-11-23T04:05:31.123456Z"
    by_type: dict[str, Callable[[], Any]] = {
        "string": lambda: "x" * schema["maxLength"],
        "integer": lambda: schema["maximum"],
        "number": lambda: round(schema["maximum"] - 0.123456, 6),
        "array": lambda: [maximal(schema["items"]) for _ in range(schema["maxItems"])],
        "object": lambda: {name: maximal(part) for name, part in schema["properties"].items()},
    }
    return by_type[schema["type"]]() if "type" in schema else None


def maximal_status(result: str) -> Manifest:
    """Every field at its maximum, as far as it may stand beside an outcome of that result."""
    schema = schema_of_status()
    status: Manifest = maximal(schema)
    types = schema["properties"]["conditions"]["items"]["properties"]["type"]["enum"]
    share = CONDITION_MESSAGES // len(types)
    status["conditions"] = [
        {**condition, "type": kind, "message": "x" * share}
        for condition, kind in zip(status["conditions"], types, strict=True)
    ]
    outcome = status["runner"]["outcome"]
    outcome["result"] = result
    del outcome["output"]
    if result != "Succeeded":
        del outcome["outputRef"]
    if result == "AwaitingInput":
        outcome["interrupts"] = interrupts_of(protocol.INTERRUPTS_INLINE_BYTES)
    else:
        del outcome["interrupts"]
    if result in ("Succeeded", "AwaitingInput"):
        outcome["message"] = "x" * 100
    return status


def interrupts_of(size: int) -> list[dict[str, str]]:
    """Two questions of `size` bytes of JSON together."""
    asked = [{"id": "x" * 64, "node": "x" * 128, "value": ""} for _ in range(2)]
    asked[0]["value"] = "x" * (size - len(compact(asked)))
    return asked


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("result", ["Succeeded", "Failed", "Paused", "AwaitingInput"])
def test_a_status_at_all_its_maxima_is_accepted_and_within_4_kib(stored_run: Kubectl, result: str) -> None:
    status = maximal_status(result)
    answer = stored_run.patch("r", {"status": status}, status=True)
    assert answer.stored["status"] == status
    assert len(compact(status).encode()) <= KIB4


def test_one_condition_may_explain_at_length_and_not_two(stored_run: Kubectl) -> None:
    told = {"type": "Running", "status": "False", "message": "x" * CONDITION_MESSAGES}
    more = {"type": "Accepted", "status": "True", "message": "x"}
    assert stored_run.patch("r", {"status": {"conditions": [told]}}, status=True).accepted
    answer = stored_run.patch("r", {"status": {"conditions": [told, more]}}, status=True)
    assert not answer.accepted
    assert "status.conditions: their messages have at most 256 characters together" in answer.text


def test_a_status_with_the_largest_inline_output_is_within_4_kib(stored_run: Kubectl) -> None:
    status = maximal_status("Succeeded")
    del status["runner"]["outcome"]["outputRef"]
    status["runner"]["outcome"]["output"] = "x" * (protocol.OUTPUT_INLINE_BYTES - 2)
    answer = stored_run.patch("r", {"status": status}, status=True)
    assert answer.stored["status"] == status
    assert len(compact(status).encode()) <= KIB4


MAXIMA = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "number": "maximum"}


def unbounded(schema: Manifest, path: str) -> list[str]:
    """What in a schema has no maximum. Free JSON has none there: the admission policy bounds it."""
    kind = "string" if schema.get("x-kubernetes-int-or-string") else schema.get("type", "")
    needed = "maxProperties" if "additionalProperties" in schema else MAXIMA.get(kind)
    found = [path] if needed and needed not in schema and "enum" not in schema else []
    inner = dict(schema.get("properties", {}))
    inner |= {name: schema[name] for name in ("items", "additionalProperties") if name in schema}
    for name, part in inner.items():
        found += unbounded(part, f"{path}.{name}")
    return found


@pytest.mark.parametrize("file", ["workflows.yaml", "workflowruns.yaml"])
def test_every_string_list_map_and_number_has_a_maximum(file: str) -> None:
    crd = yaml.safe_load((CRDS / file).read_text())
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert [path for half in ("spec", "status") for path in unbounded(root.get(half, {}), half)] == []
