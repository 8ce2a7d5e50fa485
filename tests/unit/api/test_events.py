"""Batches as they are read, and milestones as they are proved."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.errors import BodyInvalid
from graphrun_api.events import batches
from graphrun_api.events.milestones import deleted, milestones
from graphrun_api.events.model import Event
from graphrun_api.events.run_rows import ensure_arguments, follow_arguments
from graphrun_core.resources import WorkflowRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def run(phase: str, **status: Any) -> WorkflowRun:
    meta = {"name": "r", "namespace": "n", "uid": "u", "resourceVersion": "7"}
    return WorkflowRun.parse(
        {"metadata": meta, "spec": {"workflowRef": {"name": "f"}}, "status": {"phase": phase, **status}}
    )


def test_types_that_no_runner_sends_are_left_out() -> None:
    body = {
        "events": [
            {"seq": 1, "type": "run_completed"},
            {"seq": 2, "type": "custom"},
            {"seq": 3, "type": "odd"},
        ]
    }

    assert [item.runner_seq for item in batches.read_batch(body, NOW)] == [2]


@pytest.mark.parametrize("body", [None, [], {}, {"events": {}}, {"events": [{"type": "custom"}]}])
def test_what_is_no_batch_is_refused(body: Any) -> None:
    with pytest.raises(BodyInvalid):
        batches.read_batch(body, NOW)


@given(
    st.dictionaries(st.sampled_from(["at", "data", "node_id", "task_id", "ns", "step", "visit"]), json_values)
)
def test_odd_fields_never_break_a_batch(fields: dict[str, Any]) -> None:
    [item] = batches.read_batch({"events": [{**fields, "seq": 1, "type": "node_failed"}]}, NOW)
    batches.sort_batch([item])

    for text in (item.task_id, item.ns, item.node_id or "", batches.error_of(item) or ""):
        assert "\0" not in text
        text.encode()
    item.data_text().encode()
    assert -1 <= item.step < 2**31


def test_a_batch_tells_visits_graph_checkpoint_and_step() -> None:
    node = {"node_id": "a", "task_id": "t", "step": 4}
    body = {
        "events": [
            {"seq": 1, "type": "run_started", "data": {"graph": {"nodes": ["a"]}}},
            {"seq": 2, "type": "node_started", **node},
            {"seq": 3, "type": "node_progress", "data": {"progress": 7}, **node},
            {"seq": 4, "type": "checkpoint_saved", "data": {"id": "sub", "ns": "x", "step": 9}},
            {"seq": 5, "type": "checkpoint_saved", "data": {"id": "root", "ns": "", "step": 4}},
            {"seq": 6, "type": "node_completed", "data": {"interrupted": True}, **node},
        ]
    }

    meaning = batches.sort_batch(batches.read_batch(body, NOW))

    assert meaning.graph is not None
    assert meaning.graph["nodes"] == ["a"]
    assert [item.task_id for item in meaning.started] == ["t"]
    assert batches.share_of(meaning.progressed[0]) == 1.0
    assert meaning.checkpoint is not None
    assert meaning.checkpoint["id"] == "root"
    assert batches.end_status(meaning.ended[0]) == "INTERRUPTED"
    assert meaning.step == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", None, [], True, -3])
def test_odd_progress_stays_within_0_and_1(value: Any) -> None:
    [item] = batches.read_batch(
        {"events": [{"seq": 1, "type": "node_progress", "data": {"progress": value}}]}, NOW
    )

    assert 0.0 <= batches.share_of(item) <= 1.0


@pytest.mark.parametrize(
    ("phase", "status", "expected"),
    [
        ("", {}, []),
        ("Queued", {}, []),
        ("Starting", {"conditions": [{"type": "Accepted", "status": "True"}]}, ["run_accepted"]),
        ("", {"runner": {"attempt": 1}}, ["run_accepted"]),
        ("Paused", {"attempt": 1, "runner": {"attempt": 1}}, ["run_accepted", "run_paused"]),
        ("Paused", {}, ["run_paused"]),
        ("AwaitingInput", {"attempt": 1, "runner": {"attempt": 1}}, ["run_accepted", "run_awaiting_input"]),
        ("Succeeded", {"attempt": 1, "runner": {"attempt": 1}}, ["run_accepted", "run_completed"]),
        ("Failed", {}, ["run_failed"]),
        ("Cancelled", {}, ["run_cancelled"]),
    ],
)
def test_a_view_proves_its_milestones(phase: str, status: dict[str, Any], expected: list[str]) -> None:
    assert [item.type for item in milestones(run(phase, **status))] == expected


def test_each_pause_is_a_milestone_of_its_own_and_an_end_is_one_for_all() -> None:
    first, second = (milestones(run("Paused", attempt=attempt))[-1] for attempt in (1, 2))
    ends = {milestones(run(phase))[-1].key for phase in ("Succeeded", "Failed", "Cancelled")} | {
        deleted(1).key
    }

    assert first.key != second.key
    assert len(ends) == 1


def test_an_end_carries_its_output_or_where_it_is() -> None:
    inline = run("Succeeded", runner={"attempt": 1, "outcome": {"result": "Succeeded", "output": {"a": 1}}})
    stored = run("Succeeded", runner={"attempt": 1, "outcome": {"result": "Succeeded", "outputRef": "k"}})

    assert milestones(inline)[-1].data["output"] == {"a": 1}
    assert milestones(stored)[-1].data["output_ref"] == "k"
    assert "output" not in milestones(stored)[-1].data


def test_an_event_is_sent_as_it_was_stored() -> None:
    event = Event(3, 1, "custom", NOW, None, '{"payload":[1,"\\u00fc"]}')

    assert json.loads(event.to_json("run-1")) == {
        "seq": 3,
        "run_id": "run-1",
        "attempt": 1,
        "type": "custom",
        "at": "2026-01-01T00:00:00.000000Z",
        "node_id": None,
        "data": {"payload": [1, "ü"]},
    }


def test_a_row_has_as_many_values_as_its_statement_has_columns() -> None:
    assert len(ensure_arguments(run("Running"))) == 10
    assert len(follow_arguments(run("Running"))) == 24
