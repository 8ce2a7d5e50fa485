"""What the benchmarks of the whole product make of their measurements."""

import argparse

import pytest
from benchmarks.choosing import choice
from benchmarks.cluster.figures import CANCEL, Budget, figures
from benchmarks.cluster.processes import Presence
from benchmarks.cluster.watching import TooSlow, Watched
from benchmarks.latency.cancelling import Cell_, Sample
from benchmarks.latency.phases import PHASES, is_claimed

from graphrun_devcluster.faults import PodProcess
from graphrun_devcluster.processes.identity import ProcessIdentity


def process(inner_pid: int) -> PodProcess:
    return PodProcess(ProcessIdentity(100 + inner_pid, 1), "c", inner_pid, ("x",))


def test_figures_are_values_that_were_measured() -> None:
    found = figures([float(number) for number in range(100, 0, -1)])

    assert found
    assert (found.count, found.p50, found.p99, found.most) == (100, 50.0, 99.0, 100.0)
    few = figures([3.0, 1.0])
    assert few
    assert (few.p50, few.p99) == (1.0, 3.0)
    assert figures([]) is None


def test_a_budget_tells_what_is_over_and_holds_at_its_limit() -> None:
    found = figures([1.0, 2.0])

    assert found
    assert Budget(1.0, 2.0, 2.0).verdict(found) == "held"
    assert Budget(0.5, 2.0, 1.5).verdict(found) == "over: p50 1.00 > 0.50, max 2.00 > 1.50"
    assert CANCEL.most == 1.0


def test_presence_tells_when_the_graph_and_when_everything_was_gone() -> None:
    presence = Presence()

    for now, inner in ((1.0, []), (2.0, [1]), (3.0, [1, 7]), (4.0, [1]), (5.0, [])):
        presence.take(now, [process(pid) for pid in inner])

    assert presence.graph_starts == [3.0]
    assert (presence.graph_gone, presence.all_gone) == (4.0, 5.0)


async def test_presence_waits_until_nothing_is_left() -> None:
    presence = Presence()
    presence.take(1.0, [process(1)])
    with pytest.raises(TimeoutError):
        await presence.until_empty(0.01)

    presence.take(2.0, [])

    await presence.until_empty(0.01)


def test_a_phase_is_judged_by_the_later_proof_and_lies_are_called_so() -> None:
    lie = Sample(0.1, 0.7, 0.2, claimed=True, lied=True)
    cell = Cell_(PHASES["sync"], [lie, Sample(0.2, 0.1, 0.3, claimed=True, lied=False)])

    title, cells = cell.row()

    assert title == "Running, sync node blocks"
    assert cells[:10] == [2, 0.1, 0.2, 0.2, 0.1, 0.7, 0.7, 0.2, 0.7, 0.7]
    assert cell.notes() == [
        "Running, sync node blocks: budget over: p50 0.20 > 0.15, p99 0.70 > 0.60",
        "Running, sync node blocks: 1 RAN ON AFTER BEING SHOWN AS CANCELLED",
    ]
    assert Cell_(PHASES["queued"]).row() == ("Queued", ["not there"])


def test_a_claim_of_an_earlier_attempt_is_none() -> None:
    claimed = {"claimTime": "t", "attempt": 1}

    assert is_claimed({"status": {"runner": claimed}})
    assert is_claimed({"status": {"attempt": 1, "runner": claimed}})
    assert not is_claimed({"status": {"attempt": 2, "runner": claimed}})
    assert not is_claimed({})


async def test_a_state_is_found_in_what_was_heard_before_and_after() -> None:
    watched = Watched("run")
    labels = {"graphrun.dev/run": "r"}
    for phase in ("Running", "Cancelled"):
        found = {"metadata": {"name": "p", "uid": "u", "labels": labels}, "status": {"phase": phase}}
        watched.take({"type": "MODIFIED", "object": found})

    first = await watched.until("p", lambda heard: heard.state["status"]["phase"] == "Running", 0.1)

    assert first == watched.states["p"][0].at
    assert watched.of_run["r"] == {"p": "u"}
    with pytest.raises(TooSlow, match=r"run p: not within 0 s; last seen .*Cancelled"):
        await watched.until("p", lambda heard: heard.gone, 0.01)


def test_options_are_chosen_in_the_order_of_the_program() -> None:
    parse = choice(("a", "b", "c"))

    assert parse("c,a") == ["a", "c"]
    with pytest.raises(argparse.ArgumentTypeError, match="'d' is none of a, b, c"):
        parse("d")
