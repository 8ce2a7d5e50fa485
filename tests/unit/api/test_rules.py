"""state and verb → verdict, and the status that is judged."""

from typing import Any

import pytest

from graphrun_api import standing
from graphrun_api.errors import AlreadyCompleted, VerbRefused
from graphrun_api.runs.rules import (
    CANCEL,
    DELETE,
    EXECUTE,
    PAUSE,
    RESUME,
    Verdict,
    allowed,
    effective_status,
    judge,
)
from graphrun_api.standing import is_settling, status_of
from graphrun_core.resources import WorkflowRun

A, J, D, X, C = Verdict.APPLY, Verdict.JOIN, Verdict.DONE, VerbRefused, AlreadyCompleted
VERBS = (EXECUTE, PAUSE, RESUME, CANCEL, DELETE)
TABLE: dict[str, tuple[object, ...]] = {
    #                     execute pause resume cancel delete
    standing.PENDING: (A, X, X, A, X),
    standing.RUNNING: (X, A, X, A, X),
    standing.PAUSING: (X, J, X, A, X),
    standing.PAUSED: (X, X, A, A, X),
    standing.INTERRUPTED: (X, X, A, A, X),
    standing.CANCELLING: (X, X, X, J, X),
    standing.CANCELLED: (X, X, X, D, A),
    standing.COMPLETED: (C, X, X, X, A),
    standing.FAILED: (X, X, X, X, A),
}


def run(state: str = "Running", phase: str = "", **status: Any) -> WorkflowRun:
    resume = status.pop("wanted_resume", "")
    spec = {"state": state, "resume": {"id": resume}}
    return WorkflowRun.parse({"metadata": {"name": "r"}, "spec": spec, "status": {"phase": phase, **status}})


def test_the_table_covers_every_status() -> None:
    assert set(TABLE) == set(standing.ALL)


@pytest.mark.parametrize("status", standing.ALL)
@pytest.mark.parametrize("place", range(len(VERBS)), ids=VERBS)
def test_each_verb_means_what_the_table_says(status: str, place: int) -> None:
    expected = TABLE[status][place]
    if isinstance(expected, Verdict):
        assert judge(VERBS[place], status) is expected
    else:
        with pytest.raises((VerbRefused, AlreadyCompleted)) as refused:
            judge(VERBS[place], status)
        assert type(refused.value) is expected


@pytest.mark.parametrize(
    ("state", "phase", "status"),
    [
        ("Pending", "", "PENDING"),
        ("Pending", "Pending", "PENDING"),
        ("Running", "", "RUNNING"),
        ("Running", "Pending", "RUNNING"),
        ("Running", "Queued", "RUNNING"),
        ("Running", "Starting", "RUNNING"),
        ("Running", "Running", "RUNNING"),
        ("Paused", "Running", "PAUSING"),
        ("Paused", "Pausing", "PAUSING"),
        ("Paused", "Paused", "PAUSED"),
        ("Running", "Paused", "RUNNING"),
        ("Running", "AwaitingInput", "INTERRUPTED"),
        ("Paused", "AwaitingInput", "INTERRUPTED"),
        ("Cancelled", "", "CANCELLING"),
        ("Cancelled", "Paused", "CANCELLING"),
        ("Cancelled", "Cancelling", "CANCELLING"),
        ("Cancelled", "Cancelled", "CANCELLED"),
        ("Cancelled", "Succeeded", "COMPLETED"),
        ("Paused", "Failed", "FAILED"),
    ],
)
def test_a_wish_shows_at_once_and_an_end_only_once_it_is_so(state: str, phase: str, status: str) -> None:
    assert status_of(run(state, phase)) == status


def test_an_awaiting_run_with_a_new_resume_counts_as_running() -> None:
    resumed = run("Running", "AwaitingInput", wanted_resume="b", resume={"id": "a", "attempt": 2})
    answered = run("Running", "AwaitingInput", wanted_resume="a", resume={"id": "a", "attempt": 2})

    assert status_of(resumed) == "RUNNING"
    assert status_of(answered) == "INTERRUPTED"


@pytest.mark.parametrize(
    ("phase", "status"), [("Paused", "PAUSED"), ("AwaitingInput", "INTERRUPTED"), ("Queued", "RUNNING")]
)
@pytest.mark.parametrize("reason", ["RevisionNotFound", "IncompatibleRevision", "JobSuspended"])
def test_a_run_that_is_held_shows_where_it_stands(phase: str, status: str, reason: str) -> None:
    held = run("Running", phase, wanted_resume="a", resume={"id": "a", "attempt": 2}, reason=reason)

    assert status_of(held) == status


def test_a_held_run_that_is_resumed_anew_counts_as_running() -> None:
    resumed = run("Running", "Paused", wanted_resume="b", resume={"id": "a"}, reason="IncompatibleRevision")

    assert status_of(resumed) == "RUNNING"


def test_a_run_on_its_way_out_is_being_cancelled() -> None:
    leaving = WorkflowRun.parse({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})

    assert status_of(leaving) == "CANCELLING"


@pytest.mark.parametrize(
    ("result", "attempt", "settling", "status"),
    [
        ("Succeeded", 1, True, "COMPLETED"),
        ("Failed", 1, True, "RUNNING"),  # a further attempt may be owed: the operator says
        ("Paused", 1, False, "RUNNING"),
        ("Succeeded", 2, False, "RUNNING"),  # of an attempt that is over
    ],
)
def test_a_reported_success_counts_before_the_phase_does(
    result: str, attempt: int, *, settling: bool, status: str
) -> None:
    found = run(phase="Running", attempt=attempt, runner={"attempt": 1, "outcome": {"result": result}})

    assert is_settling(found) is settling
    assert effective_status(found) == status


def test_a_run_carries_the_verbs_that_would_be_accepted() -> None:
    assert allowed(run("Running", "Running")) == [PAUSE, CANCEL]
    assert allowed(run("Paused", "Paused")) == [RESUME, CANCEL]
    assert allowed(run("Running", "Succeeded")) == [DELETE]
