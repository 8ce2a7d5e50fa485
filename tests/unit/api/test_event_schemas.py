"""The schema of each type of event, and the page that explains them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graphrun_api.app import public_api
from graphrun_api.events.milestones import deleted, milestones
from graphrun_api.events.model import Event, Milestone
from graphrun_core import events
from graphrun_core.resources import WorkflowRun
from support.event_schemas import check_documented, check_sent_by_a_runner

TYPES = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
SHOWN = re.findall(r"^\*\*`(\w+)`\*\*[^\n]*\n\n```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
QUESTION = {"id": "i", "node": "a", "value": {"question": "go on?"}}


def as_told(milestone: Milestone) -> Any:
    at = milestone.at or datetime.now(UTC)
    stored = Event(1, milestone.attempt, milestone.type, at, None, json.dumps(milestone.data))
    return json.loads(stored.to_json("run"))


def run(phase: str, **status: Any) -> WorkflowRun:
    meta = {"name": "r", "namespace": "n", "uid": "u"}
    return WorkflowRun.parse(
        {"metadata": meta, "spec": {"workflowRef": {"name": "f"}}, "status": {"phase": phase, **status}}
    )


def test_the_document_has_a_schema_for_every_type_and_for_no_other() -> None:
    document = public_api().openapi()

    replay = document["paths"]["/api/projects/{project_id}/workflows/runs/{run_id}/events"]["get"]
    page = replay["responses"]["200"]["content"]["application/json"]["schema"]
    schemas = document["components"]["schemas"]
    assert page == {"$ref": "#/components/schemas/EventPage"}
    assert schemas["EventPage"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/RunEvent"}
    assert set(schemas["RunEvent"]["discriminator"]["mapping"]) == TYPES


def test_the_page_explains_every_type_once_by_an_example_that_fits_its_schema() -> None:
    assert sorted(kind for kind, _ in SHOWN) == sorted(TYPES)
    for kind, example in SHOWN:
        event = json.loads(example)
        assert event["type"] == kind
        check_documented(event)


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        ("Starting", {"conditions": [{"type": "Accepted", "status": "True"}]}),
        ("Running", {"attempt": 1, "revision": "f-1", "runner": {"attempt": 1}}),
        ("Paused", {}),
        (
            "Paused",
            {"attempt": 2, "reason": "PauseCompleted", "runner": {"checkpoint": {"id": "c", "step": 3}}},
        ),
        ("AwaitingInput", {}),
        ("AwaitingInput", {"runner": {"outcome": {"result": "AwaitingInput", "interrupts": [QUESTION]}}}),
        ("Succeeded", {}),
        ("Succeeded", {"runner": {"outcome": {"result": "Succeeded", "output": [1, None]}}}),
        ("Succeeded", {"runner": {"outcome": {"result": "Succeeded", "outputRef": "key"}}}),
        ("Failed", {"reason": "GraphError", "message": "ValueError: no"}),
        ("Cancelled", {}),
    ],
)
def test_what_the_api_tells_of_a_resource_fits(phase: str, status: dict[str, Any]) -> None:
    found = milestones(run(phase, **status))

    assert found
    for milestone in (*found, deleted(1)):
        check_documented(as_told(milestone))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "node_failed", "data": {}, "node_id": "a"},
        {"type": "node_started", "data": {"unknown": 1}, "node_id": "a"},
        {"type": "node_started", "data": {}},
        {"type": "run_completed", "data": {}},
    ],
)
def test_what_is_not_documented_is_noticed(event: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        check_sent_by_a_runner([{"seq": 1, "at": "2026-01-01T00:00:00Z", **event}])
