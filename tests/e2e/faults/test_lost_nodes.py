"""Nodes that freeze and come back, and nodes that lose their power, with runs on them that are to go on, to wait, to end.

One outage for all of them, since each takes as long as a node's silence must last before anything is concluded from it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from graphrun_devcluster import stack
from graphrun_devcluster.faults import Faults
from graphrun_devcluster.stack.installing import cluster_name
from support.fault_world import Run, World
from support.kube_access import PODS
from support.projects import Project
from support.waiting import eventually

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("root", "three_nodes")]

STAYS, FREEZES, DIES = "node0", "node1", "node2"
NODES = "/api/v1/nodes"
# A pod's grace of 1 s, the 60 s in which a node may still speak up, and what a busy machine takes on top.
CONCLUDED_SECONDS = 100
# A zombie sees that it has lost its claim within 15 s of waking up.
ZOMBIE_SECONDS = 30
WAITS = {"retries": {"onNodeLost": "Wait"}}


@pytest.fixture(scope="module")
def three_nodes(fault_project: Project) -> Iterator[None]:
    """The cluster with a node to freeze and a node to kill; afterwards as it was. The counter is on the first."""
    assert fault_project
    stack.up(nodes=3)
    try:
        yield
    finally:
        stack.up(nodes=1)


@pytest.fixture
def faults() -> Iterator[Faults]:
    made = Faults(cluster_name())
    yield made
    stack.up()


async def test_a_lost_node_is_waited_for_or_replaced_and_its_zombie_never_wins(
    world: World, faults: Faults
) -> None:
    async with _only(world, FREEZES):
        zombie = await world.launch(rounds=60, wide=1, seconds=1.0)
        waits = await world.launch(rounds=20, wide=1, seconds=1.0, spec=WAITS)
        cancelled = await world.launch("sleeper")
        await asyncio.gather(
            world.until_marks(zombie, 2), world.until_marks(waits, 2), world.until_pulse(cancelled)
        )
    async with _only(world, DIES):
        replaced = await world.launch(rounds=20, wide=1, seconds=0.5)
        returns = await world.launch(rounds=20, wide=1, seconds=0.5, spec=WAITS)
        await asyncio.gather(world.until_marks(replaced, 2), world.until_marks(returns, 2))
    # That its first attempt is still there, frozen, while the second works is what onNodeLost: Restart accepts.
    world.witness.excused.add(zombie.name)

    async with _only(world, STAYS):
        await asyncio.to_thread(faults.freeze_node, FREEZES)
        await asyncio.to_thread(faults.kill_node, DIES)
        await world.tell(cancelled, "cancel", "kubectl")
        for run in (zombie, waits, replaced, returns):
            # As the cluster does it after five minutes: its pod is asked to go, and nobody answers.
            await world.access.delete(PODS, world.witness.pods_of(run.name)[0].name, gracePeriodSeconds=1)
        for run in (zombie, replaced):
            await world.until_marks_of_attempt(run, 2, seconds=CONCLUDED_SECONDS)
        for run, phase in ((waits, "Running"), (returns, "Running"), (cancelled, "Cancelling")):
            await _is_lost(world, run, phase)
        assert await world.rest_status(cancelled) == "CANCELLING"

        await asyncio.to_thread(faults.thaw_node, FREEZES)
        await asyncio.to_thread(faults.revive_node, DIES)
        await _zombie_ends(world, zombie)
        await asyncio.gather(
            world.ends(cancelled, "Cancelled"),
            world.ends(waits, "Succeeded", seconds=120),
            world.ends(zombie, "Succeeded", crashes=1, seconds=180),
            world.ends(replaced, "Succeeded", crashes=1, seconds=120),
            world.ends(returns, "Succeeded", crashes=1, seconds=120),
        )


async def _is_lost(world: World, run: Run, phase: str) -> None:
    sight = await world.witness.until(
        run.name,
        lambda seen: seen.status.get("reason") == "NodeLost",
        seconds=CONCLUDED_SECONDS,
        what="its node is called lost",
    )
    assert (sight.phase, sight.attempt) == (phase, 1), world.witness.story(run.name)


async def _zombie_ends(world: World, run: Run) -> None:
    async def left() -> list[str]:
        return [process.command for process in world.witness.processes(run.name, attempt=1)]

    await eventually(left, lambda found: not found, seconds=ZOMBIE_SECONDS, what="the zombie has ended")
    assert world.witness.phases(run.name)[-1] == "Running", "its end says nothing of the run"


@asynccontextmanager
async def _only(world: World, node: str) -> AsyncIterator[None]:
    """New pods go to one node."""
    others = [name for name in (STAYS, FREEZES, DIES) if name != node]
    for name in others:
        await world.access.change(NODES, name, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        for name in others:
            await world.access.restore(NODES, name, {"spec": {"unschedulable": False}})
