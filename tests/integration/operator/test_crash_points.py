"""The operator is killed at every single write to the API server: the write never arrives, or its answer is lost.

Whatever a user and the pods do meanwhile, the end is the same as without: the same status, one Job an attempt, none
made twice, and no Job or pod that nothing needs.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.controlplane import fresh_namespace
from support.crash_points import Relay, relay
from support.nodeless import Json, Nodeless, nodeless
from support.waiting import eventually

QUICK: Json = {"retries": {"limit": 1, "backoffSeconds": 0}}
# More than any of the verbs takes: a loop that writes forever fails instead of going on.
MOST_WRITES = 12
Step = Callable[[Nodeless, str], Awaitable[None]]


async def nothing(cluster: Nodeless, run: str) -> None:
    """The verb begins with nothing."""


async def create(cluster: Nodeless, run: str) -> None:
    await cluster.create_run(run, **QUICK)
    pod = await cluster.pod(run)
    await cluster.claim(run, pod)
    await cluster.phase(run, "Running")
    await cluster.report(run, "Succeeded")
    await cluster.phase(run, "Succeeded")
    await cluster.exit(pod, 0)


async def running(cluster: Nodeless, run: str) -> None:
    await cluster.create_run(run, **QUICK)
    await cluster.started(run)


async def pause(cluster: Nodeless, run: str) -> None:
    await cluster.ask(run, state="Paused")
    await cluster.phase(run, "Pausing")
    await cluster.report(run, "Paused", 80)
    await cluster.exit((await cluster.listed("pods", labelSelector=f"graphrun.dev/run={run}"))[0], 80)
    await cluster.phase(run, "Paused")
    await no_jobs(cluster, run)


async def paused(cluster: Nodeless, run: str) -> None:
    await running(cluster, run)
    await pause(cluster, run)


async def resume(cluster: Nodeless, run: str) -> None:
    await cluster.ask(run, state="Running", resume={"id": "r1"})
    pod = await cluster.started(run, 2)
    await cluster.report(run, "Succeeded")
    await cluster.phase(run, "Succeeded")
    await cluster.exit(pod, 0)


async def cancel(cluster: Nodeless, run: str) -> None:
    [pod] = await cluster.listed("pods", labelSelector=f"graphrun.dev/run={run}")
    await cluster.ask(run, state="Cancelled")
    await cluster.deletion_of(pod, seconds=20)
    await cluster.phase(run, "Cancelling")
    await cluster.report(run, None)
    await cluster.phase(run, "Cancelled")
    await cluster.gone(pod)


async def retry(cluster: Nodeless, run: str) -> None:
    [pod] = await cluster.listed("pods", labelSelector=f"graphrun.dev/run={run}")
    await cluster.exit(pod, 1)
    second = await cluster.started(run, 2)
    await cluster.report(run, "Succeeded")
    await cluster.phase(run, "Succeeded")
    await cluster.exit(second, 0)


async def no_jobs(cluster: Nodeless, run: str) -> None:
    async def jobs() -> list[Json]:
        return await cluster.listed("jobs", labelSelector=f"graphrun.dev/run={run}")

    await eventually(jobs, lambda left: not left, seconds=15, what=f"no Job of {run}")


@dataclass(frozen=True)
class Verb:
    """What is done to a run, from what it begins with."""

    before: Step
    act: Step
    least_writes: int


VERBS = {
    "create": Verb(nothing, create, 3),
    "pause": Verb(running, pause, 4),
    "resume": Verb(paused, resume, 3),
    "cancel": Verb(running, cancel, 4),
    "retry": Verb(running, retry, 3),
}


@pytest.fixture
async def cluster(alone: ControlPlane) -> AsyncIterator[Nodeless]:
    async with nodeless(alone, fresh_namespace(alone)) as cluster:
        await cluster.create_workflow()
        yield cluster


@pytest.mark.parametrize("verb", VERBS)
async def test_killed_at_any_write_it_ends_as_without(
    verb: str, alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    async with relay(alone, tmp_path) as operators:
        told = await one_life(operators, cluster, VERBS[verb], "whole")
        expected = await what_is_left(cluster, "whole")
        assert len(told) >= VERBS[verb].least_writes, told
        for reached in (False, True):
            for number in range(1, MOST_WRITES + 1):
                name = f"{verb}-{number}-{'after' if reached else 'before'}"
                last = await one_death(operators, cluster, VERBS[verb], name, number=number, reached=reached)
                if last is None:
                    assert number > VERBS[verb].least_writes
                    break
                # The Job controller may still have a pod to remove.
                await eventually(
                    lambda name=name: what_is_left(cluster, name),  # type: ignore[misc] # bound for this life
                    lambda left: left == expected,
                    seconds=20,
                    what=f"what is left after death at {last}, {reached=}, is {expected}: {operators.logs()}",
                )
            else:
                pytest.fail(f"{verb} takes more than {MOST_WRITES} writes")
    assert_no_job_was_made_twice(alone, cluster.namespace)


async def one_life(operators: Relay, cluster: Nodeless, verb: Verb, name: str) -> list[str]:
    """Without any fault; answers what the operator wrote."""
    await verb.before(cluster, name)
    operators.arm(1000, reached=False)
    await verb.act(cluster, name)
    return [write for write in operators.disarm() if name in write or write.startswith("POST")]


async def one_death(
    operators: Relay, cluster: Nodeless, verb: Verb, name: str, *, number: int, reached: bool
) -> str | None:
    """With the leader killed at that write. Answers which it was; None where the verb takes fewer."""
    await operators.ready()
    await verb.before(cluster, name)
    operators.arm(number, reached=reached)
    successor = asyncio.create_task(operators.take_over(cluster))
    try:
        await verb.act(cluster, name)
        # What a write has done may be seen before its answer is lost: then the death is still to come.
        if not successor.done() and not operators.has_written(number):
            operators.disarm()
            return None
        return await asyncio.wait_for(successor, 20)
    finally:
        successor.cancel()


async def what_is_left(cluster: Nodeless, name: str) -> Json:
    """What the run shows and has, without names and times; once it does not change any more."""

    async def look() -> tuple[str, Json]:
        status = (await cluster.run(name))["status"]
        jobs = await cluster.listed("jobs", labelSelector=f"graphrun.dev/run={name}")
        pods = await cluster.listed("pods", labelSelector=f"graphrun.dev/run={name}")
        names = {job["metadata"]["name"] for job in jobs}
        owned = [pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in pods]
        live = [pod for pod in pods if pod.get("status", {}).get("phase") in ("Pending", "Running")]
        version = json.dumps([(await cluster.run(name))["metadata"]["resourceVersion"], sorted(names)])
        return version, {
            "phase": status["phase"],
            "reason": status.get("reason", ""),
            "attempt": status.get("attempt"),
            "failures": status.get("failures", 0),
            "revision": status.get("revision"),
            "conditions": sorted((item["type"], item["status"]) for item in status["conditions"]),
            "jobs": sorted(item.removeprefix(name) for item in names),
            "orphans": sorted(set(owned) - names),
            "live pods": len(live),
        }

    settled: list[str] = []

    async def twice() -> Json | None:
        version, left = await look()
        settled.append(version)
        still = len(settled) > 3 and len(set(settled[-4:])) == 1
        return left if still and not left["orphans"] else None

    found = await eventually(twice, seconds=20, what=f"{name} at rest")
    assert found
    return found


def assert_no_job_was_made_twice(plane: ControlPlane, namespace: str) -> None:
    """By the API server's own record of what it has carried out."""
    made: Counter[str] = Counter()
    for line in plane.audit_log.read_text().splitlines():
        event: dict[str, Any] = json.loads(line)
        target = event.get("objectRef") or {}
        if (event["verb"], target.get("resource"), target.get("namespace")) != ("create", "jobs", namespace):
            continue
        if event.get("responseStatus", {}).get("code") == 201:
            made[target.get("name", "")] += 1
    assert made
    assert set(made.values()) == {1}, made
