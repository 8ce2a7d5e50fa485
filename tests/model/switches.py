"""The five rules, and two that stand beside them: each can be switched off, to show what it is good for.

Rules 3 and 5 are taken out of the real decide(); of the claim, the real rule is shown a bent run; the others are the
model's own steps to leave out, as they live in apply.py, observe.py and in storage.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Final

from graphrun_core import phases
from graphrun_operator.decide import rules, situation
from graphrun_operator.decide.attempt import AttemptEnd, AttemptState, attempt_state
from graphrun_operator.model import Observation
from model.setting import LAG, NODE_LOST, Setting

CURRENT_ATTEMPT: Final = "current attempt"
OPEN_PHASE: Final = "open phase"
PROOF: Final = "proof"
VERSIONED: Final = "versioned"
OUTCOME_WINS: Final = "outcome wins"
FENCE: Final = "fence"
LISTED: Final = "absence listed"

RULES: Final = {
    CURRENT_ATTEMPT: "1. a claim needs the current attempt",
    OPEN_PHASE: "2. a claim needs an open phase",
    PROOF: "3. a claimed attempt is over only with proof",
    VERSIONED: "4. every status write carries the resourceVersion",
    OUTCOME_WINS: "5. a reported success or failure wins",
    FENCE: "a lost node's attempt is fenced in storage",
    LISTED: "a pod's absence is proof only on a fresh listing",
}
_CANCEL_AND_PAUSE: Final = ("cancel", "pause")


@contextmanager
def without(off: frozenset[str]) -> Iterator[None]:
    """The real decide() without those of the rules that are its own."""
    with ExitStack() as stack:
        if PROOF in off:
            stack.enter_context(_replaced(situation, "attempt_state", _believed_over))
        if OUTCOME_WINS in off:
            first = sorted(rules.RULES[2:], key=lambda rule: rule.name not in _CANCEL_AND_PAUSE)
            stack.enter_context(_replaced(rules, "RULES", (*rules.RULES[:2], *first)))
        yield


def _believed_over(seen: Observation) -> AttemptState:
    """What is told to stop is taken for stopped."""
    state = attempt_state(seen)
    if state.runs and seen.run.spec.state != phases.STATE_RUNNING:
        return replace(state, end=AttemptEnd("Interrupted", "Interrupted"))
    return state


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def shown_without(rule: str) -> Setting:
    """The setting in which the lack of that rule shows soonest."""
    kinds = {FENCE: NODE_LOST, LISTED: LAG}.get(rule, frozenset())
    return Setting(
        f"without: {RULES[rule]}",
        moves=1 if kinds else 2,
        faults=1 if kinds else 0,
        fault_kinds=kinds,
        off=frozenset({rule}),
    )
