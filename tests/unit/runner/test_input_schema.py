"""The input's JSON Schema, whatever kind of type the state is."""

import dataclasses
import logging
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
import typing_extensions
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, TypeAdapter

from graphrun_runner.child.input_schema import described_by_twins, input_schema_of


class Source(TypedDict, total=False):
    """Where something was read."""

    url: str


class Question(TypedDict):
    text: str
    kind: Literal["open", "closed"]
    hint: NotRequired[str | None]
    sources: Annotated[list[Source], "any"]
    first: Source | None
    by_name: dict[str, Source]


class SameSource(typing_extensions.TypedDict, total=False):
    """Where something was read."""

    url: str


class SameQuestion(typing_extensions.TypedDict):
    text: str
    kind: Literal["open", "closed"]
    hint: typing_extensions.NotRequired[str | None]
    sources: Annotated[list[SameSource], "any"]
    first: SameSource | None
    by_name: dict[str, SameSource]


class Tree(TypedDict):
    name: str
    children: "list[Tree]"


class Model(BaseModel):
    text: str


@dataclasses.dataclass
class Data:
    text: str


class Odd:
    pass


class Opaque(TypedDict):
    value: Odd


def graph_of(state: Any) -> Any:
    graph = StateGraph(state)
    graph.add_node("a", lambda _state: None)
    graph.add_edge(START, "a")
    return graph.compile()


def test_a_typed_dict_of_the_standard_library_is_described_as_one_that_pydantic_takes() -> None:
    ours = input_schema_of(graph_of(Question))
    same = TypeAdapter(SameQuestion).json_schema()

    assert ours is not None
    text = str(ours)
    assert "Where something was read." in text
    assert text == str(same).replace("SameSource", "Source").replace("SameQuestion", "Question")


@pytest.mark.parametrize("state", [Model, Data, SameSource])
def test_other_states_are_described_as_ever(state: Any) -> None:
    schema = input_schema_of(graph_of(state))

    assert schema is not None
    assert set(schema["properties"]) <= {"text", "url"}


def test_a_type_within_itself_is_described_once() -> None:
    schema = TypeAdapter(described_by_twins(Tree)).json_schema()

    assert set(schema["properties"]) == {"name", "children"}
    assert schema["required"] == ["name", "children"]


def test_a_graph_whose_types_tell_nothing_says_nothing_in_the_log_either(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert input_schema_of(graph_of(Opaque)) is None

    assert caplog.records == []
