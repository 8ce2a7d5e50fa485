"""The five rules of architecture.md, section 4: the real decide() and the real claim rule under every interleaving."""

import sys
from functools import lru_cache

import pytest

from graphrun_core import phases
from graphrun_operator.decide.rules import RULES as DECIDING
from model.explorer import Explored, Explorer
from model.setting import SETTINGS, Setting
from model.switches import RULES, shown_without

# Minutes on a machine that has other things to do.
pytestmark = pytest.mark.timeout(1800)

# Exploring is the whole cost: what several tests ask about is explored once.
explored = lru_cache(maxsize=None)(lambda setting: Explorer(setting).explore())

# totalSeconds never strike in the model and nobody's finalizer holds a deleted run: test_properties.py draws these. Nor
# does the product itself leave an unclaimed attempt in Pausing or Cancelling, which "reopen" would mend.
OUTSIDE = {"leave", "total-timeout", "reopen"}


def results() -> list[Explored]:
    return [explored(setting) for setting in SETTINGS]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name.replace(" ", "-"))
def test_every_interleaving_keeps_the_invariants_and_comes_to_rest(setting: Setting) -> None:
    found = explored(setting)
    sys.stdout.write(f"{found}\n")
    assert found.finding is None, str(found.finding)


def test_the_settings_together_reach_every_phase_and_every_rule_of_the_decisions() -> None:
    assert frozenset().union(*(found.phases for found in results())) >= (
        phases.TERMINAL
        | phases.CLOSED_TO_CLAIMS
        | {"", phases.PENDING, phases.QUEUED, phases.STARTING, phases.RUNNING}
    )
    decided = frozenset().union(*(found.rules for found in results()))
    assert {rule.name for rule in DECIDING} - decided <= OUTSIDE


WITHOUT = {
    "current attempt": "two graphs at once",
    "open phase": "shown as Paused while a graph runs",
    "proof": "shown as Cancelled while a graph runs",
    "versioned": "shown as Paused while a graph runs",
    "outcome wins": "a run whose attempt had reported Succeeded is shown as Cancelled",
    "fence": "attempt 1 writes over what attempt 2 goes on from",
    "absence listed": "shown as Cancelled while a graph runs",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.replace(" ", "-"))
def test_a_rule_left_out_shows_in_a_shortest_trace(rule: str) -> None:
    found = explored(shown_without(rule))
    sys.stdout.write(f"{found}\n")
    assert found.finding is not None
    assert found.finding.what == WITHOUT[rule]
    assert len(found.finding.trace) <= 18  # breadth first: none is shorter
