"""Which revisions may go."""

from collections.abc import Iterable
from datetime import timedelta

from graphrun_operator.decide.retention import StoredRevision, superfluous
from support.builders import NOW

Key = tuple[str, str]
FLOW = ("n", "flow")


def stored(number: int, *, hours_ago: float = 0.0, workflow: str = "flow") -> StoredRevision:
    """A revision, the older the higher its number."""
    created = NOW - timedelta(hours=hours_ago or number)
    return StoredRevision("n", f"{workflow}-{number}", f"uid-{number}", workflow, created)


def going(
    *revisions: StoredRevision, needed: Iterable[Key] = (), workflows: Iterable[Key] = (FLOW,)
) -> list[str]:
    found = superfluous(revisions, needed=set(needed), workflows=set(workflows), now=NOW)
    return sorted(item.name for item in found)


def test_the_newest_ten_of_a_workflow_stay() -> None:
    assert going(*(stored(number) for number in range(1, 13))) == ["flow-11", "flow-12"]


def test_what_an_unfinished_run_needs_stays_and_does_not_count() -> None:
    revisions = [stored(number) for number in range(1, 13)]
    assert going(*revisions, needed=[("n", "flow-12"), ("n", "flow-1")]) == []


def test_all_of_a_deleted_workflow_go_but_those_needed() -> None:
    assert going(stored(1), stored(2), needed=[("n", "flow-2")], workflows=[]) == ["flow-1"]


def test_what_was_made_just_now_stays() -> None:
    assert going(stored(1, hours_ago=0.1), workflows=[]) == []


def test_workflows_are_counted_apart() -> None:
    others = [stored(number, workflow="other") for number in range(1, 11)]
    assert going(*others, stored(1), workflows=[FLOW, ("n", "other")]) == []
