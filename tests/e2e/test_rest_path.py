"""A run's whole life over REST and WebSocket."""

import asyncio

import pytest

from graphrun_devcluster.demo.errors import RefusedError
from support.client import Client, client_of

ROUNDS = {"rounds": 3, "wide": 2, "seconds": 0.1}


async def test_a_run_is_created_executed_watched_and_completed(client: Client) -> None:
    created = await client.rest.create("rounds", {**ROUNDS, "key": "life"})
    run = created["run_id"]

    async with client.watch(run) as watcher:
        started = await client.rest.verb(run, "execute")
        await watcher.until(lambda: watcher.view.word == "completed", 90, "completes")

    assert created["status"] == "PENDING"
    assert started["status"] == "RUNNING"
    assert [event.seq for event in watcher.history] == list(range(1, len(watcher.history) + 1))
    assert watcher.view.completed("work") == 6
    assert watcher.view.completed("plan") == 4
    final = await client.until_status(run, "COMPLETED")
    assert final["progress"] == 1.0
    assert {node["node_id"]: node["status"] for node in final["node_states"]} == {
        "plan": "COMPLETED",
        "work": "COMPLETED",
    }
    assert sorted((await client.rest.output(run))["done"]) == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]


async def test_a_socket_opened_after_the_end_tells_the_same_events_again(client: Client) -> None:
    run = await client.start("echo", {"text": "again"})
    async with client.watch(run) as live:
        await live.until(lambda: live.view.word == "completed", 60, "completes")

    async with client.watch(run) as replayed:
        await replayed.until(lambda: replayed.view.word == "completed", 20, "is replayed")

    assert [(event.seq, event.type) for event in replayed.history] == [
        (event.seq, event.type) for event in live.history
    ]


async def test_node_events_reach_the_socket_within_a_second(client: Client) -> None:
    run = await client.start("rounds", {**ROUNDS, "key": "delay"})

    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.has("node_started", 1), 60, "starts")
        seen_live_from = watcher.history[-1].seq
        await watcher.until(lambda: watcher.view.word == "completed", 60, "completes")

    delays = [
        event.delay_seconds
        for event in watcher.history
        if event.seq > seen_live_from and event.type in ("node_started", "node_completed")
    ]
    assert delays
    assert max(delays) < 1.0


async def test_pause_frees_the_pod_and_resume_goes_on_in_another(client: Client) -> None:
    run = await client.start("rounds", {"rounds": 12, "seconds": 0.3, "key": "pause"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.completed("work") >= 2, 60, "two visits are done")
        [first_pod] = await client.kubectl.live_pods(run)
        paused = await client.rest.verb(run, "pause", wait="30")
        resource = await client.resource_status(run)
        await client.until_no_pod(run)
        resumed = await client.rest.verb(run, "resume")
        await watcher.until(lambda: watcher.has("node_started", 2), 60, "goes on")
        [second_pod] = await client.kubectl.live_pods(run)
        await watcher.until(lambda: watcher.view.word == "completed", 90, "completes")

    assert paused["status"] == "PAUSED"
    assert paused["checkpoint_id"] == resource["runner"]["checkpoint"]["id"]
    assert resource["phase"] == "Paused"
    assert resource["runner"]["outcome"]["result"] == "Paused"
    assert resumed["status"] == "RUNNING"
    assert second_pod.name != first_pod.name
    assert second_pod.attempt == "2"
    hits = await client.hits("pause/")
    assert len(hits) == 24
    assert {key: hit["count"] for key, hit in hits.items() if hit["count"] != 1} == {}


async def test_two_runs_at_once_do_not_disturb_each_other(client: Client) -> None:
    runs = await asyncio.gather(
        *(client.start("rounds", {"rounds": 6, "seconds": 0.3, "key": f"twin-{name}"}) for name in "ab")
    )
    await asyncio.gather(*(client.until_status(run, "COMPLETED", seconds=120) for run in runs))

    statuses = [await client.resource_status(run) for run in runs]
    claims = [status["runner"]["claimTime"] for status in statuses]
    ends = [status["completionTime"] for status in statuses]
    assert max(claims) < min(ends), "they did not overlap"
    for name in "ab":
        assert {hit["count"] for hit in (await client.hits(f"twin-{name}/")).values()} == {1}


async def test_runs_are_listed_newest_first_and_page_by_page(client: Client) -> None:
    made = [(await client.rest.create("echo", {}))["run_id"] for _ in range(3)]

    first = await client.rest.call("GET", "/workflows/runs", params={"limit": "2", "workflow": "echo"})
    page = {"limit": "2", "workflow": "echo", "cursor": first["next_cursor"]}
    second = await client.rest.call("GET", "/workflows/runs", params=page)

    assert [run["run_id"] for run in first["items"]] == made[:0:-1]
    assert second["items"][0]["run_id"] == made[0]
    assert all(run["status"] == "PENDING" for run in first["items"])


async def test_a_finished_run_is_deleted_and_a_live_one_only_when_asked_to_cancel(client: Client) -> None:
    finished = await client.start("echo", {"text": "gone"})
    live = await client.start("sleeper", {"key": "delete"})
    await client.until_status(finished, "COMPLETED")

    await client.rest.delete(finished)
    with pytest.raises(RefusedError) as refused:
        await client.rest.delete(live)
    await client.rest.delete(live, cancel="true")

    assert refused.value.status == 409
    await client.until_nothing_runs(live)
    names = await client.kubectl("get", "wfr", "-o", "name")
    assert finished not in names


async def test_a_repeated_creation_with_the_same_key_makes_one_run(client: Client) -> None:
    body = {"workflow": "echo", "input_data": {"text": "once"}}
    headers = {"Idempotency-Key": "e2e-once"}

    answers = [
        await client.rest.call("POST", "/workflows/runs", json=body, headers=headers) for _ in range(2)
    ]

    assert answers[0]["run_id"] == answers[1]["run_id"]


async def test_a_large_input_is_moved_to_storage_and_a_large_output_comes_back(client: Client) -> None:
    run = await client.start("echo", {"text": "x" * 100_000})

    await client.until_status(run, "COMPLETED")

    spec = (await client.kubectl.get("wfr", run))["spec"]
    assert spec["inputRef"]
    assert "input" not in spec
    output = await client.rest.output(run)
    assert output["length"] == 100_000
    assert len(output["text"]) == 100_000


async def test_a_graph_error_fails_the_run_with_its_message_and_no_second_attempt(client: Client) -> None:
    run = await client.start("failing", {"text": "dice"})

    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.word == "failed", 60, "fails")

    status = await client.until_phase(run, "Failed")
    assert status["reason"] == "GraphError"
    assert "no luck with dice" in status["message"]
    assert status["runner"]["outcome"]["exitCode"] == 83
    assert status["attempt"] == 1
    assert [event.node for event in watcher.history if event.type == "node_failed"] == ["fail"]


async def test_rights_are_those_of_kubectl(client: Client) -> None:
    run = (await client.rest.create("echo", {}))["run_id"]

    async with client_of(client.project, token=client.project.viewer_token) as viewer:
        assert (await viewer.rest.status(run))["status"] == "PENDING"
        for refused in (
            viewer.rest.create("echo", {}),
            viewer.rest.verb(run, "execute"),
            viewer.rest.verb(run, "cancel"),
            viewer.rest.delete(run),
        ):
            with pytest.raises(RefusedError) as error:
                await refused
            assert error.value.status == 403

    assert (await client.rest.status(run))["status"] == "PENDING"
