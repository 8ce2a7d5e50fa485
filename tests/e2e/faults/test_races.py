"""Two things happen to a run at about the same time: the first end wins, everybody sees the same, and nothing is left.

GRAPHRUN_FAULT_ROUNDS and GRAPHRUN_FAULT_SEED say how much (`make faults`); a line for each race says what came of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.fault_world import NO_ANSWER, Run, World
from support.kube_access import JOBS, RUNS
from support.races import Plan, Round, race
from support.waiting import eventually

ROUNDS = 6
SHORT: dict[str, Any] = {"rounds": 2, "wide": 1, "seconds": 0.1}
LONG: dict[str, Any] = {"rounds": 60, "wide": 1, "seconds": 0.1}
# From its first mark a SHORT run takes about this long to be shown as Succeeded.
SHORT_TAKES = 0.7
ACCEPTED = (200, 202)
# Answers of a verb that came too late, by REST and by the resource's own rules.
TOO_LATE = (400, 409, 422)
FRAME_SECONDS = 0.02
FIRST_SECONDS = 3.0

pytestmark = pytest.mark.timeout(7200)


@pytest.fixture
def plan() -> Plan:
    return Plan.from_environment(ROUNDS)


async def test_cancel_against_success(world: World, plan: Plan) -> None:
    async def play(this: Round) -> str:
        run = await world.launch(way=this.way(), **SHORT)
        await world.until_marks(run, 1)
        await this.pause(SHORT_TAKES)
        answer = await world.tell(run, "cancel", way := this.way())
        phase = await world.ends(run, "Succeeded", "Cancelled")
        if way == "rest":
            assert answer in (ACCEPTED if phase == "Cancelled" else (*ACCEPTED, *TOO_LATE)), answer
        _outcome_stands(world, run, phase)
        return phase

    await race("cancel against success", plan, play)


async def test_pause_against_success(world: World, plan: Plan) -> None:
    async def play(this: Round) -> str:
        run = await world.launch(way=this.way(), **SHORT)
        await world.until_marks(run, 1)
        await this.pause(SHORT_TAKES)
        await world.tell(run, "pause", this.way())
        sight = await world.witness.until_phase(run.name, "Succeeded", "Paused")
        if sight.phase == "Paused":
            await world.pauses(run)
            assert await world.tell(run, "resume", this.way()) in ACCEPTED
        await world.ends(run, "Succeeded")
        return sight.phase

    await race("pause against success", plan, play)


async def test_pause_against_cancel(world: World, plan: Plan) -> None:
    async def play(this: Round) -> str:
        run = await world.launch(way=this.way(), **LONG)
        if this.chance.random() < 0.5:  # else at any moment of its start
            await world.until_marks(run, 1)
        answers = await asyncio.gather(
            _soon(world, run, "pause", this, 0.6), _soon(world, run, "cancel", this, 0.6)
        )
        assert answers[1] in ACCEPTED, answers
        await world.ends(run, "Cancelled")
        return "paused first" if "Paused" in world.witness.phases(run.name) else "cancelled first"

    await race("pause against cancel", plan, play)


async def test_resume_against_cancel(world: World, plan: Plan) -> None:
    async def play(this: Round) -> str:
        run = await world.launch(way=this.way(), **LONG)
        await world.until_marks(run, 1)
        await world.tell(run, "pause", this.way())
        await world.pauses(run)
        # A resume is followed by a start of 1.5 s and more, so that the cancel meets it anywhere on its way.
        resumed, cancelled = await asyncio.gather(
            _soon(world, run, "resume", this, 0.3), _soon(world, run, "cancel", this, 4.0)
        )
        assert cancelled in ACCEPTED, cancelled
        assert resumed in (*ACCEPTED, *TOO_LATE), resumed
        await world.ends(run, "Cancelled")
        pods = (await world.marks(run)).pods
        return f"worked in {len(pods)} pods"

    await race("resume against cancel", plan, play)


async def test_cancel_at_every_moment_of_a_pods_first_seconds(world: World, plan: Plan) -> None:
    moments = round(FIRST_SECONDS / FRAME_SECONDS)
    seconds: list[float] = []

    async def play(this: Round) -> str:
        # Every 20 ms once in 150 rounds, in an order that spreads few rounds over the whole time.
        offset = (this.number * 67 + plan.seed) % moments * FRAME_SECONDS
        run = await world.launch("sleeper", way=this.way())
        pod = await world.witness.until_pod(run.name)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(pod.seen_at + offset - loop.time(), 0))
        asked = loop.time()
        answer = await world.tell(run, "cancel", this.way())
        assert answer in ACCEPTED, answer
        sight = await world.witness.until_phase(run.name, "Cancelled", seconds=60)
        seconds.append(sight.at - asked)
        await world.ends(run, "Cancelled")
        worked = (await world.marks(run)).hits
        assert sight.claimed or not worked, "an attempt that was never claimed has worked"
        return "at work" if worked else "claimed" if sight.claimed else "unclaimed"

    # Two at a time: what is timed here is one pod's start, not the crowd's.
    await race("cancel in a pod's first 3 s", plan, play, at_once=2)
    taken = sorted(seconds)
    print(  # noqa: T201 - the result
        f"cancel asked → Cancelled shown, nothing left: median {taken[len(taken) // 2]:.2f} s, longest {taken[-1]:.2f} s"
    )


async def test_delete_against_everything(world: World, plan: Plan) -> None:
    async def play(this: Round) -> str:
        name, stage = list(STAGES.items())[this.number % len(STAGES)]
        run = await stage(world, this)
        await this.pause(0.5)
        answer = await world.tell(run, "delete", this.way())
        if answer not in (200, 202, 204):
            # REST cancels first, and says 409 where that takes longer than it waits.
            assert answer in (409, 404), answer
            await world.tell(run, "delete", "kubectl")
        await _is_gone(world, run)
        return name

    await race("delete against everything", plan, play)


async def _soon(world: World, run: Run, verb: str, this: Round, at_most: float) -> int:
    await this.pause(at_most)
    return await world.tell(run, verb, this.way())


def _outcome_stands(world: World, run: Run, phase: str) -> None:
    """What the runner reported is what is shown (rule 5)."""
    outcome = world.witness.sights[run.name][-1].status.get("runner", {}).get("outcome") or {}
    assert outcome.get("result", phase) in (phase, "Interrupted", "Paused"), world.witness.story(run.name)


async def _is_gone(world: World, run: Run) -> None:
    await world.nothing_left(run)

    async def left() -> list[object]:
        jobs = await world.access.items(JOBS, f"graphrun.dev/run={run.name}")
        return [await world.access.get(RUNS, run.name), *(job["metadata"]["name"] for job in jobs)]

    await eventually(
        left, lambda found: found == [None], seconds=60, what=f"{run.name} is gone with its Jobs"
    )
    marks = await world.marks(run)
    world.done_as_often_as_allowed(run, marks)
    final = ("CANCELLED", "COMPLETED")
    await eventually(
        lambda: world.rest_status(run),
        lambda word: word in final,
        seconds=60,
        what=f"history ends {run.name}",
    )
    assert (await world.marks(run)).last == marks.last, f"{run.name} works on although it is gone"


# --- where a run is when it is deleted
async def _pending(world: World, _: Round) -> Run:
    return await world.launch(spec={"state": "Pending"}, **LONG)


async def _starting(world: World, this: Round) -> Run:
    run = await world.launch(way=this.way(), **LONG)
    if this.chance.random() < 0.5:
        await world.witness.until_pod(run.name)
    return run


async def _running(world: World, this: Round) -> Run:
    run = await world.launch(way=this.way(), **LONG)
    await world.until_marks(run, 1)
    return run


async def _pausing(world: World, this: Round) -> Run:
    run = await _running(world, this)
    assert await world.tell(run, "pause", "kubectl") != NO_ANSWER
    return run


async def _paused(world: World, this: Round) -> Run:
    run = await _pausing(world, this)
    await world.pauses(run)
    return run


async def _resuming(world: World, this: Round) -> Run:
    run = await _paused(world, this)
    await world.tell(run, "resume", this.way())
    await this.pause(1.5)
    return run


async def _cancelling(world: World, this: Round) -> Run:
    run = await _running(world, this)
    await world.tell(run, "cancel", "kubectl")
    return run


async def _finishing(world: World, this: Round) -> Run:
    run = await world.launch(way=this.way(), **SHORT)
    await world.until_marks(run, 1)
    await this.pause(SHORT_TAKES / 2)
    return run


STAGES: dict[str, Callable[[World, Round], Awaitable[Run]]] = {
    "pending": _pending,
    "starting": _starting,
    "running": _running,
    "pausing": _pausing,
    "paused": _paused,
    "resuming": _resuming,
    "cancelling": _cancelling,
    "finishing": _finishing,
}
