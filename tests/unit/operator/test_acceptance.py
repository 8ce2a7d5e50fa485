"""What a person must mend is told with its field, before anything runs."""

from typing import Any

import pytest

from graphrun_operator.views import Revision
from support.builders import SPEC, Scene, a_run


def refusal(scene: Scene) -> tuple[str, str, str]:
    plan = scene.decided()
    assert plan.writes == ()
    assert plan.status
    return plan.status["phase"], plan.status["reason"], plan.status["message"]


def test_a_missing_workflow_is_waited_for_a_moment() -> None:
    plan = a_run().without_workflow().created(5).decided()
    assert plan.status
    assert (plan.status["phase"], plan.status["reason"]) == ("Pending", "WorkflowNotFound")
    assert plan.requeue
    assert plan.requeue.seconds == 10


def test_a_missing_workflow_fails_the_run_after_fifteen_seconds() -> None:
    phase, reason, message = refusal(a_run().without_workflow().created(15))
    assert (phase, reason) == ("Failed", "WorkflowNotFound")
    assert message.startswith("spec.workflowRef.name: there is no Workflow flow")


def test_a_missing_revision_is_named() -> None:
    phase, reason, message = refusal(a_run(workflowRef={"name": "flow", "revision": "flow-0"}))
    assert (phase, reason) == ("Failed", "RevisionNotFound")
    assert "flow-0" in message


def test_a_revision_of_another_workflow_is_refused() -> None:
    scene = a_run(workflowRef={"name": "flow", "revision": "other-1"}).knowing(
        Revision("other-1", "other", SPEC)
    )
    assert refusal(scene)[1] == "RevisionNotFound"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"graph": {"entrypoint": "nothing"}}, "spec.graph.entrypoint"),
        ({"env": [{"name": "GRAPHRUN_API_URL", "value": "x"}]}, "spec.env: GRAPHRUN_API_URL is reserved"),
        ({"inputSchema": {"type": 3}}, "spec.inputSchema"),
        ({"inputSchema": {"$ref": "http://example.test/schema"}}, "spec.inputSchema"),
        ({"image": 3}, "spec.image"),
    ],
)
def test_a_workflow_that_cannot_be_run_is_refused_by_field(spec: dict[str, Any], message: str) -> None:
    phase, reason, told = refusal(a_run().of_workflow(**spec))
    assert (phase, reason) == ("Failed", "WorkflowInvalid")
    assert message in told


def test_an_input_is_checked_against_the_schema_by_field() -> None:
    schema = {"properties": {"items": {"items": {"type": "integer"}}}}
    scene = a_run(input={"items": [1, "two"]}).of_workflow(inputSchema=schema)
    phase, reason, message = refusal(scene)
    assert (phase, reason) == ("Failed", "InputInvalid")
    assert message.startswith("spec.input.items.1: 'two' is not of type 'integer'")


def test_no_input_is_an_empty_object() -> None:
    assert a_run().of_workflow(inputSchema={"type": "object"}).decided().writes
    assert refusal(a_run().of_workflow(inputSchema={"required": ["a"]}))[1] == "InputInvalid"


def test_an_input_in_storage_was_checked_when_it_was_stored() -> None:
    assert a_run(inputRef="runs/x").of_workflow(inputSchema={"required": ["a"]}).decided().writes


def test_an_input_over_64_kib_is_refused() -> None:
    assert a_run(input={"a": "x" * (65536 - 8)}).decided().writes
    assert refusal(a_run(input={"a": "x" * (65536 - 7)}))[1] == "InputTooLarge"


def test_a_refused_run_was_not_accepted() -> None:
    plan = a_run(input={"a": 1}).of_workflow(inputSchema={"required": ["b"]}).decided()
    assert plan.status
    assert plan.status["completionTime"]
    assert plan.status["conditions"][0] | {"lastTransitionTime": ""} == {
        "type": "Accepted",
        "status": "False",
        "reason": "InputInvalid",
        "message": plan.status["message"],
        "lastTransitionTime": "",
        "observedGeneration": 1,
    }


def test_a_run_that_has_started_is_not_judged_anew() -> None:
    scene = a_run().of_workflow(inputSchema={"required": ["b"]}).on_attempt(2)
    scene.shown("Starting", startTime="2026-11-23T11:00:00Z", revision="")
    assert scene.decided().writes
