"""Runs that wait: for their turn under maxConcurrentRuns, for a queue that holds their Job, for a better resume."""

from datetime import UTC, datetime

import pytest

from graphrun_core.times import from_rfc3339
from support.nodeless import Json, Nodeless
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")


async def suspend(cluster: Nodeless, job: str, *, suspended: bool) -> None:
    """As Kueue does it, or a person by kubectl."""
    await cluster.call(
        "PATCH", cluster.url("jobs", job), {"spec": {"suspend": suspended}}, "merge-patch+json"
    )


async def phases_of(cluster: Nodeless) -> dict[str, str]:
    """Every run's phase."""
    return {run["metadata"]["name"]: phase_of(run) for run in await cluster.listed("workflowruns")}


def phase_of(run: Json) -> str:
    """Its phase; empty before the first."""
    return str(run.get("status", {}).get("phase", ""))


async def priority_class(cluster: Nodeless, name: str, value: int) -> None:
    """A PriorityClass, in case another test has not made it."""
    known = await cluster.call("GET", "/apis/scheduling.k8s.io/v1/priorityclasses")
    if all(item["metadata"]["name"] != name for item in known["items"]):
        body = {"metadata": {"name": name}, "value": value}
        await cluster.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", body)


async def test_no_more_runs_are_at_work_than_the_workflow_allows(cluster: Nodeless) -> None:
    await cluster.create_workflow(maxConcurrentRuns=2)
    names = [f"run-{number}" for number in range(6)]
    for name in names:
        await cluster.create_run(name)
    waiting = set(names)
    for _ in range(3):

        async def two_start() -> list[Json]:
            return [pod for pod in await cluster.listed("pods") if label(pod) in waiting]

        pods = await eventually(two_start, lambda pods: len(pods) == 2, what="two pods")
        shown = await eventually(
            lambda: phases_of(cluster),
            lambda shown: sum(shown[name] == "Queued" for name in waiting) == len(waiting) - 2,
            what="the rest is queued",
        )
        assert all(shown[label(pod)] in ("Starting", "Running") for pod in pods)
        for pod in pods:
            waiting.discard(label(pod))
            await cluster.pod(label(pod))
            await cluster.claim(label(pod), pod)
            await cluster.report(label(pod), "Succeeded")
            await cluster.exit(pod, 0)
    await eventually(lambda: phases_of(cluster), lambda shown: set(shown.values()) == {"Succeeded"})
    assert len(await cluster.listed("jobs")) <= len(names)


def label(pod: Json) -> str:
    """The run of a pod."""
    return str(pod["metadata"]["labels"]["graphrun.dev/run"])


async def test_the_line_goes_by_priority_and_then_by_age(cluster: Nodeless) -> None:
    await priority_class(cluster, "urgent", 1000)
    await cluster.create_workflow(maxConcurrentRuns=1)
    await cluster.create_run("busy")
    busy = await cluster.started("busy")
    await cluster.create_run("a-first")
    await cluster.phase("a-first", "Queued")
    await cluster.create_run("b-urgent", priorityClassName="urgent")
    status = await cluster.phase("b-urgent", "Queued")
    assert status["reason"] == "ConcurrencyLimit"
    running = {item["type"]: item for item in status["conditions"]}["Running"]
    assert running["message"] == "waits for its turn: maxConcurrentRuns of Workflow flow is 1"
    await cluster.report("busy", "Succeeded")
    await cluster.exit(busy, 0)
    await cluster.started("b-urgent")
    assert (await phases_of(cluster))["a-first"] == "Queued"


async def test_a_higher_limit_lets_a_queued_run_start(cluster: Nodeless) -> None:
    await cluster.create_workflow(maxConcurrentRuns=1)
    await cluster.create_run("one")
    await cluster.started("one")
    await cluster.create_run("two")
    await cluster.phase("two", "Queued")
    change = {"spec": {"maxConcurrentRuns": 2}}
    await cluster.call("PATCH", cluster.url("workflows", "flow"), change, "merge-patch+json")
    await cluster.started("two")


