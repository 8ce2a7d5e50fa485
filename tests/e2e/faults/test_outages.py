"""A part is away for a while, killed or frozen, with runs in every phase. Nothing false is shown, nothing is lost.

GRAPHRUN_OUTAGE_SECONDS says how long (and asks for both). What is shown meanwhile is judged by the witness, at every change.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from support.apiserver_outage import apiserver_frozen, apiserver_killed
from support.fault_world import NO_ANSWER, Run, World
from support.fleet import Fleet
from support.parts import Part, cut_off, frozen, killed, leader, scaled_away, several
from support.waiting import eventually
from support.witness import PATIENCE, TERMINAL

pytestmark = pytest.mark.timeout(600)

Breaking = Callable[[Part], AbstractAsyncContextManager[None]]
OK = 200
AWAY = 503
PROCESSES_GONE_SECONDS = 10


def _kinds(short: object, full: object) -> list[object]:
    """How a part is broken: one way in the short version, both in the full one."""
    return [short, full] if os.environ.get("GRAPHRUN_OUTAGE_SECONDS") else [short]


# --- the operator
@pytest.mark.parametrize("breaking", _kinds(frozen, scaled_away))
async def test_without_an_operator_pause_and_cancel_act_and_nothing_is_claimed_of_them(
    world: World, outage_seconds: float, breaking: Breaking
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    async with breaking(world.parts.operator):
        until = _in(outage_seconds)
        before = await world.marks(fleet.running)
        await fleet.start_one("kubectl")
        _taken(await fleet.set_off("rest"))
        await _no_graph_process(world, fleet.cancelling.name)
        await _no_graph_process(world, fleet.pausing.name)
        shown = [await world.rest_status(run) for run in (fleet.cancelling, fleet.pausing)]
        assert shown == ["CANCELLING", "PAUSING"], "only the operator says how it ended"
        await _pass(until)
        assert len((await world.marks(fleet.running)).counts) > len(before.counts), "runs go on"
    await fleet.arrive()


@pytest.mark.parametrize("breaking", _kinds(killed, frozen))
async def test_the_leading_operator_lost_at_any_moment_changes_no_end(
    world: World, outage_seconds: float, breaking: Any
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    async with breaking(world.parts.operator, await leader(world.parts.operator)):
        until = _in(outage_seconds)
        await fleet.start_one("rest")
        await fleet.set_off("kubectl")
        await _no_graph_process(world, fleet.cancelling.name)
        await _pass(until)
    await fleet.arrive()


# --- the API
@pytest.mark.parametrize("breaking", _kinds(scaled_away, frozen))
async def test_without_an_api_kubectl_pauses_and_cancels_and_new_attempts_wait(
    world: World, outage_seconds: float, breaking: Breaking
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    async with breaking(world.parts.api):
        until = _in(outage_seconds)
        before = await world.marks(fleet.running)
        await fleet.start_one("kubectl")
        _taken(await fleet.set_off("kubectl"))
        await world.witness.until_phase(fleet.cancelling.name, "Cancelled", seconds=60)
        await world.nothing_left(fleet.cancelling)
        await _pass(until)
        assert len((await world.marks(fleet.running)).counts) > len(before.counts), "runs go on"
        assert not (await world.marks(fleet.starting[0])).hits, "nothing runs without a claim"
    await fleet.arrive()


@pytest.mark.parametrize("breaking", _kinds(frozen, killed))
async def test_of_two_api_replicas_one_is_enough(world: World, outage_seconds: float, breaking: Any) -> None:
    async with several(world.parts.api, 2):
        fleet = await Fleet.ready(world, outage_seconds)
        lost = (await world.parts.api.servers())[:1]
        async with breaking(world.parts.api, lost):
            until = _in(outage_seconds)
            await fleet.start_one("kubectl")
            await fleet.set_off("kubectl")
            await world.witness.until_phase(fleet.cancelling.name, "Cancelled", seconds=60)
            await _pass(until)
        await fleet.arrive()


# --- Postgres
@pytest.mark.parametrize("breaking", _kinds(frozen, cut_off))
async def test_without_postgres_everything_but_the_history_goes_on(
    world: World, outage_seconds: float, breaking: Breaking
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    async with breaking(world.parts.postgres):
        until = _in(outage_seconds)
        await fleet.start_one("rest")
        _taken(await fleet.set_off("rest"))
        await world.witness.until_phase(fleet.cancelling.name, "Cancelled", seconds=60)
        await world.witness.until_phase(fleet.pausing.name, "Paused", seconds=60)
        await world.until_marks(fleet.starting[0], 1)
        status = await world.client.rest.status(fleet.running.name)
        assert status["degraded"] == ["history"]
        assert status["status"] == "RUNNING"
        assert (await world.client.rest.send("GET", "/workflows/runs")).status_code == AWAY
        await _pass(until)
    await fleet.arrive()


# --- object storage
@pytest.mark.parametrize("breaking", _kinds(cut_off, frozen))
async def test_without_storage_no_run_goes_past_what_is_stored(
    world: World, outage_seconds: float, breaking: Breaking
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    async with breaking(world.parts.storage):
        until = _in(outage_seconds)
        before = await world.marks(fleet.running)
        await fleet.start_one("kubectl")
        await fleet.set_off("kubectl")
        await world.witness.until_phase(fleet.cancelling.name, "Cancelled", seconds=60)
        await world.witness.until_phase(fleet.pausing.name, "Pausing", seconds=60)
        await _pass(until)
        last = world.witness.last(fleet.pausing.name)
        assert last is not None
        assert last.phase == "Pausing", "its checkpoint cannot be stored yet"
        begun = len((await world.marks(fleet.running)).counts) - len(before.counts)
        # The next superstep may begin while the one before it is being stored; this graph does its visits in every second.
        assert begun <= fleet.running.wide, f"{begun} visits began without a stored predecessor"
    await fleet.arrive()


# --- the cluster's API server
@pytest.mark.parametrize("breaking", _kinds(apiserver_killed, apiserver_frozen))
async def test_without_the_api_server_runs_go_on_and_rest_says_to_come_back(
    world: World, outage_seconds: float, breaking: Any
) -> None:
    fleet = await Fleet.ready(world, outage_seconds)
    await fleet.start_one("kubectl")
    await fleet.set_off("kubectl")
    async with breaking(world.access):
        until = _in(outage_seconds)
        before = await world.marks(fleet.running)
        path = f"/workflows/runs/{fleet.running.name}"
        read = await world.client.rest.send("GET", f"{path}/status")
        # Read by whoever's right was confirmed within the last seconds.
        assert read.status_code == AWAY or read.json()["status"] == "RUNNING"
        refused = await world.client.rest.send("POST", f"{path}/pause")
        assert refused.status_code == AWAY
        assert refused.headers["retry-after"]
        await _pass(until)
        assert len((await world.marks(fleet.running)).counts) > len(before.counts), "runs go on"
    await _again(world, fleet)
    await asyncio.gather(fleet.arrive(), _resumed_if_paused(world, fleet.running))


def _taken(answers: dict[str, int]) -> None:
    assert set(answers.values()) <= {200, 202}, answers


async def _again(world: World, fleet: Fleet) -> None:
    """What was asked for when the server went may not have reached it: people ask again."""
    for run, verb in ((fleet.pausing, "pause"), (fleet.cancelling, "cancel")):
        assert await world.tell(run, verb, "kubectl") != NO_ANSWER


async def _resumed_if_paused(world: World, run: Run) -> None:
    """A server that was frozen finds the pause that nobody waited for in its socket: the 503 said that it might."""
    sight = await world.witness.until_phase(run.name, "Paused", *TERMINAL, seconds=PATIENCE)
    if sight.phase == "Paused":
        assert await world.tell(run, "resume", "kubectl") == OK


async def _no_graph_process(world: World, run: str) -> None:
    async def left() -> list[str]:
        return [process.command for process in world.witness.processes(run) if process.inner_pid != 1]

    await eventually(
        left,
        lambda found: not found,
        seconds=PROCESSES_GONE_SECONDS,
        what=f"no graph process of {run} is left",
    )


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def _pass(until: float) -> None:
    """Let the outage last."""
    await asyncio.sleep(max(until - asyncio.get_running_loop().time(), 0))
