"""How an attempt begins: what is applied to the stored state. Pure.

Input and resume values are applied once: an attempt that follows a crash goes on from what is stored.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Answer:
    """What a person gave to go on with."""

    value: Any


@dataclass(frozen=True)
class Start:
    """What the graph is called with.

    Attributes:
        graph_input: The run's input; None: go on from the stored state.
        checkpoint_id: The checkpoint to go on from; "": the latest.
        answer: To the open question, where one was given.
    """

    graph_input: dict[str, Any] | None
    checkpoint_id: str = ""
    answer: Answer | None = None


def decide_start(
    given_input: dict[str, Any],
    resume: dict[str, Any] | None,
    *,
    input_applied: bool,
    fences_used: frozenset[int],
) -> Start:
    """Decide.

    Args:
        given_input: The run's input.
        resume: A protocol.ResumeRequest, or None.
        input_applied: An epoch of this run holds a checkpoint: the input is in it.
        fences_used: Fences of this run's earlier attempts that left anything in storage.
    """
    if not input_applied:
        return Start(given_input)
    if resume is None or fences_used.intersection(resume["earlierFences"]):
        return Start(None)
    answer = Answer(resume["value"]) if resume["hasValue"] else None
    return Start(None, resume["checkpointID"], answer)


def address(answer: Answer, open_ids: Sequence[str]) -> dict[str, Any] | None:
    """The answer by question: interrupt id → value. Empty where nothing is asked, None where it is ambiguous.

    Never the bare value: LangGraph stores that for whichever question comes first, keeps it when it was used, and
    answers the next question with it too as soon as the graph is called again.
    """
    value = answer.value
    if isinstance(value, dict) and value and all(_INTERRUPT_ID.fullmatch(str(key)) for key in value):
        return {key: value[key] for key in value if key in open_ids}
    if len(open_ids) > 1:
        return None
    return dict.fromkeys(open_ids, value)
