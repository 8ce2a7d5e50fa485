"""What a WorkflowRun's spec may say, and what a person reads who says something else."""

import copy
from typing import Any

import pytest

from support.kubectl import Kubectl, Manifest, new_run, new_workflow

STATE_NOT_STARTED = (
    'spec.state: Invalid value: "Paused": spec.state: a run that has not started cannot be Paused; '
    "use Pending to hold it, or Cancelled to drop it"
)
CANCELLED_IS_FINAL = "spec.state: Cancelled is final; create a new run, with spec.startFrom to go on from a checkpoint of this one"
NOT_BACK = (
    'spec.state: Invalid value: "Pending": spec.state: a run cannot go back to Pending; use Paused to hold it'
)
INPUT_FIXED = (
    "spec.input: Invalid value: spec.input may change only while spec.state is Pending; "
    "create a new run with the other input"
)
INPUT_REF_FIXED = (
    "spec.inputRef: Invalid value: spec.inputRef may change only while spec.state is Pending; "
    "create a new run with the other input"
)
ONE_INPUT = "spec.inputRef: Invalid value: give either spec.input or spec.inputRef, not both"
REF_FIXED = (
    "spec.workflowRef: Invalid value: spec.workflowRef is immutable; "
    "create a new run for the other workflow or revision"
)
FORK_FIXED = (
    "spec.startFrom: Invalid value: spec.startFrom is immutable; "
    "create a new run that starts from the other checkpoint"
)
RESUME_NEEDS_ID = (
    "spec.resume: Invalid value: spec.resume.id: give an id that was not used before, for example a UUID; "
    "without one nothing is resumed"
)
RESUME_NEEDS_NEW_ID = (
    "spec.resume: Invalid value: spec.resume: every change needs an id that was not used before; "
    "set spec.resume.id, for example to a UUID"
)

EVERYTHING: Manifest = {
    "workflowRef": {"name": "w", "revision": "w-5d8f7c1a2b"},
    "state": "Pending",
    "input": {"question": "why?", "deep": [{"a": None}, 1.5, True]},
    "resume": {"id": "1", "checkpointID": "1ef", "value": {"approved": True}, "revision": "w-aaaaaaaaaa"},
    "startFrom": {
        "run": "other",
        "checkpointID": "1ef",
        "update": {"values": {"draft": ["x"]}, "asNode": "write"},
    },
    "config": {
        "recursionLimit": 50,
        "tags": ["a"],
        "configurable": {"user": "ann", "nested": {"thread_id": 1}},
    },
    "context": {"tenant": "t1"},
    "timeouts": {"startSeconds": 10, "activeSeconds": None, "totalSeconds": None},
    "retries": {"limit": 0, "backoffSeconds": 0, "onNodeLost": "Wait", "onGraphError": 1},
    "pause": {"deadlineSeconds": 5, "onDeadline": "Interrupt"},
    "durability": "sync",
    "resources": {"requests": {"cpu": 1, "memory": "256Mi"}, "limits": {"nvidia.com/gpu": "1"}},
    "ttlSecondsAfterFinished": 60,
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
    "priorityClassName": "high",
    "queueName": "team",
}


def test_every_field_is_stored_as_given(shared_kubectl: Kubectl) -> None:
    stored = shared_kubectl.create(new_run(**EVERYTHING), dry_run=True).stored
    assert stored["spec"] == EVERYTHING


def test_a_resume_may_edit_the_state_instead_of_answering(shared_kubectl: Kubectl) -> None:
    update = {"values": {"draft": ["x"]}, "asNode": "write"}
    resume = {"id": "1", "checkpointID": "1ef", "update": update}
    assert shared_kubectl.create(new_run(resume=resume), dry_run=True).stored["spec"]["resume"] == resume

    both = shared_kubectl.create(new_run(resume={**resume, "value": True}), dry_run=True)
    assert "spec.resume: give value or update, not both" in both.text
    without_id = shared_kubectl.create(new_run(resume={"update": update}), dry_run=True)
    assert "without one the update is never made" in without_id.text


def test_only_state_has_a_default_so_that_a_workflows_defaults_can_apply(shared_kubectl: Kubectl) -> None:
    stored = shared_kubectl.create(new_run(), dry_run=True).stored
    assert stored["spec"] == {"workflowRef": {"name": "w"}, "state": "Running"}


