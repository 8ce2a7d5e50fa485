"""What a claim answers."""

from typing import Any

import pytest

from graphrun_api.runner_port.bindings import Binding
from graphrun_api.runner_port.grants import command_of, grant_of, resume_of
from graphrun_core.claims import fence_of
from graphrun_core.protocol import StorageAccess
from graphrun_core.resources import WorkflowRun, WorkflowSpec

STORAGE = StorageAccess(
    endpoint="http://s3", bucket="b", prefix="p", region="r", accessKey="a", secretKey="s", sessionToken=""
)
BINDING = Binding("ns", "pod", "uid", "run", "run-uid", 3, "rev-1")


def run(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> WorkflowRun:
    meta = {"name": "run", "uid": "run-uid", **meta}
    return WorkflowRun.parse(
        {"metadata": meta, "spec": {"workflowRef": {"name": "flow"}, **(spec or {})}, "status": status or {}}
    )


def workflow(**spec: Any) -> WorkflowSpec:
    return WorkflowSpec.model_validate({"graph": {"entrypoint": "m:g", "files": {"m.py": "x"}}, **spec})


def test_a_grant_has_all_that_the_runner_needs() -> None:
    grant = grant_of(run({"input": {"q": 1}}), BINDING, workflow(), STORAGE)

    assert grant["graph"] == {"entrypoint": "m:g", "files": {"m.py": "x"}}
    assert (grant["input"], grant["inputRef"]) == ({"q": 1}, "")
    assert (grant["thread"], grant["owner"], grant["fence"]) == ("run-uid", "run-uid", fence_of(3))
    assert grant["config"] == {"recursionLimit": 10000, "tags": [], "configurable": {}}
    assert grant["pause"] == {"deadlineSeconds": 30, "onDeadline": "Wait"}
    assert grant["durability"] == "async"
    assert grant["activeSecondsLeft"] is None
    assert grant["resume"] is None
    assert grant["startFrom"] is None
    assert grant["acceptedRevision"] == ""
    assert grant["storage"] == STORAGE
    assert (grant["revision"], grant["workflow"], grant["attempt"]) == ("rev-1", "flow", 3)


def test_an_input_in_storage_is_named_and_a_missing_one_is_empty() -> None:
    stored = grant_of(run({"inputRef": "k"}), BINDING, workflow(), STORAGE)
    none = grant_of(run(), BINDING, workflow(), STORAGE)

    assert (stored["input"], stored["inputRef"]) == (None, "k")
    assert none["input"] == {}


def test_a_run_overrides_its_workflow() -> None:
    defaults = {"durability": "sync", "timeouts": {"activeSeconds": 100}, "pause": {"deadlineSeconds": 5}}
    found = run({"pause": {"onDeadline": "Interrupt"}}, {"activeSeconds": 40})

    grant = grant_of(found, BINDING, workflow(defaults=defaults), STORAGE)

    assert grant["durability"] == "sync"
    assert grant["pause"] == {"deadlineSeconds": 5, "onDeadline": "Interrupt"}
    assert grant["activeSecondsLeft"] == 60


@pytest.mark.parametrize(
    ("wanted", "opened", "expected"),
    [
        ({}, {}, None),
        ({"id": "a", "value": 1}, {}, None),  # asked for since: the next attempt's
        ({"id": "b"}, {"id": "a", "attempt": 2}, None),
        ({"id": "a", "value": 0}, {"id": "a", "attempt": 3}, (True, 0, [])),
        ({"id": "a"}, {"id": "a", "attempt": 3}, (False, None, [])),
        ({"id": "a", "value": [1]}, {"id": "a", "attempt": 1}, (True, [1], [fence_of(1), fence_of(2)])),
    ],
)
def test_an_attempt_gets_the_resume_that_it_was_opened_for(
    wanted: dict[str, Any], opened: dict[str, Any], expected: tuple[bool, Any, list[int]] | None
) -> None:
    resume = resume_of(run({"resume": wanted}, {"resume": opened}), 3)

    if expected is None:
        assert resume is None
    else:
        assert resume is not None
        assert (resume["hasValue"], resume["value"], resume["earlierFences"]) == expected


def test_a_resume_brings_its_edit_of_the_state() -> None:
    wanted = {"id": "r", "update": {"values": {"a": 1}, "asNode": "n"}}

    resume = resume_of(run({"resume": wanted}, {"resume": {"id": "r", "attempt": 3}}), 3)

    assert resume is not None
    assert resume["update"] == {"values": {"a": 1}, "asNode": "n"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"run": "other"}, ("", None)),
        ({"run": "other", "checkpointID": "c1", "update": {}}, ("c1", None)),
        ({"run": "other", "update": {"values": {"a": 1}}}, ("", {"values": {"a": 1}, "asNode": ""})),
        ({"run": "other", "update": {"asNode": "n"}}, ("", {"values": {}, "asNode": "n"})),
    ],
)
def test_a_fork_begins_from_the_run_that_was_meant_at_its_acceptance(
    spec: dict[str, Any], expected: tuple[str, Any]
) -> None:
    grant = grant_of(run({"startFrom": spec}, {"startFromUID": "uid-then"}), BINDING, workflow(), STORAGE)

    checkpoint, update = expected
    wanted = {"thread": "uid-then", "run": "other", "checkpointID": checkpoint, "update": update}
    assert grant["startFrom"] == wanted


def test_the_revision_that_a_person_accepts_is_told() -> None:
    accepted = run(annotations={"graphrun.dev/accept-revision": "flow-2"})

    assert grant_of(accepted, BINDING, workflow(), STORAGE)["acceptedRevision"] == "flow-2"


def test_a_command_tells_what_is_wanted_and_how_to_pause() -> None:
    paused = run({"state": "Paused", "pause": {"deadlineSeconds": 3}})

    assert command_of(paused, workflow()) == {"state": "Paused", "deadlineSeconds": 3, "onDeadline": "Wait"}


def test_a_run_on_its_way_out_is_cancelled() -> None:
    leaving = WorkflowRun.parse({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})

    assert command_of(leaving, workflow())["state"] == "Cancelled"
