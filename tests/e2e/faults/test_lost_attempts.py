"""One attempt loses its process, its pod, its Job or its resource: the run goes on, or ends, as its user was told."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from support.fault_world import World, world_of
from support.kube_access import JOBS, PODS, RUNS
from support.node_processes import ContainerProcess, frozen_processes, signal_all
from support.projects import Project
from support.waiting import eventually

pytestmark = pytest.mark.timeout(600)

Play = Callable[[World], Coroutine[Any, Any, None]]
SCENARIOS: list[Play] = []


def scenario(play: Play) -> Play:
    """One of what is tried at once."""
    SCENARIOS.append(play)
    return play


# How long a pause is watched to wait.
STILL_SECONDS = 4
GOES_ON: dict[str, Any] = {"rounds": 8, "wide": 2, "seconds": 0.3}


def _supervisor(process: ContainerProcess) -> bool:
    return process.is_supervisor


def _graph(process: ContainerProcess) -> bool:
    return process.is_graph_process


def _chosen(world: World, run: str, is_meant: Callable[[ContainerProcess], bool]) -> list[ContainerProcess]:
    found = [process for process in world.witness.processes(run) if is_meant(process)]
    assert found, f"{run} has no such process"
    return found


@scenario
async def a_killed_supervisor_costs_one_attempt_and_at_most_the_supersteps_under_way(world: World) -> None:
    await _killed(world, _supervisor)


@scenario
async def a_killed_graph_process_costs_one_attempt_and_at_most_the_supersteps_under_way(world: World) -> None:
    await _killed(world, _graph)


async def _killed(world: World, is_meant: Callable[[ContainerProcess], bool]) -> None:
    run = await world.launch(**GOES_ON)
    await world.until_marks(run, 6)

    signal_all(_chosen(world, run.name, is_meant), signal.SIGKILL)

    await world.ends(run, "Succeeded", crashes=1)
    assert world.witness.sights[run.name][-1].attempt == 2


@scenario
async def a_frozen_supervisor_only_delays_what_is_told(world: World) -> None:
    run = await world.launch(**GOES_ON)
    await world.until_marks(run, 2)

    with frozen_processes(_chosen(world, run.name, _supervisor)):
        await eventually(
            lambda: world.marks(run),
            lambda marks: set(marks.counts) == run.visits,
            what="the graph goes on by itself",
        )
        assert world.witness.phases(run.name)[-1] == "Running"
        assert await world.rest_status(run) == "RUNNING"

    await world.ends(run, "Succeeded")


@scenario
async def a_cancel_needs_no_answer_of_a_frozen_supervisor(world: World) -> None:
    run = await world.launch("sleeper")
    await world.until_pulse(run)

    with frozen_processes(_chosen(world, run.name, _supervisor)):
        await world.tell(run, "cancel", "kubectl")
        await world.ends(run, "Cancelled", seconds=60)


@scenario
async def a_pause_waits_for_a_frozen_graph_process(world: World) -> None:
    run = await world.launch(**GOES_ON)
    await world.until_marks(run, 2)

    with frozen_processes(_chosen(world, run.name, _graph)):
        await world.tell(run, "pause", "kubectl")
        await world.witness.until_phase(run.name, "Pausing")
        with pytest.raises(AssertionError, match="not within"):
            await world.witness.until_phase(run.name, "Paused", seconds=STILL_SECONDS)

    await world.pauses(run)
    await world.tell(run, "resume", "rest")
    await world.ends(run, "Succeeded")


@scenario
async def a_cancel_ends_a_frozen_graph_process(world: World) -> None:
    run = await world.launch("sleeper")
    await world.until_pulse(run)

    with frozen_processes(_chosen(world, run.name, _graph)):
        await world.tell(run, "cancel", "rest")
        await world.ends(run, "Cancelled", seconds=60)


@scenario
async def an_eviction_in_the_middle_of_a_superstep_repeats_nothing(world: World) -> None:
    run = await world.launch(rounds=4, wide=2, seconds=1.5)
    await world.until_marks(run, 3)
    [pod] = world.witness.pods_of(run.name)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name}}

    answer = await world.access.send("POST", f"{PODS}/{pod.name}/eviction", body)

    assert answer.is_success, answer.text
    await world.ends(run, "Succeeded")
    last = world.witness.sights[run.name][-1]
    assert last.attempt == 2
    assert last.status.get("failures", 0) == 0, "an eviction is not the run's failure"


@scenario
async def a_deleted_pod_drains_and_the_next_goes_on(world: World) -> None:
    run = await world.launch(**GOES_ON)
    await world.until_marks(run, 4)
    [pod] = world.witness.pods_of(run.name)

    await world.access.delete(PODS, pod.name)

    await world.ends(run, "Succeeded")
    assert world.witness.sights[run.name][-1].attempt == 2


@scenario
async def a_pod_deleted_before_its_claim_is_replaced(world: World) -> None:
    run = await world.launch(rounds=2)
    pod = await world.witness.until_pod(run.name)

    await world.access.delete(PODS, pod.name, gracePeriodSeconds=0)

    await world.ends(run, "Succeeded", crashes=1)


@scenario
async def a_deleted_job_is_followed_by_the_next_attempt(world: World) -> None:
    run = await world.launch(**GOES_ON)
    await world.until_marks(run, 4)

    await world.access.delete(JOBS, f"{run.name}-1")

    await world.ends(run, "Succeeded")
    assert world.witness.sights[run.name][-1].attempt == 2


@scenario
async def a_run_deleted_at_work_leaves_nothing(world: World) -> None:
    run = await world.launch("sleeper")
    await world.until_pulse(run)

    await world.access.delete(RUNS, run.name)

    await world.nothing_left(run)
    last = (await world.marks(run)).last
    assert await world.access.get(JOBS, f"{run.name}-1") is None
    assert (await world.marks(run)).last == last, "it works on"
    await eventually(
        lambda: world.rest_status(run), lambda word: word == "CANCELLED", what="history tells how it ended"
    )


@scenario
async def a_clock_hours_off_does_not_change_the_order_of_checkpoints(world: World) -> None:
    run = await world.launch("skewed", rounds=9, wide=1, seconds=0.3)
    for least in (3, 6):
        await world.until_marks(run, least)
        await world.tell(run, "pause", "kubectl")
        await world.pauses(run)
        await world.tell(run, "resume", "kubectl")
    await world.ends(run, "Succeeded")

    assert world.witness.sights[run.name][-1].attempt == 3


@scenario
async def an_answer_outlives_the_process_that_was_given_it(world: World) -> None:
    run = await world.launch("asking", rounds=2, wide=1, seconds=1.0)
    await world.witness.until_phase(run.name, "AwaitingInput")
    await world.nothing_left(run)
    assert await world.rest_status(run) == "INTERRUPTED"
    body = {"value": "yes"}
    answer = await world.client.rest.send("POST", f"/workflows/runs/{run.name}/resume", json=body)
    assert answer.status_code == 202, answer.text
    await world.until_marks(run, 2)

    signal_all(_chosen(world, run.name, _graph), signal.SIGKILL)

    await world.ends(run, "Succeeded", crashes=1)
    assert (await world.client.rest.output(run.name))["answer"] == "yes"


# --- all of them at once: what one of them breaks is its own
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def underway(fault_project: Project) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    """Every scenario, begun."""
    async with world_of(fault_project) as world:
        tasks = {play.__name__: asyncio.create_task(play(world)) for play in SCENARIOS}
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [play.__name__ for play in SCENARIOS])
async def test_of_a_run_that_loses_its_attempt(underway: dict[str, asyncio.Task[None]], name: str) -> None:
    await underway[name]