def test_a_null_means_no_limit_for_a_timeout_and_not_given_elsewhere(shared_kubectl: Kubectl) -> None:
    manifest = new_run(input=None, resume={"id": "1", "value": None}, timeouts={"activeSeconds": None})
    stored = shared_kubectl.create(manifest, dry_run=True).stored
    assert stored["spec"]["timeouts"] == {"activeSeconds": None}
    assert stored["spec"]["resume"] == {"id": "1"}
    assert "input" not in stored["spec"]


@pytest.mark.parametrize("state", ["Pending", "Running", "Cancelled"])
def test_a_run_may_begin_in(shared_kubectl: Kubectl, state: str) -> None:
    assert shared_kubectl.create(new_run(state=state), dry_run=True).accepted


@pytest.mark.parametrize("value", ["yes", 3, 0.5, True, [1], {"a": 1}])
def test_any_json_resumes(shared_kubectl: Kubectl, value: Any) -> None:
    stored = shared_kubectl.create(new_run(resume={"id": "1", "value": value}), dry_run=True).stored
    assert stored["spec"]["resume"]["value"] == value


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"state": "Paused"}, STATE_NOT_STARTED),
        (
            {"state": "Stopped"},
            'spec.state: Unsupported value: "Stopped": supported values: "Pending", "Running", "Paused", "Cancelled"',
        ),
        ({"input": {"a": 1}, "inputRef": "k"}, ONE_INPUT),
        ({"resume": {"checkpointID": "1ef"}}, RESUME_NEEDS_ID),
        ({"resume": {"id": "", "revision": "w-1"}}, RESUME_NEEDS_ID),
        ({"startFrom": {"checkpointID": "1ef"}}, "spec.startFrom.run: Required value"),
        ({"workflowRef": {}}, "spec.workflowRef.name: Required value"),
        (
            {"pause": {"onDeadline": "Kill"}},
            'Unsupported value: "Kill": supported values: "Wait", "Interrupt"',
        ),
        (
            {"durability": "exit"},
            'spec.durability: Unsupported value: "exit": supported values: "async", "sync"',
        ),
        (
            {"retries": {"limit": -1}},
            "spec.retries.limit: Invalid value: -1: spec.retries.limit in body should be greater than or equal to 0",
        ),
        (
            {"timeouts": {"activeSeconds": 0}},
            "spec.timeouts.activeSeconds in body should be greater than or equal to 1",
        ),
        (
            {"resources": {"limits": {"memory": "1Gx"}}},
            'spec.resources.limits[memory]: Invalid value: "1Gx": resources: write a quantity that is not negative, '
            "for example 500m, 2 or 1Gi",
        ),
        (
            {"resources": {"requests": {"cpu": -1}}},
            "spec.resources.requests[cpu]: Invalid value: -1: resources: write",
        ),
        ({"tolerations": [{"operator": "Near"}]}, 'spec.tolerations[0].operator: Unsupported value: "Near"'),
        ({"input": [1]}, 'spec.input: Invalid value: "array"'),
        ({"resume": {"id": "x" * 65}}, "spec.resume.id: Too long: may not be more than 64"),
        ({"config": {"tags": ["t"] * 33}}, "spec.config.tags: Too many: 33: must have at most 32 items"),
    ],
)
def test_a_new_run_is_refused(shared_kubectl: Kubectl, spec: Manifest, message: str) -> None:
    answer = shared_kubectl.create(new_run(**spec), dry_run=True)
    assert not answer.accepted
    assert message in answer.text


def test_a_name_of_52_characters_is_the_longest(shared_kubectl: Kubectl) -> None:
    assert shared_kubectl.create(new_run("r" * 52), dry_run=True).accepted
    refused = shared_kubectl.create(new_run("r" * 53), dry_run=True)
    assert refused.text == (
        "metadata.name: Invalid value: metadata.name: at most 52 characters, so that the names of its Jobs fit; "
        "choose a shorter name, or a generateName of at most 47"
    )


def test_a_misspelt_field_is_refused_by_kubectl(shared_kubectl: Kubectl) -> None:
    refused = shared_kubectl.create(new_run(inputs={"a": 1}), dry_run=True)
    assert 'unknown field "spec.inputs"' in refused.text


