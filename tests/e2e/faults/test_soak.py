"""Thirty runs at once, each told and hit at random, for as long as GRAPHRUN_SOAK_MINUTES says (one, in the short version).

Each run carries a small model: what was done to it, and thus how it may end and how often its nodes may have worked.
"""

import os
import signal
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.fault_world import Run, World
from support.kube_access import PODS
from support.node_processes import ContainerProcess, resident_bytes, signal_all
from support.parts import Part
from support.races import Plan, Round, race

AT_ONCE = 30
# What thirty runs at once make in a minute on two cores, generously: the plan is cut by time, not by this.
ROUNDS_A_MINUTE = 200
MEBIBYTE = 1 << 20
# A leak shows as growth with every run; what caches take once does not.
GROWTH = 1.5
GROWTH_BYTES = 64 * MEBIBYTE

pytestmark = pytest.mark.timeout(7200)


@dataclass
class Model:
    """What was done to one run."""

    run: Run
    crashes: int = 0
    cancelled: bool = False
    paused: bool = False

    @property
    def ends(self) -> tuple[str, ...]:
        """The phases that it may end in."""
        return ("Succeeded", "Cancelled") if self.cancelled else ("Succeeded",)


Deed = Callable[[World, Model, Round], Awaitable[None]]


async def test_every_run_of_a_soak_ends_as_its_model_says(world: World) -> None:
    minutes = float(os.environ.get("GRAPHRUN_SOAK_MINUTES") or 1)
    until = time.monotonic() + minutes * 60
    deeds: Tally[str] = Tally()
    before = await _memory(world)

    async def play(this: Round) -> str:
        if time.monotonic() > until:
            return "not begun"
        model = await _one_run(world, this, deeds)
        return await world.ends(model.run, *model.ends, crashes=model.crashes, seconds=240)

    plan = Plan.from_environment(0)
    rounds = round(minutes * ROUNDS_A_MINUTE)
    await race(f"soak of {minutes:g} min", Plan(rounds, plan.seed, plan.first), play, at_once=AT_ONCE)

    after = await _memory(world)
    print(f"deeds: {dict(sorted(deeds.items()))}")  # noqa: T201 - the result
    for part, held in after.items():
        print(f"memory of {part}: {before[part] // MEBIBYTE} → {held // MEBIBYTE} MiB")  # noqa: T201 - the result
        assert held < before[part] * GROWTH + GROWTH_BYTES, f"{part} grows"


async def _one_run(world: World, this: Round, deeds: Tally[str]) -> Model:
    """A run of random size, and up to four deeds at random moments of its life; at the end it is wanted to go on."""
    size: dict[str, Any] = {
        "rounds": this.chance.randint(2, 8),
        "wide": this.chance.randint(1, 3),
        "seconds": round(this.chance.uniform(0.05, 0.6), 2),
    }
    model = Model(await world.launch(way=this.way(), **size))
    for _ in range(this.chance.randint(0, 4)):
        await this.pause(3)
        name = this.chance.choice(list(DEEDS))
        deeds[name] += 1
        await DEEDS[name](world, model, this)
        if model.cancelled:
            break
    if model.paused and not model.cancelled:
        await _resume(world, model, this)
    return model


async def _pause(world: World, model: Model, this: Round) -> None:
    answer = await world.tell(model.run, "pause", this.way())
    model.paused = model.paused or answer in (200, 202)


async def _resume(world: World, model: Model, this: Round) -> None:
    """Until it is taken: a resume over REST of what is still pausing is refused, and people ask again."""
    if not model.paused:
        return
    model.paused = False
    await world.witness.until_phase(model.run.name, "Paused", "Succeeded", "Failed", "Cancelled", seconds=120)
    answer = await world.tell(model.run, "resume", this.way())
    assert answer in (200, 202, 400, 409), answer


async def _cancel(world: World, model: Model, this: Round) -> None:
    await world.tell(model.run, "cancel", this.way())
    model.cancelled = True


async def _delete_pod(world: World, model: Model, this: Round) -> None:
    pods = world.witness.pods_of(model.run.name)
    if not pods:
        return
    gone = this.chance.random() < 0.5
    answer = await world.access.delete(PODS, pods[-1].name, **({"gracePeriodSeconds": 0} if gone else {}))
    if answer.status_code != httpx.codes.NOT_FOUND and gone:
        model.crashes += 1


async def _kill_supervisor(world: World, model: Model, _: Round) -> None:
    _kill(world, model, lambda process: process.is_supervisor)


async def _kill_graph_process(world: World, model: Model, _: Round) -> None:
    _kill(world, model, lambda process: process.is_graph_process)


def _kill(world: World, model: Model, is_meant: Callable[[ContainerProcess], bool]) -> None:
    victims = [process for process in world.witness.processes(model.run.name) if is_meant(process)]
    signal_all(victims, signal.SIGKILL)
    model.crashes += len(victims)


DEEDS: dict[str, Deed] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "delete pod": _delete_pod,
    "kill supervisor": _kill_supervisor,
    "kill graph process": _kill_graph_process,
}


async def _memory(world: World) -> dict[str, int]:
    async def of(part: Part) -> int:
        return max(resident_bytes(process) for process in await part.servers())

    return {part.name: await of(part) for part in (world.parts.operator, world.parts.api)}
