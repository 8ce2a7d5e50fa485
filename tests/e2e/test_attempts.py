"""A run outlives its pod."""

import pytest

from support.client import Client


async def test_a_pod_deleted_by_hand_is_followed_by_attempt_two(client: Client) -> None:
    run = await client.start("rounds", {"rounds": 12, "seconds": 0.3, "key": "deleted"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.completed("work") >= 2, 60, "two visits are done")
        [pod] = await client.kubectl.live_pods(run)
        await client.kubectl("delete", "pod", pod.name, "--wait=false")
        await watcher.until(lambda: watcher.view.word == "completed", 120, "completes")

    status = await client.until_phase(run, "Succeeded")
    assert status["attempt"] == 2
    assert status.get("failures", 0) == 0, "an eviction does not count against retries.limit"
    assert watcher.has("run_resumed", 2)
    hits = await client.hits("deleted/")
    assert len(hits) == 24
    assert {hit["count"] for hit in hits.values()} == {1}


async def test_a_pod_killed_without_grace_goes_on_from_its_last_checkpoint(client: Client) -> None:
    run = await client.start("rounds", {"rounds": 12, "seconds": 0.3, "key": "killed"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.completed("work") >= 6, 60, "three rounds are done")
        [pod] = await client.kubectl.live_pods(run)
        await client.kubectl("delete", "pod", pod.name, "--grace-period=0", "--force", "--wait=false")
        await watcher.until(lambda: watcher.view.word == "completed", 120, "completes")

    status = await client.until_phase(run, "Succeeded")
    hits = await client.hits("killed/")
    assert status["attempt"] == 2
    assert len(hits) == 24
    repeated = [key for key, hit in hits.items() if hit["count"] > 1]
    assert len({key.partition("-")[0] for key in repeated}) <= 2, "only the rounds under way may run again"


@pytest.mark.parametrize(
    ("workflow", "told"),
    [
        ("no-module", "No module named 'nowhere'"),
        ("no-attribute", "absent"),
        ("no-graph", "int"),
        ("broken", "RuntimeError: this module is broken"),
    ],
)
async def test_a_graph_that_cannot_be_loaded_fails_once_and_says_why(
    client: Client, workflow: str, told: str
) -> None:
    run = await client.start(workflow)

    status = await client.until_phase(run, "Failed")

    assert status["reason"] == "LoadFailed"
    assert told in status["message"]
    assert status["runner"]["outcome"]["exitCode"] == 84
    assert status["attempt"] == 1
