"""examples/02-approval in plain LangGraph."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

THREAD = {"configurable": {"thread_id": "1"}}
CHAIR = {"amount": 250.0, "purpose": "a chair"}


@pytest.fixture
def approval(example: Any) -> Any:
    return example("02-approval", "approval.graph").graph.compile(checkpointer=InMemorySaver())


async def test_a_small_expense_is_paid_without_asking(approval: Any) -> None:
    verdict = await approval.ainvoke({"amount": 20.0, "purpose": "tea"}, THREAD)

    assert verdict == {"paid": True, "note": "paid 20.00 for tea"}


@pytest.mark.parametrize(("answer", "paid"), [("approve", True), ("reject", False)])
async def test_a_large_expense_waits_for_the_answer_and_follows_it(
    approval: Any, answer: str, *, paid: bool
) -> None:
    waiting = await approval.ainvoke(CHAIR, THREAD)
    verdict = await approval.ainvoke(Command(resume=answer), THREAD)

    assert waiting["__interrupt__"][0].value["question"] == "Pay 250.00 for a chair?"
    assert verdict["paid"] is paid


async def test_an_answer_that_is_not_understood_is_asked_again_with_a_hint(approval: Any) -> None:
    await approval.ainvoke(CHAIR, THREAD)

    asked_again = await approval.ainvoke(Command(resume="perhaps"), THREAD)

    assert "approve, reject" in asked_again["__interrupt__"][0].value["hint"]
    assert (await approval.ainvoke(Command(resume="reject"), THREAD))["paid"] is False
