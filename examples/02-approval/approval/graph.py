"""An expense that a person must approve: small ones pass, larger ones wait for an answer.

    check ──small──▶ pay
      │ large         ▲
      ▼               │ approve
    ask ◀─unclear─ decide ──reject──▶ decline

While it waits nothing runs: no pod, no memory, only the stored state.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

SMALL = 100.0  # paid without asking
DECISIONS = ("approve", "reject")


class Expense(TypedDict):
    """What a run is asked to pay."""

    amount: float
    purpose: str


class Verdict(TypedDict):
    """What became of it."""

    paid: bool
    note: str


class State(Expense, Verdict, total=False):
    """The expense on its way."""

    answer: Any
    hint: str


def check(state: State) -> dict[str, str]:
    return {"hint": "", "note": f"{state['amount']:.2f} for {state['purpose']}"}


def after_check(state: State) -> Literal["pay", "ask"]:
    return "pay" if state["amount"] <= SMALL else "ask"


def ask(state: State) -> dict[str, Any]:
    question = f"Pay {state['amount']:.2f} for {state['purpose']}?"
    return {"answer": interrupt({"question": question, "answers": list(DECISIONS), "hint": state["hint"]})}


def decide(state: State) -> dict[str, str]:
    understood = state["answer"] in DECISIONS
    return {"hint": "" if understood else f"{str(state['answer'])[:80]!r} is none of: {', '.join(DECISIONS)}"}


def after_decision(state: State) -> Literal["pay", "decline", "ask"]:
    if state["hint"]:
        return "ask"
    return "pay" if state["answer"] == "approve" else "decline"


def pay(state: State) -> Verdict:
    return {"paid": True, "note": f"paid {state['note']}"}


def decline(state: State) -> Verdict:
    return {"paid": False, "note": f"declined {state['note']}"}


graph = StateGraph(State, input_schema=Expense, output_schema=Verdict)
graph.add_node("check", check)
graph.add_node("ask", ask)
graph.add_node("decide", decide)
graph.add_node("pay", pay)
graph.add_node("decline", decline)
graph.add_edge(START, "check")
graph.add_conditional_edges("check", after_check)
graph.add_edge("ask", "decide")
graph.add_conditional_edges("decide", after_decision)
graph.add_edge("pay", END)
graph.add_edge("decline", END)
