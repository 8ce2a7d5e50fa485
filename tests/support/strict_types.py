"""Types of a graph's state, and one that the state does not name; each knows how often it was built."""

import operator
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from support.dossier import in_order

BUILT: Counter[str] = Counter()


class Status(Enum):
    OPEN = "open"
    CLOSED = "closed"


class Address(BaseModel):
    street: str
    number: int


@dataclass
class Order:
    item: str
    to: Address
    status: Status = Status.OPEN

    def __post_init__(self) -> None:
        BUILT["Order"] += 1


@dataclass
class Foreign:
    """Stands for a class that somebody with access to the bucket would like to see built."""

    command: str

    def __post_init__(self) -> None:
        BUILT["Foreign"] += 1


class Shop(TypedDict):
    order: Order
    orders: Annotated[list[Order], operator.add]
    by_street: dict[str, Address]
    log: Annotated[list[Any], DeltaChannel(in_order)]
    extra: Any


FILLED: dict[str, Any] = {
    "order": Order("owl", Address(street="Elm", number=1), Status.CLOSED),
    "orders": [
        Order("cage", Address(street="Oak", number=2)),
        Order("mouse", Address(street="Elm", number=3)),
    ],
    "by_street": {"Elm": Address(street="Elm", number=1)},
    "log": [Order("log", Address(street="Ash", number=4))],
    "extra": {"inside": [Foreign("rm")]},
}


def shop_graph() -> StateGraph[Any]:
    """One node fills the state; a second does nothing, so that a checkpoint with pending work lies between."""

    async def fill(state: Shop) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        return FILLED

    async def rest(state: Shop) -> dict[str, Any]:  # noqa: ARG001 - LangGraph types its nodes by this name
        return {}

    graph: StateGraph[Any] = StateGraph(Shop)
    graph.add_node("fill", fill)
    graph.add_node("rest", rest)
    graph.add_edge(START, "fill")
    graph.add_edge("fill", "rest")
    graph.add_edge("rest", END)
    return graph