BEGUN: Manifest = {"state": "Running", "input": {"q": {"deep": [1]}}}
WAITING = {**BEGUN, "state": "Pending"}


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (WAITING, {"state": "Running"}),
        (WAITING, {"state": "Cancelled"}),
        (WAITING, {"state": "Running", "input": {"q": {"deep": [2]}}}),
        (WAITING, {"input": None, "inputRef": "runs/1/input.json"}),
        (BEGUN, {"state": "Paused"}),
        (BEGUN, {"state": "Cancelled"}),
        (BEGUN, {"input": {"q": {"deep": [1]}}}),
        (BEGUN, {"resume": {"id": "1", "value": 1}}),
        ({**BEGUN, "resume": {"id": "1", "value": 1}}, {"resume": {"id": "2"}}),
        ({**BEGUN, "resume": {"id": "1", "value": 1}}, {"state": "Paused"}),
        (BEGUN, {"pause": {"deadlineSeconds": 1}}),
        ({"startFrom": {"run": "o", "update": {"values": {"a": 1}}}}, {"state": "Paused"}),
    ],
)
def test_a_change_is_accepted(kubectl: Kubectl, before: Manifest, change: Manifest) -> None:
    assert kubectl.create(new_run(**before)).accepted
    answer = kubectl.patch("r", {"spec": change})
    assert answer.accepted, answer.text


@pytest.mark.parametrize(
    ("before", "change", "message"),
    [
        (WAITING, {"state": "Paused"}, STATE_NOT_STARTED),
        (BEGUN, {"state": "Pending"}, NOT_BACK),
        (
            {"state": "Cancelled"},
            {"state": "Running"},
            f'spec.state: Invalid value: "Running": {CANCELLED_IS_FINAL}',
        ),
        (
            {"state": "Cancelled"},
            {"state": "Paused"},
            f'spec.state: Invalid value: "Paused": {CANCELLED_IS_FINAL}',
        ),
        (
            {"state": "Cancelled"},
            {"state": None},
            f'spec.state: Invalid value: "Running": {CANCELLED_IS_FINAL}',
        ),
        (BEGUN, {"workflowRef": {"name": "other"}}, REF_FIXED),
        (BEGUN, {"workflowRef": {"revision": "w-1"}}, REF_FIXED),
        (WAITING, {"workflowRef": {"name": "other"}}, REF_FIXED),
        (BEGUN, {"input": {"q": {"deep": [2]}}}, INPUT_FIXED),
        (BEGUN, {"input": {"more": 1}}, INPUT_FIXED),
        (BEGUN, {"input": None}, INPUT_FIXED),
        (BEGUN, {"inputRef": "k"}, ONE_INPUT),
        ({}, {"inputRef": "k"}, INPUT_REF_FIXED),
        ({"inputRef": "k"}, {"inputRef": "l"}, INPUT_REF_FIXED),
        ({}, {"startFrom": {"run": "o"}}, FORK_FIXED),
        ({"startFrom": {"run": "o"}}, {"startFrom": None}, FORK_FIXED),
        (
            {"startFrom": {"run": "o", "update": {"values": {"a": {"b": 1}}}}},
            {"startFrom": {"update": {"values": {"a": {"b": 2}}}}},
            FORK_FIXED,
        ),
        ({"resume": {"id": "1", "value": {"a": 1}}}, {"resume": {"value": {"a": 2}}}, RESUME_NEEDS_NEW_ID),
        ({"resume": {"id": "1"}}, {"resume": {"checkpointID": "1ef"}}, RESUME_NEEDS_NEW_ID),
    ],
)
def test_a_change_is_refused_and_changes_nothing(
    kubectl: Kubectl, before: Manifest, change: Manifest, message: str
) -> None:
    stored = kubectl.create(new_run(**before)).stored
    answer = kubectl.patch("r", {"spec": change})
    assert not answer.accepted
    assert message in answer.text
    assert kubectl.read_run() == stored


def test_input_may_change_together_with_the_start_but_not_after(kubectl: Kubectl) -> None:
    assert kubectl.create(new_run(**WAITING)).accepted
    assert kubectl.patch("r", {"spec": {"state": "Running", "input": {"q": 2}}}).accepted
    assert not kubectl.patch("r", {"spec": {"input": {"q": 3}}}).accepted


def test_fields_shared_with_a_workflows_defaults_take_the_same_values(shared_kubectl: Kubectl) -> None:
    options = copy.deepcopy(EVERYTHING)
    for own in ("workflowRef", "state", "input", "resume", "startFrom", "config", "context"):
        del options[own]
    stored = shared_kubectl.create(new_workflow(defaults=options), dry_run=True).stored
    assert stored["spec"]["defaults"] == options
