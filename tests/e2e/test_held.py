"""Runs that wait, go on elsewhere or begin from others: lines, suspended Jobs, forks, refused resumes."""

import json

from graphrun_core.names import ANNOTATION_ACCEPT_REVISION
from support.client import Client
from support.waiting import eventually

ROUNDS = {"rounds": 8, "seconds": 0.3}


async def patch(client: Client, kind: str, name: str, change: object) -> None:
    """A merge patch by kubectl."""
    await client.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))


async def limit(client: Client, workflow: str, runs: int | None) -> None:
    """Set a Workflow's maxConcurrentRuns."""
    await patch(client, "gwf", workflow, {"spec": {"maxConcurrentRuns": runs}})


async def test_runs_of_a_limited_workflow_take_turns(client: Client) -> None:
    await limit(client, "echo", 1)
    try:
        runs = [await client.apply_run("echo", {"text": "x" * size}) for size in range(4)]
        queued: set[str] = set()

        async def look() -> list[str]:
            listed = json.loads(await client.kubectl("get", "wfr", "-o", "json"))["items"]
            shown = {item["metadata"]["name"]: item.get("status", {}).get("phase", "") for item in listed}
            queued.update(run for run in runs if shown[run] == "Queued")
            at_work = [run for run in runs if shown[run] in ("Starting", "Running")]
            assert len(at_work) <= 1, shown
            return [shown[run] for run in runs]

        await eventually(look, lambda phases: set(phases) == {"Succeeded"}, seconds=120)
        assert len(queued) == 3
    finally:
        await limit(client, "echo", None)


async def test_a_job_suspended_by_hand_pauses_the_run_and_unsuspended_lets_it_go_on(client: Client) -> None:
    run = await client.start("rounds", {**ROUNDS, "key": "suspended"})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.completed("work") >= 2, 60, "two visits are done")
        await patch(client, "job", f"{run}-1", {"spec": {"suspend": True}})
        status = await client.until_phase(run, "Paused")
        assert status["reason"] == "JobSuspended"
        assert (await client.rest.status(run))["status"] == "PAUSED"
        await client.until_nothing_runs(run)
        await patch(client, "job", f"{run}-1", {"spec": {"suspend": False}})
        await watcher.until(lambda: watcher.view.word == "completed", 90, "completes")
    hits = await client.hits("suspended/")
    assert {hit["count"] for hit in hits.values()} == {1}, "a drained superstep is not repeated"
    assert len(hits) == 16
    assert (await client.until_phase(run, "Succeeded"))["attempt"] == 2


async def test_a_fork_goes_on_from_another_runs_checkpoint_with_its_state_edited(client: Client) -> None:
    source = await client.start("rounds", {**ROUNDS, "rounds": 2, "key": "source"})
    await client.until_phase(source, "Succeeded")
    update = {"values": {"rounds": 4, "key": "fork"}, "asNode": "work"}
    fork = await client.apply_run("rounds", None, startFrom={"run": source, "update": update})
    status = await client.until_phase(fork, "Succeeded")
    assert status["startFromUID"] == (await client.kubectl.get("wfr", source))["metadata"]["uid"]
    assert set(await client.hits("fork/")) == {"4-0", "4-1"}, "only what the source had not done"
    assert len(await client.hits("source/")) == 4


async def other_revision(client: Client, key: str) -> tuple[str, str]:
    """A paused run of Workflow `revised`, and a revision of it whose nodes have other names."""
    workflow = await client.kubectl.get("gwf", "rounds")
    spec = workflow["spec"]
    manifest = {**workflow, "metadata": {"name": "revised"}, "spec": spec}
    await client.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    run = await client.start("revised", {**ROUNDS, "key": key})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.completed("work") >= 2, 60, "two visits are done")
    await client.rest.verb(run, "pause", wait="10")
    await client.until_phase(run, "Paused")
    renamed = {
        name: text.replace('"work"', '"labour"').replace('"plan"', '"scheme"')
        for name, text in spec["graph"]["files"].items()
    }
    await patch(client, "gwf", "revised", {"spec": {"graph": {"files": renamed}}})
    newer = await client.start("revised", {"rounds": 1, "key": "newer"})
    revision: str = (await client.until_phase(newer, "Running", "Succeeded", "Failed"))["revision"]
    await client.kubectl("delete", "wfr", newer)
    return run, revision


async def test_a_run_does_not_go_on_by_a_revision_that_its_state_does_not_fit(client: Client) -> None:
    run, newer = await other_revision(client, "refused")
    own = (await client.resource_status(run))["revision"]
    await client.rest.verb(run, "resume", {"revision": newer})
    status = await eventually(
        lambda: client.resource_status(run), lambda seen: seen.get("reason") == "IncompatibleRevision"
    )
    assert status["phase"] == "Paused"
    assert status["message"].startswith("nodes: ")
    shown = await client.rest.status(run)
    assert (shown["status"], shown["waiting"]["kind"]) == ("PAUSED", "revision")

    await client.rest.verb(run, "resume", {"revision": own})
    await client.until_phase(run, "Succeeded")
    hits = await client.hits("refused/")
    assert len(hits) == 16
    assert {hit["count"] for hit in hits.values()} == {1}


async def test_a_revision_is_accepted_by_its_name(client: Client) -> None:
    run, newer = await other_revision(client, "accepted")
    await client.rest.verb(run, "resume", {"revision": newer})
    await eventually(
        lambda: client.resource_status(run), lambda seen: seen.get("reason") == "IncompatibleRevision"
    )
    await client.kubectl("annotate", "wfr", run, f"{ANNOTATION_ACCEPT_REVISION}={newer}")
    status = await client.until_phase(run, "Running", "Succeeded", "Failed")
    assert status["attempt"] == 3
    assert status["revision"] == newer
