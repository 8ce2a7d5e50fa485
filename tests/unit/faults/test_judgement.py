"""What judges the product under faults has to notice what is wrong."""

from typing import Any

import httpx
import pytest

from support.kube_access import KubeAccess
from support.marks import Marks
from support.races import Plan, Round, race
from support.witness import Witness


@pytest.fixture
def witness() -> Witness:
    return Witness(KubeAccess(httpx.AsyncClient(), "nowhere"))


def _run(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "r"}, "spec": {}, "status": status}


def _hit(**pods: list[str]) -> dict[str, Any]:
    return {"count": 1, "last": max(last for _, last in pods.values()), "pods": pods}


def test_a_terminal_phase_that_changes_is_complained_of(witness: Witness) -> None:
    witness.see_run("MODIFIED", _run(phase="Succeeded"))
    witness.see_run("MODIFIED", _run(phase="Cancelled"))

    assert ["Succeeded became Cancelled" in complaint for complaint in witness.complaints] == [True]


def test_an_attempt_that_falls_is_complained_of(witness: Witness) -> None:
    witness.see_run("MODIFIED", _run(phase="Running", attempt=2))
    witness.see_run("MODIFIED", _run(phase="Running", attempt=1))

    assert ["attempt fell from 2 to 1" in complaint for complaint in witness.complaints] == [True]


def test_a_name_that_is_given_again_begins_anew(witness: Witness) -> None:
    witness.see_run("MODIFIED", _run(phase="Succeeded", attempt=2))
    witness.see_run("DELETED", _run(phase="Succeeded", attempt=2))
    witness.see_run("ADDED", _run(phase="Starting"))

    assert witness.complaints == []


def test_two_pods_at_work_at_once_show_in_the_marks() -> None:
    apart = Marks({"1-0": _hit(a=["01", "02"]), "2-0": _hit(b=["03", "04"])})
    together = Marks({"1-0": _hit(a=["01", "03"]), "2-0": _hit(b=["02", "04"])})

    assert apart.overlaps() == []
    assert len(together.overlaps()) == 1


def test_a_round_that_was_begun_again_counts_once_however_wide_it_is() -> None:
    once = _hit(a=["01", "01"])
    twice = {**once, "count": 2}

    marks = Marks({"1-0": once, "2-0": twice, "2-1": twice, "3-0": twice, "end/2-0": twice, "pulse": twice})

    assert marks.repeats() == 2
    assert marks.counts == {"1-0": 1, "2-0": 2, "2-1": 2, "3-0": 2}


async def test_a_race_names_seed_and_round_of_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(this: Round) -> str:
        assert this.number != 7, "lost"
        return "won"

    with pytest.raises(AssertionError, match=r"(?s)1 of 3 rounds failed.*SEED=4.*round 7"):
        await race("example", Plan(rounds=3, seed=4, first=6), play)

    assert "race example: 3 rounds, seed 4" in capsys.readouterr().out


async def test_a_round_played_again_takes_the_same_chances() -> None:
    drawn: list[float] = []

    async def play(this: Round) -> str:
        drawn.append(this.chance.random())
        return "played"

    for _ in range(2):
        await race("example", Plan(rounds=1, seed=4, first=9), play)

    assert drawn[0] == drawn[1]
