"""Cancelled means: nothing of the run lives any more, whatever its code does to stay alive."""

from datetime import datetime

import pytest

from support.client import Client
from support.waiting import eventually


@pytest.mark.parametrize("workflow", ["sleeper", "blocker", "stubborn"])
async def test_cancel_ends_every_process_before_it_is_shown(client: Client, workflow: str) -> None:
    run = await client.start(workflow, {"key": workflow})
    prefix = f"{workflow}/"
    await eventually(
        lambda: client.hits(prefix),
        lambda hits: hits.get("pulse", {}).get("count", 0) > 3,
        what="the node works",
    )

    answer = await client.rest.verb(run, "cancel")
    final = await client.until_status(run, "CANCELLED", seconds=15)

    assert answer["status"] in ("CANCELLED", "CANCELLING")
    assert {node["status"] for node in final["node_states"]} == {"CANCELLED"}
    stopped = datetime.fromisoformat((await client.resource_status(run))["runner"]["stoppedTime"])
    await client.until_nothing_runs(run)
    last_pulse = datetime.fromisoformat((await client.hits(prefix))["pulse"]["last"])
    assert last_pulse <= stopped, "something of the run lived on after the proof that it had stopped"


async def test_cancel_is_told_on_the_socket_and_again_to_who_asks_again(client: Client) -> None:
    run = await client.start("sleeper", {"key": "told"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: "sleep" in watcher.view.current, 60, "sleeps")
        await client.rest.verb(run, "cancel")
        await watcher.until(lambda: watcher.view.word == "cancelled", 15, "is cancelled")

    again = await client.rest.verb(run, "cancel")

    assert again["status"] == "CANCELLED"
    assert again["cancelled_at"]


async def test_cancel_while_the_pod_starts_never_lets_a_node_run(client: Client) -> None:
    run = await client.start("sleeper", {"key": "early"})

    await client.rest.verb(run, "cancel")
    await client.until_status(run, "CANCELLED", seconds=15)
    await client.until_nothing_runs(run)

    assert await client.hits("early/") == {}
