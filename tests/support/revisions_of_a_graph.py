"""One graph in several revisions, as people change theirs between a pause and a resume."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    """The reducer of a DeltaChannel."""
    return [*state, *(line for write in writes for line in write)]


def merge(left: list[str], right: list[str]) -> list[str]:
    """A reducer of the user's own."""
    return [*left, *right]


class State(TypedDict, total=False):
    text: str
    votes: Annotated[list[str], operator.add]
    lines: Annotated[list[str], DeltaChannel(extend)]


class NoVotes(TypedDict, total=False):
    text: str
    lines: Annotated[list[str], DeltaChannel(extend)]


class LastVotes(TypedDict, total=False):
    text: str
    votes: list[str]
    lines: Annotated[list[str], operator.add]


class OtherVotes(TypedDict, total=False):
    text: str
    votes: Annotated[list[str], merge]
    lines: Annotated[list[str], DeltaChannel(extend)]
    added: int


def draft(_state: Any) -> Any:
    return {"text": "draft", "votes": ["a"], "lines": ["one"]}


def review(_state: Any) -> Any:
    return {"text": f"reviewed {interrupt('fine?')}"}


def anything(_state: Any) -> Any:
    return {}


def _add(made: StateGraph[Any], name: str, node: Any) -> None:
    made.add_node(name, node)


def graph(schema: Any = State, *, last: str = "review", more: bool = False) -> StateGraph[Any]:
    """draft → the last node, which asks."""
    made: StateGraph[Any] = StateGraph(schema)
    _add(made, "draft", draft)
    _add(made, last, review)
    made.add_edge(START, "draft")
    made.add_edge("draft", last)
    if more:
        _add(made, "more", anything)
        made.add_edge(last, "more")
    return made


def fan(*, to: str = "work") -> StateGraph[Any]:
    """draft → three of `to` by Send, each of which asks."""
    made: StateGraph[Any] = StateGraph(State)
    _add(made, "draft", draft)
    _add(made, to, review)
    made.add_edge(START, "draft")
    made.add_conditional_edges("draft", lambda _: [Send(to, {"text": str(each)}) for each in range(3)], [to])
    return made


def joined(*, to: str = "both", asks: str = "right") -> StateGraph[Any]:
    """left and right → `to`, which waits for both; one of them asks."""
    made: StateGraph[Any] = StateGraph(State)
    for name in ("left", "right", to):
        _add(made, name, review if name == asks else anything)
    for side in ("left", "right"):
        made.add_edge(START, side)
    made.add_edge(["left", "right"], to)
    made.add_edge(to, END)
    return made


def outer(inner: StateGraph[Any]) -> StateGraph[Any]:
    """draft → a subgraph."""
    made: StateGraph[Any] = StateGraph(State)
    _add(made, "draft", anything)
    _add(made, "sub", inner.compile())
    made.add_edge(START, "draft")
    made.add_edge("draft", "sub")
    return made


first = graph()
grown = graph(more=True)
no_review = graph(last="check")
no_votes = graph(NoVotes)
last_votes = graph(LastVotes)
other_votes = graph(OtherVotes)
worse = graph(NoVotes, last="check")
fan_first, fan_other = fan(), fan(to="job")
joined_first, joined_other = joined(), joined(to="all")
joined_due = joined(asks="both")
nested, nested_other, nested_votes = outer(graph()), outer(graph(last="check")), outer(graph(LastVotes))
deep, deep_other = outer(outer(graph())), outer(outer(graph(last="check")))
flat = graph(last="sub")
