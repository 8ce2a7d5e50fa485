"""How an attempt begins: what is applied to the stored state. Pure.

Input, fork and resume values are applied once: an attempt that follows a crash goes on from what is stored.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")
# What LangGraph calls a checkpoint that update_state made.
_UPDATE: Final = "update"


@dataclass(frozen=True)
class Answer:
    """What a person gave to go on with."""

    value: Any


@dataclass(frozen=True)
class Update:
    """An edit of the state, as update_state takes it; an empty `as_node` lets LangGraph infer the node."""

    values: dict[str, Any]
    as_node: str


@dataclass(frozen=True)
class Start:
    """What the graph is called with.

    Attributes:
        graph_input: The run's input; None: go on from the stored state.
        checkpoint_id: The checkpoint to go on from; "": the latest.
        answer: To the open question, where one was given.
        update: Applied to that checkpoint first.
    """

    graph_input: dict[str, Any] | None
    checkpoint_id: str = ""
    answer: Answer | None = None
    update: Update | None = None


@dataclass(frozen=True)
class Past:
    """What earlier attempts of this run have left in storage.

    Attributes:
        own_checkpoint: One of them stored a checkpoint: the input, or what a fork begins with, is in it.
        newest_source: How the newest checkpoint came about, in LangGraph's words; "" where there is none.
        fences_used: Fences of those that left anything.
    """

    own_checkpoint: bool
    newest_source: str = ""
    fences_used: frozenset[int] = frozenset()


def decide_start(
    given_input: dict[str, Any],
    resume: dict[str, Any] | None,
    fork: dict[str, Any] | None,
    past: Past,
) -> Start:
    """Decide.

    Args:
        given_input: The run's input.
        resume: A protocol.ResumeRequest, or None.
        fork: A protocol.StartFromRequest, or None.
        past: What is there.
    """
    applied = resume is not None and bool(past.fences_used.intersection(resume["earlierFences"]))
    if fork is None:
        begun = _begin(given_input, past)
    else:
        # After an edit that the resume brought, the newest checkpoint is one of the same kind, and not the fork's.
        edited = past.newest_source == _UPDATE and not (applied and resume and resume.get("update"))
        begun = _begin_fork(given_input, fork, past, edited=edited)
    return begun if begun is not None else _go_on(resume, applied=applied)


def _begin(given_input: dict[str, Any], past: Past) -> Start | None:
    return None if past.own_checkpoint else Start(given_input)


def _begin_fork(
    given_input: dict[str, Any], fork: dict[str, Any], past: Past, *, edited: bool
) -> Start | None:
    """What a fork begins with: each step of it is done once its checkpoint is stored. None: it has begun."""
    update = fork.get("update")
    if past.own_checkpoint:
        # The edit is a checkpoint of its own, and the input comes after it.
        waits = update is not None and given_input and edited
        return Start(given_input) if waits else None
    if update is None and not fork["checkpointID"] and not given_input:
        return None  # nothing to apply: it goes on where the other run was, open questions included
    return Start(given_input or None, fork["checkpointID"], update=_edit_of(fork))


def _go_on(resume: dict[str, Any] | None, *, applied: bool) -> Start:
    if resume is None or applied:
        return Start(None)
    answer = Answer(resume["value"]) if resume["hasValue"] else None
    return Start(None, resume["checkpointID"], answer, _edit_of(resume))


def _edit_of(asked: dict[str, Any]) -> Update | None:
    update = asked.get("update")  # absent where an older API granted the claim
    return Update(update["values"], update["asNode"]) if update is not None else None


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
