"""The pure parts of the graph process."""

import dataclasses
import json
from collections import deque
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from pydantic import BaseModel

import graphrun_runner
from graphrun_runner.child import outcomes
from graphrun_runner.child.json_form import cut, dump, to_json
from graphrun_runner.child.loading import LoadFailed, import_attribute
from graphrun_runner.child.shape import has_cycle
from graphrun_runner.child.starting import Answer, Past, Start, Update, address, decide_start
from graphrun_runner.child.visits import Visits


class _Colour(Enum):
    RED = "red"


class _Word(StrEnum):
    YES = "yes"


class _Model(BaseModel):
    when: datetime
    tags: set[str]


@dataclasses.dataclass
class _Point:
    x: float
    colour: _Colour


class _Opaque:
    def __repr__(self) -> str:
        return "<opaque>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, None, True)}, {"a": [1, None, True]}),
        (_Point(float("nan"), _Colour.RED), {"x": None, "colour": "red"}),
        (_Word.YES, "yes"),
        (
            _Model(when=datetime(2026, 1, 2, tzinfo=UTC), tags={"b", "a"}),
            {"when": "2026-01-02T00:00:00+00:00", "tags": ["a", "b"]},
        ),
        (deque([1, 2]), [1, 2]),
        ({1: b"hi"}, {"1": "aGk="}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([Path("a/b"), _Opaque()], ["a/b", "<opaque>"]),
        ("nul\x00 and \ud800", "nul\ufffd and ?"),
    ],
)
def test_state_has_a_readable_json_form(value: object, expected: object) -> None:
    assert to_json(value) == expected
    assert json.loads(dump(value)) == expected


def test_messages_are_readable() -> None:
    form = to_json(HumanMessage("hello", id="1"))
    assert (form["type"], form["content"], form["id"]) == ("human", "hello", "1")


def test_a_value_that_holds_itself_still_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert dump(loop)


def test_a_large_value_is_cut_to_its_beginning() -> None:
    assert cut({"a": 1}, 100) == {"a": 1}
    text = cut("é" * 100, 50)
    assert text.startswith("éé")
    assert len(text.encode()) <= 50


@pytest.mark.parametrize(
    ("edges", "cyclic"),
    [
        ([], False),
        ([["a", "b"], ["b", "c"], ["a", "c"]], False),
        ([["a", "b"], ["b", "c"], ["c", "b"]], True),
        ([["a", "a"]], True),
    ],
)
def test_a_cycle_is_found(edges: list[list[str]], cyclic: bool) -> None:  # noqa: FBT001
    assert has_cycle(edges) is cyclic


_RESUME: dict[str, Any] = {
    "id": "r",
    "checkpointID": "",
    "hasValue": True,
    "value": "yes",
    "earlierFences": [7],
}


_EDIT = {"values": {"x": 1}, "asNode": "n"}
_WITH_EDIT = {"hasValue": False, "checkpointID": "c1", "update": _EDIT}


@pytest.mark.parametrize(
    ("resume", "applied", "used", "expected"),
    [
        (None, False, (), Start({"q": 1})),
        (_RESUME, False, (), Start({"q": 1})),
        (None, True, (5,), Start(None)),
        (_RESUME, True, (5,), Start(None, answer=Answer("yes"))),
        (_RESUME, True, (5, 7), Start(None)),
        ({**_RESUME, "hasValue": False, "checkpointID": "c1"}, True, (5,), Start(None, "c1")),
        ({**_RESUME, "value": None}, True, (5,), Start(None, answer=Answer(None))),
        ({**_RESUME, **_WITH_EDIT}, True, (5,), Start(None, "c1", update=Update({"x": 1}, "n"))),
        ({**_RESUME, **_WITH_EDIT}, True, (5, 7), Start(None)),
    ],
)
def test_input_and_resume_are_applied_once(resume: Any, applied: bool, used: Any, expected: Start) -> None:  # noqa: FBT001
    start = decide_start({"q": 1}, resume, None, Past(applied, "loop", frozenset(used)))
    assert start == expected


