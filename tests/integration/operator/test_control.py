"""Pause, resume and cancel over the real API server, in every phase of a run."""

import pytest

from support.nodeless import Json, Nodeless
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
async def running(cluster: Nodeless) -> Json:
    await cluster.create_workflow()
    await cluster.create_run()
    return await cluster.started("run")


async def annotated(cluster: Nodeless, pod: Json, state: str) -> None:
    async def look() -> str:
        found = await cluster.call("GET", cluster.url("pods", pod["metadata"]["name"]))
        text: str = found["metadata"]["annotations"]["graphrun.dev/desired-state"]
        return text

    await eventually(look, lambda seen: seen == state, seconds=10, what=f"desired-state {state}")


async def test_a_pause_is_told_to_the_pod_and_shown_once_it_has_drained(
    cluster: Nodeless, running: Json
) -> None:
    await cluster.ask("run", state="Paused")
    await cluster.phase("run", "Pausing")
    await annotated(cluster, running, "Paused")
    await cluster.report("run", "Paused", 80)
    status = await cluster.phase("run", "Paused")
    assert status["reason"] == "PauseCompleted"
    assert status["pausedTime"]


async def test_a_resume_opens_the_next_attempt(cluster: Nodeless, running: Json) -> None:
    await cluster.ask("run", state="Paused")
    await cluster.phase("run", "Pausing")
    await cluster.report("run", "Paused", 80)
    await cluster.exit(running, 80)
    await cluster.phase("run", "Paused")
    await cluster.ask("run", state="Running", resume={"id": "r1"})
    await cluster.started("run", 2)
    status = (await cluster.run("run"))["status"]
    assert (status["attempt"], status["jobName"]) == (2, "run-2")
    assert status["resume"] == {"id": "r1", "attempt": 2}
    assert "pausedTime" not in status
    assert status["activeSeconds"] > 0


async def test_a_pause_taken_back_is_taken_back_at_the_pod(cluster: Nodeless, running: Json) -> None:
    await cluster.ask("run", state="Paused")
    await cluster.phase("run", "Pausing")
    await cluster.ask("run", state="Running")
    await cluster.phase("run", "Running")
    await annotated(cluster, running, "Running")


async def test_a_run_paused_before_its_claim_is_paused_at_once(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    await cluster.pod("run", on_node=False)
    await cluster.ask("run", state="Paused")
    await cluster.phase("run", "Paused")

    async def jobs() -> list[Json]:
        return await cluster.listed("jobs") + await cluster.listed("pods")

    await eventually(jobs, lambda left: not left, seconds=15, what="the unclaimed Job gone")
    await cluster.ask("run", state="Running")
    await cluster.started("run", 2)


async def test_an_awaiting_run_goes_on_by_a_new_resume_id_alone(cluster: Nodeless, running: Json) -> None:
    await cluster.report("run", "AwaitingInput", 80, interrupts=[{"id": "i", "node": "ask", "value": "?"}])
    await cluster.exit(running, 80)
    status = await cluster.phase("run", "AwaitingInput")
    assert status["reason"] == "InputRequested"
    await cluster.ask("run", resume={"id": "answer-1", "value": "yes"})
    await cluster.started("run", 2)


async def test_a_cancel_stops_the_pod_within_two_seconds_of_grace_and_waits_for_proof(
    cluster: Nodeless, running: Json
) -> None:
    await cluster.ask("run", state="Cancelled")
    deleted = await cluster.deletion_of(running)
    assert deleted
    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 2
    await cluster.phase("run", "Cancelling")
    jobs = await cluster.listed("jobs")
    assert jobs[0]["spec"]["suspend"] is True
    await cluster.report("run", None)
    status = await cluster.phase("run", "Cancelled")
    assert status["completionTime"]
    await cluster.gone(running)


async def test_a_terminated_container_is_proof_of_a_cancel_without_a_report(
    cluster: Nodeless, running: Json
) -> None:
    await cluster.ask("run", state="Cancelled")
    await cluster.phase("run", "Cancelling")
    await cluster.exit(running, 137)
    await cluster.phase("run", "Cancelled")
    await cluster.gone(running)


async def test_an_unclaimed_run_is_cancelled_at_once(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    await cluster.pod("run", on_node=False)
    await cluster.ask("run", state="Cancelled")
    await cluster.phase("run", "Cancelled", seconds=2)

    async def jobs() -> list[Json]:
        return await cluster.listed("jobs") + await cluster.listed("pods")

    await eventually(jobs, lambda left: not left, seconds=15, what="the unclaimed Job gone")


@pytest.mark.parametrize("state", ["Pending", "Paused"])
async def test_a_run_that_waits_is_cancelled_at_once(cluster: Nodeless, state: str) -> None:
    await cluster.create_workflow()
    await cluster.create_run(state="Pending" if state == "Pending" else "Running")
    if state == "Paused":
        await cluster.started("run")
        await cluster.ask("run", state="Paused")
        await cluster.phase("run", "Pausing")
        await cluster.report("run", "Paused", 80)
    await cluster.phase("run", state)
    await cluster.ask("run", state="Cancelled")
    await cluster.phase("run", "Cancelled", seconds=2)


async def test_a_success_reported_before_the_cancel_was_carried_out_wins(
    cluster: Nodeless, running: Json
) -> None:
    await cluster.ask("run", state="Cancelled")
    await cluster.phase("run", "Cancelling")
    await cluster.report("run", "Succeeded")
    await cluster.phase("run", "Succeeded")
    await cluster.gone(running)
