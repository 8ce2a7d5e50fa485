"""The same life by kubectl alone, with the same results."""

import asyncio

from support.client import Client

ROUNDS = {"rounds": 12, "wide": 2, "seconds": 0.3}


async def test_a_run_is_created_paused_and_resumed_by_kubectl(client: Client) -> None:
    run = await client.apply_run("rounds", {**ROUNDS, "key": "kubectl"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.has("node_completed", 1), 60, "a node is done")
        await client.kubectl.patch_run(run, {"state": "Paused"})
        paused = await client.until_phase(run, "Paused")
        await client.until_nothing_runs(run)
        await client.kubectl.patch_run(run, {"state": "Running"})
        done = await client.until_phase(run, "Succeeded", seconds=90)
        await watcher.until(lambda: watcher.view.word == "completed", 10, "the socket tells of it")

    assert paused["runner"]["checkpoint"]["id"]
    assert done["attempt"] == 2
    assert {hit["count"] for hit in (await client.hits("kubectl/")).values()} == {1}
    words = [event.type for event in watcher.history if event.type.startswith("run_")]
    assert words == ["run_accepted", "run_started", "run_paused", "run_resumed", "run_completed"]


async def test_a_run_made_by_kubectl_looks_the_same_over_rest(client: Client) -> None:
    run = await client.apply_run("echo", {"text": "abc"})
    await client.until_phase(run, "Succeeded")

    assert (await client.rest.output(run))["length"] == 3
    assert (await client.until_status(run, "COMPLETED"))["phase"] == "Succeeded"
    listed = await client.rest.call("GET", "/workflows/runs", params={"limit": "200"})
    assert run in [item["run_id"] for item in listed["items"]]


async def test_pending_waits_until_it_is_set_to_running(client: Client) -> None:
    run = await client.apply_run("echo", {"text": "later"}, state="Pending")
    waiting = await client.until_phase(run, "Pending")

    await client.kubectl.patch_run(run, {"state": "Running"})

    assert waiting.get("jobName", "") == ""
    assert (await client.until_phase(run, "Succeeded"))["attempt"] == 1


async def test_cancel_by_kubectl_stops_a_running_a_paused_and_a_pending_run(client: Client) -> None:
    running = await client.apply_run("sleeper", {"key": "kc-running"})
    paused = await client.apply_run("rounds", {**ROUNDS, "rounds": 100, "key": "kc-paused"})
    pending = await client.apply_run("echo", state="Pending")
    await asyncio.gather(client.until_phase(running, "Running"), client.until_phase(paused, "Running"))
    await client.kubectl.patch_run(paused, {"state": "Paused"})
    await client.until_phase(paused, "Paused")

    for run in (running, paused, pending):
        await client.kubectl.patch_run(run, {"state": "Cancelled"})

    for run in (running, paused, pending):
        await client.until_phase(run, "Cancelled", seconds=20)
        await client.until_nothing_runs(run)
        assert (await client.rest.status(run))["status"] == "CANCELLED"
