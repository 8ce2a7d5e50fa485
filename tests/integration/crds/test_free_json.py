"""Bounds on JSON of any shape: an admission policy keeps them, since no schema can."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.kubectl import Answer, Kubectl, Manifest, new_run, new_workflow

LIMIT = 65536
FIELDS: dict[str, Callable[[Any], Manifest]] = {
    "spec.input": lambda value: {"input": value},
    "spec.context": lambda value: {"context": value},
    "spec.resume.value": lambda value: {"resume": {"id": "1", "value": value}},
    "spec.resume.update.values": lambda value: {"resume": {"id": "1", "update": {"values": value}}},
    "spec.startFrom.update.values": lambda value: {"startFrom": {"run": "o", "update": {"values": value}}},
}


def of_size(size: int) -> dict[str, str]:
    """An object of `size` bytes of compact JSON."""
    return {"a": "x" * (size - len('{"a":""}'))}


def nested(levels: int) -> str:
    """JSON text of objects in objects; as text, since Python's own encoder gives up at a thousand."""
    return '{"d":' * (levels - 1) + "{}" + "}" * (levels - 1)


@pytest.mark.parametrize("field", FIELDS)
def test_64_kib_fit(shared_kubectl: Kubectl, field: str) -> None:
    answer = shared_kubectl.create(new_run(**FIELDS[field](of_size(LIMIT))), dry_run=True)
    assert answer.accepted, answer.text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("size", [LIMIT + 1, 1_000_000])
def test_more_is_refused(shared_kubectl: Kubectl, field: str, size: int) -> None:
    answer = shared_kubectl.create(new_run(**FIELDS[field](of_size(size))), dry_run=True)
    assert not answer.accepted
    assert f"denied request: {field}: over 64 KiB; " in answer.text


def test_the_refusal_of_a_large_input_tells_what_to_do(shared_kubectl: Kubectl) -> None:
    answer = shared_kubectl.create(new_run(input=of_size(LIMIT + 1)), dry_run=True)
    assert answer.text == (
        ": ValidatingAdmissionPolicy 'workflowruns.graphrun.dev' with binding 'workflowruns.graphrun.dev' denied request: "
        "spec.input: over 64 KiB; create the run over REST, which stores its input, or put the input into object storage "
        "and name its key in spec.inputRef"
    )


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"a": "é" * 32764}, True),
        ({"a": "é" * 32765}, False),
        ({"a": [1] * 32000}, True),
        ({"a": [1] * 33000}, False),
        ({"a": [None, True, 1.5, '\n\u2028"\\']}, True),
    ],
)
def test_bytes_of_compact_json_are_counted(shared_kubectl: Kubectl, value: Any, *, fits: bool) -> None:
    assert shared_kubectl.create(new_run(input=value), dry_run=True).accepted == fits


def test_a_change_is_bounded_too(kubectl: Kubectl) -> None:
    assert kubectl.create(new_run(state="Pending")).accepted
    assert "over 64 KiB" in kubectl.patch("r", {"spec": {"input": of_size(LIMIT + 1)}}).text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("levels", "fits"), [(24, True), (25, False), (5000, False)])
def test_json_that_would_break_its_readers_by_depth_is_refused(
    shared_kubectl: Kubectl, field: str, levels: int, *, fits: bool
) -> None:
    manifest = json.dumps(new_run(**FIELDS[field]("HERE"))).replace('"HERE"', nested(levels))
    answer = shared_kubectl.create(manifest, dry_run=True)
    assert answer.accepted == fits, answer.text
    if not fits:
        assert (
            f"{field}: nested deeper than 24 levels; flatten it, or pass the deep part as text" in answer.text
        )


def test_depth_cannot_be_hidden_among_siblings(shared_kubectl: Kubectl) -> None:
    deep = '{"a":{"a":[[]]},"b":' * 30 + "{}" + "}" * 30
    manifest = json.dumps(new_run(input="HERE")).replace('"HERE"', deep)
    assert "nested deeper than 24 levels" in shared_kubectl.create(manifest, dry_run=True).text


@pytest.mark.parametrize(
    "value",
    [
        {"a": "[" * 60_000},
        {"a": '{[{["\\"}]}][\\', '{"[': ["[[[[", "\\"], "b": '\\\\"'},
        {"a": ["]}"] * 10_000},
        {"a": [[]] * 21_000},
        {"a": [{"b": [{"c": {}}]}] * 3_000},
    ],
)
def test_brackets_in_texts_and_many_shallow_parts_are_no_depth(shared_kubectl: Kubectl, value: Any) -> None:
    answer = shared_kubectl.create(new_run(input=value), dry_run=True)
    assert answer.accepted, answer.text


@pytest.mark.parametrize(
    "key", ["thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map", "checkpoint_"]
)
def test_configurable_may_not_choose_thread_or_checkpoint(shared_kubectl: Kubectl, key: str) -> None:
    answer = shared_kubectl.create(new_run(config={"configurable": {"user": "ann", key: "x"}}), dry_run=True)
    assert answer.text.endswith(
        "denied request: spec.config.configurable: thread_id and keys that start with checkpoint_ are graphrun's own; "
        "remove them, and use spec.resume or spec.startFrom to choose a checkpoint"
    )


def test_configurable_holds_16_kib(shared_kubectl: Kubectl) -> None:
    assert shared_kubectl.create(new_run(config={"configurable": of_size(16384)}), dry_run=True).accepted
    answer = shared_kubectl.create(new_run(config={"configurable": of_size(16385)}), dry_run=True)
    assert (
        "spec.config.configurable: over 16 KiB; pass large values in spec.input or spec.context"
        in answer.text
    )


@pytest.mark.parametrize("resume", [{"value": 1}, {"id": "", "value": {}}])
def test_a_resume_value_without_an_id_is_refused(shared_kubectl: Kubectl, resume: Manifest) -> None:
    answer = shared_kubectl.create(new_run(resume=resume), dry_run=True)
    assert answer.text.endswith(
        "spec.resume.id: give an id that was not used before, for example a UUID; without one the value is never used"
    )


def test_an_input_schema_holds_64_kib_and_24_levels(shared_kubectl: Kubectl) -> None:
    def create(schema: Manifest) -> Answer:
        return shared_kubectl.create(new_workflow(inputSchema=schema), dry_run=True)

    assert create(of_size(LIMIT)).accepted
    assert "spec.inputSchema: over 64 KiB; " in create(of_size(LIMIT + 1)).text
    assert "spec.inputSchema: nested deeper than 24 levels; " in create(json.loads(nested(25))).text
