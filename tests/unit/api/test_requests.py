"""From requests to manifests and patches, inputs against schemas, cursors, and why a run waits."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.errors import CursorInvalid
from graphrun_api.runs import cursors, manifests
from graphrun_api.runs.manifests import Origin
from graphrun_api.runs.schemas import CreateRun, PauseRun, ResumeRun
from graphrun_api.runs.waiting import waiting_for
from graphrun_api.workflows.schema_check import input_errors, schema_errors
from graphrun_core.resources import WorkflowRun

ORIGIN = Origin("ada", "key")
SCHEMA = {
    "type": "object",
    "required": ["q"],
    "properties": {"q": {"type": "string"}, "deep": {"type": "array", "items": {"type": "integer"}}},
}


def run(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> WorkflowRun:
    return WorkflowRun.parse({"metadata": {"name": "r", **meta}, "spec": spec or {}, "status": status or {}})


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", fullmatch=True))
def test_names_tell_the_workflow_and_fit(workflow: str) -> None:
    for name in (manifests.run_name(workflow), manifests.keyed_name(workflow, ORIGIN)):
        assert len(name) <= 52
        assert "--" not in name or "--" in workflow
        assert name[: len(workflow)][:20].rstrip("-") == workflow[:20].rstrip("-")


def test_a_key_leads_to_the_same_name_for_the_same_person_alone() -> None:
    assert manifests.keyed_name("f", ORIGIN) == manifests.keyed_name("f", ORIGIN)
    assert manifests.keyed_name("f", ORIGIN) != manifests.keyed_name("f", Origin("eve", "key"))


def test_the_input_stands_in_the_resource_up_to_64_kib() -> None:
    assert manifests.is_inline({"a": "x" * 65_000})
    assert not manifests.is_inline({"a": "x" * 65_536})
    assert not manifests.is_inline({"a": "ü" * 40_000})


def test_a_request_becomes_a_run() -> None:
    request = CreateRun(workflow="flow", input_data={"q": 1})

    manifest = manifests.run_manifest(request, "flow-1", Origin("ada"), manifests.Beginning("Pending", ""))

    assert manifest["spec"] == {"workflowRef": {"name": "flow"}, "state": "Pending", "input": {"q": 1}}
    assert manifest["metadata"]["annotations"] == {"graphrun.dev/requested-by": "ada"}


def test_the_state_is_set_on_whose_behalf() -> None:
    bare = manifests.set_state(run(), "Paused", "ada")
    annotated = manifests.set_state(run(annotations={"a": "b"}), "Paused", "ada")

    assert [item["path"] for item in bare] == [
        "/spec/state",
        "/metadata/annotations",
        "/metadata/annotations/graphrun.dev~1requested-by",
    ]
    assert len(annotated) == 2


@pytest.mark.parametrize(
    ("spec", "removed"),
    [({}, []), ({"input": {}}, ["/spec/input"]), ({"inputRef": "k"}, ["/spec/inputRef"])],
)
def test_a_new_input_replaces_either_form(spec: dict[str, Any], removed: list[str]) -> None:
    patch = manifests.set_input(run(spec), {"a": 1}, "")

    assert [item["path"] for item in patch if item["op"] == "remove"] == removed
    assert patch[-1] == {"op": "add", "path": "/spec/input", "value": {"a": 1}}


def test_a_pause_overrides_only_what_is_given() -> None:
    known = run({"pause": {"deadlineSeconds": 9}})

    assert manifests.set_pause(known, PauseRun()) == []
    assert manifests.set_pause(known, PauseRun(on_deadline="Interrupt"))[0]["value"] == {
        "deadlineSeconds": 9,
        "onDeadline": "Interrupt",
    }


@pytest.mark.parametrize("value", [False, 0, "", [], {}])
def test_every_answer_but_null_is_a_value(value: Any) -> None:
    assert manifests.set_resume(ResumeRun(value=value), "id")[0]["value"] == {"id": "id", "value": value}


def test_no_answer_is_no_value() -> None:
    assert manifests.set_resume(ResumeRun(), "id")[0]["value"] == {"id": "id"}


def test_input_is_checked_with_its_path() -> None:
    wrong = input_errors(SCHEMA, {"q": 1, "deep": [1, "x"]})

    assert {item.field for item in wrong} == {"input_data.q", "input_data.deep.1"}
    assert input_errors(SCHEMA, {"q": "why"}) == []
    assert input_errors({}, {"anything": 1}) == []
    assert [item.field for item in input_errors(SCHEMA, {})] == ["input_data"]


def test_a_schema_never_reaches_out() -> None:
    wrong = input_errors({"$ref": "http://127.0.0.1:9/schema"}, {})

    assert "not part of it" in wrong[0].message


def test_a_wrong_schema_is_told() -> None:
    assert schema_errors({"type": 5})[0].field.startswith("spec.inputSchema")
    assert schema_errors(SCHEMA) == []


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(min_value=0, max_value=2**62),
    st.text(min_size=1, max_size=20),
)
def test_a_cursor_leads_back_to_its_place(moment: datetime, order: int, namespace: str) -> None:
    assert cursors.decode(namespace, cursors.encode(namespace, moment, order)) == (moment, order)


@given(st.text(max_size=60))
def test_no_text_breaks_the_list(text: str) -> None:
    with pytest.raises(CursorInvalid):
        cursors.decode("ns", text)


def test_a_cursor_of_another_project_is_none_here() -> None:
    cursor = cursors.encode("theirs", datetime(2026, 1, 1, tzinfo=UTC), 1)

    with pytest.raises(CursorInvalid):
        cursors.decode("ours", cursor)


@pytest.mark.parametrize(
    ("state", "status", "kind"),
    [
        ("Pending", {}, "execute"),
        ("Running", {}, "starting"),
        ("Running", {"phase": "Starting", "reason": "ImagePullFailed", "message": "no such image"}, "image"),
        ("Running", {"phase": "Starting", "reason": "Unschedulable"}, "unschedulable"),
        ("Running", {"phase": "Queued", "reason": "ConcurrencyLimit", "message": "waits"}, "queue"),
        ("Running", {"phase": "AwaitingInput"}, "input"),
        ("Running", {"phase": "Running", "runner": {"attempt": 1}}, None),
        ("Paused", {"phase": "Paused"}, None),
        ("Running", {"phase": "Queued", "reason": "JobSuspended", "message": "by queue gpus"}, "suspended"),
        ("Running", {"phase": "Paused", "reason": "IncompatibleRevision", "message": "nodes: a"}, "revision"),
        ("Running", {"phase": "Failed", "reason": "Unschedulable"}, None),
        ("Cancelled", {"phase": "Cancelling", "reason": "NodeLost"}, "node"),
    ],
)
def test_why_a_run_waits_is_told_in_words(state: str, status: dict[str, Any], kind: str | None) -> None:
    waiting = waiting_for(run({"state": state}, status))

    assert (waiting.kind if waiting else None) == kind
    if waiting is not None:
        assert waiting.text
        assert waiting.hint
        assert waiting.text == status.get("message", waiting.text)


def test_a_queued_run_is_told_its_place_among_runs_of_its_priority() -> None:
    def queued(name: str, minute: int, priority: str | None = None) -> WorkflowRun:
        made = f"2026-01-01T00:{minute:02}:00Z"
        meta = {"name": name, "creationTimestamp": made}
        status = {"phase": "Queued", "reason": "ConcurrencyLimit", "message": "waits for its turn"}
        return WorkflowRun.parse(
            {"metadata": meta, "spec": {"priorityClassName": priority}, "status": status}
        )

    asked = queued("b", 2)
    line = [queued("a", 1), asked, queued("c", 3), queued("d", 1, "high")]

    alone, among = waiting_for(asked, [asked]), waiting_for(asked, line)

    assert alone
    assert alone.text == "waits for its turn; it is number 1 of 1 by age"
    assert among
    assert among.text == "waits for its turn; it is number 2 of 3 by age, besides 1 of another priority"