async def test_a_paused_run_gives_its_turn_away_and_lines_up_again(cluster: Nodeless) -> None:
    await cluster.create_workflow(maxConcurrentRuns=1)
    await cluster.create_run("one")
    pod = await cluster.started("one")
    await cluster.create_run("two")
    await cluster.phase("two", "Queued")
    await cluster.ask("one", state="Paused")
    await cluster.report("one", "Paused", 80)
    await cluster.exit(pod, 80)
    await cluster.phase("one", "Paused")
    other = await cluster.started("two")
    await cluster.ask("one", state="Running")
    status = await cluster.phase("one", "Queued")
    assert status["attempt"] == 2
    assert await pods_of(cluster, "one", attempt=2) == []
    await cluster.report("two", "Succeeded")
    await cluster.exit(other, 0)
    await cluster.started("one", attempt=2)


async def pods_of(cluster: Nodeless, run: str, attempt: int) -> list[Json]:
    """The pods of an attempt."""
    selector = f"graphrun.dev/run={run},graphrun.dev/attempt={attempt}"
    return await cluster.listed("pods", labelSelector=selector)


async def test_a_suspended_job_holds_the_run_and_lets_it_go_on(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    await suspend(cluster, "run-1", suspended=True)
    status = await cluster.phase("run", "Pausing")
    assert status["reason"] == "JobSuspended"
    assert await cluster.deletion_of(pod), "the Job controller stops the pod"
    await cluster.report("run", "Interrupted", 81)
    await cluster.gone(pod)
    status = await cluster.phase("run", "Paused")
    assert status["reason"] == "JobSuspended"
    assert [job["metadata"]["name"] for job in await cluster.listed("jobs")] == ["run-1"]
    await suspend(cluster, "run-1", suspended=False)
    await cluster.started("run", attempt=2)
    assert (await cluster.run("run"))["status"].get("failures", 0) == 0


async def test_a_job_that_is_suspended_from_the_start_waits_without_a_clock(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(queueName="gpus", timeouts={"startSeconds": 3})

    async def made() -> list[Json]:
        return await cluster.listed("jobs")

    job = (await eventually(made, what="the Job"))[0]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    await suspend(cluster, "run-1", suspended=True)
    status = await cluster.phase("run", "Queued")
    assert status["reason"] == "JobSuspended"
    created = from_rfc3339(job["metadata"]["creationTimestamp"])

    async def age() -> float:
        return (datetime.now(UTC) - created).total_seconds()

    await eventually(age, lambda seconds: seconds > 5, what="startSeconds are over")
    assert phase_of(await cluster.run("run")) == "Queued"
    await suspend(cluster, "run-1", suspended=False)
    await cluster.started("run")


async def test_a_quota_shows_as_a_condition_in_the_clusters_words(cluster: Nodeless) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await cluster.call("POST", cluster.url("resourcequotas"), quota)
    await cluster.create_workflow()
    await cluster.create_run()
    status = await cluster.phase("run", "Starting")
    running = {item["type"]: item for item in status["conditions"]}["Running"]
    assert (running["status"], running["reason"]) == ("False", "PodNotCreated")
    assert "exceeded quota: none" in running["message"]


async def test_a_refused_resume_leaves_the_run_paused_until_it_is_resumed_anew(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    await cluster.ask("run", state="Paused")
    await cluster.report("run", "Paused", 80)
    await cluster.exit(pod, 80)
    await cluster.phase("run", "Paused")
    await cluster.ask("run", state="Running", resume={"id": "one", "checkpointID": "nowhere"})
    pod = await cluster.started("run", attempt=2)
    await cluster.report("run", "Paused", 80, reason="CheckpointNotFound", message="no checkpoint nowhere")
    await cluster.exit(pod, 80)
    status = await cluster.phase("run", "Paused")
    assert status["reason"] == "CheckpointNotFound"
    assert status["message"] == "no checkpoint nowhere"
    await cluster.ask("run", resume={"id": "two"})
    await cluster.started("run", attempt=3)


async def test_a_fork_names_its_source_for_good_before_it_starts(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    source = await cluster.create_run("source")
    await cluster.create_run("fork", startFrom={"run": "source"})
    await cluster.started("fork")
    status = (await cluster.run("fork"))["status"]
    assert status["startFromUID"] == source["metadata"]["uid"]


async def test_a_fork_of_nothing_is_refused_by_field(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run("fork", startFrom={"run": "nobody"})
    status = await cluster.phase("fork", "Pending")
    assert status["reason"] == "StartFromNotFound"
    status = await cluster.phase("fork", "Failed", seconds=25)
    assert "spec.startFrom.run: there is no run nobody" in status["message"]
    accepted = {item["type"]: item for item in status["conditions"]}["Accepted"]
    assert accepted["status"] == "False"