_FRESH = Past(own_checkpoint=False)
_EDITED = Past(own_checkpoint=True, newest_source="update")
_GIVEN = Past(own_checkpoint=True, newest_source="input")


@pytest.mark.parametrize(
    ("given", "fork", "past", "expected"),
    [
        ({}, {}, _FRESH, Start(None, answer=Answer("yes"))),
        ({}, {"checkpointID": "c1"}, _FRESH, Start(None, "c1")),
        ({"q": 1}, {"checkpointID": "c1"}, _FRESH, Start({"q": 1}, "c1")),
        ({}, {"update": _EDIT}, _FRESH, Start(None, update=Update({"x": 1}, "n"))),
        ({"q": 1}, {"update": _EDIT}, _FRESH, Start({"q": 1}, update=Update({"x": 1}, "n"))),
        ({"q": 1}, {"update": _EDIT}, _EDITED, Start({"q": 1})),
        ({"q": 1}, {"update": _EDIT}, _GIVEN, Start(None, answer=Answer("yes"))),
        ({}, {"update": _EDIT}, _EDITED, Start(None, answer=Answer("yes"))),
        ({"q": 1}, {}, _EDITED, Start(None, answer=Answer("yes"))),
    ],
)
def test_each_step_of_a_fork_is_applied_once(given: Any, fork: Any, past: Past, expected: Start) -> None:
    whole = {"thread": "t", "run": "r", "checkpointID": "", "update": None, **fork}
    assert decide_start(given, _RESUME, whole, past) == expected


def test_the_edit_of_a_resume_is_not_taken_for_that_of_a_fork() -> None:
    fork = {"thread": "t", "run": "r", "checkpointID": "", "update": _EDIT}
    resumed = Past(own_checkpoint=True, newest_source="update", fences_used=frozenset({5, 7}))
    assert decide_start({"q": 1}, {**_RESUME, **_WITH_EDIT}, fork, resumed) == Start(None)


@pytest.mark.parametrize(
    ("value", "open_ids", "expected"),
    [
        ("yes", ["a" * 32], {"a" * 32: "yes"}),
        (None, ["a" * 32], {"a" * 32: None}),
        ({}, ["a" * 32], {"a" * 32: {}}),
        ("yes", [], {}),
        ("yes", ["a" * 32, "b" * 32], None),
        ({"a" * 32: 1, "b" * 32: 2}, ["a" * 32, "b" * 32], {"a" * 32: 1, "b" * 32: 2}),
        ({"a" * 32: 1, "c" * 32: 2}, ["a" * 32, "b" * 32], {"a" * 32: 1}),
    ],
)
def test_an_answer_goes_to_the_question_that_is_open(value: Any, open_ids: list[str], expected: Any) -> None:
    assert address(Answer(value), open_ids) == expected


def test_an_error_is_one_line_of_bounded_length() -> None:
    assert outcomes.describe(ValueError("a\n  b")) == "ValueError: a b"
    assert outcomes.describe(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(outcomes.describe(ValueError("x" * 5000))) == 1000


@pytest.mark.parametrize("entrypoint", ["", "json", ":loads", "json:"])
def test_a_malformed_entrypoint_is_refused(entrypoint: str) -> None:
    with pytest.raises(LoadFailed, match="module:attribute"):
        import_attribute(entrypoint)


def test_a_dotted_attribute_is_found() -> None:
    assert import_attribute("json:JSONDecoder.decode") is json.JSONDecoder.decode


def test_progress_outside_a_graph_does_nothing() -> None:
    graphrun_runner.progress(0.5)


def test_pieces_of_a_models_answer_are_tokens_and_whole_messages_are_not() -> None:
    sent: list[dict[str, Any]] = []
    visits = Visits(sent.append)
    visits.message(AIMessageChunk(content="Hel", id="m1"), {"langgraph_checkpoint_ns": "a:t1"})
    visits.message(HumanMessage("hello"), {})
    assert [(e["type"], e["data"]) for e in sent] == [("token", {"text": "Hel", "message_id": "m1"})]
