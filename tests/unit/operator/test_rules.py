"""The order of the rules is part of their meaning."""

from graphrun_operator.decide.rules import RULES
from support.builders import a_run


def test_the_order_stands() -> None:
    assert [rule.name for rule in RULES] == [
        "leave",
        "rest",
        "succeed",
        "fail-by-itself",
        "cancel",
        "fail-for-good",
        "total-timeout",
        "hold",
        "await-input",
        "pause",
        "start-timeout",
        "stay-paused",
        "resume",
        "suspended",
        "replace-lost",
        "follow",
        "run",
        "reopen",
        "back-off",
        "create-job",
        "wait-for-claim",
    ]


def test_every_rule_says_why_it_stands_there() -> None:
    assert all(rule.why for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_plan_tells_which_rule_decided() -> None:
    assert a_run().decided().rule == "create-job"
    assert a_run().running().decided().rule == "run"
