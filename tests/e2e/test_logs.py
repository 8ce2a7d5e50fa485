"""Logs of a run's attempts: as they are written, and when their pods are gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from support.client import Client
from support.waiting import eventually

ROUNDS = 60
# Each line is one visit; the graph says nothing else.
ALL_LINES = [f"spoken {number}-0" for number in range(1, ROUNDS + 1)]


class FollowedLog:
    """An open `GET …/logs?follow=true`, read as the lines come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines: list[str] = []
        self._coming = answer.aiter_lines()

    async def until_spoken(self, count: int) -> None:
        """Read until the graph has said so many lines; fails where the log ends before."""
        while len(spoken(self.lines)) < count:
            self.lines.append(await anext(self._coming))

    async def until_end(self) -> None:
        """Read until the server ends the log."""
        self.lines += [line async for line in self._coming]


def spoken(lines: list[str]) -> list[str]:
    """What the graph said, without the supervisor's own lines."""
    return [line for line in lines if line.startswith("spoken ")]


@asynccontextmanager
async def followed(client: Client, run: str) -> AsyncIterator[FollowedLog]:
    """The log of the run's latest attempt."""
    project = client.project
    url = f"{project.url}/api/projects/{project.name}/workflows/runs/{run}/logs"
    headers = {"Authorization": f"Bearer {project.token}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=120, trust_env=False) as http,
        http.stream("GET", url, params={"follow": "true"}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        yield FollowedLog(answer)


async def log_of(client: Client, run: str, attempt: int) -> list[str]:
    """The lines of one attempt's log; none where it has none yet."""
    answer = await client.rest.send("GET", f"/workflows/runs/{run}/logs", params={"attempt": str(attempt)})
    return answer.text.splitlines() if answer.status_code == 200 else []


async def until_log_has(client: Client, run: str, attempt: int, wanted: list[str]) -> None:
    """Wait until all lines of an attempt are there: the last chunk may be a moment behind the pod's end."""
    await eventually(
        lambda: log_of(client, run, attempt),
        lambda lines: spoken(lines) == wanted,
        seconds=60,
        what=f"the log of attempt {attempt} is whole",
    )


async def test_a_log_is_followed_while_it_is_written_and_each_attempts_log_outlives_its_pod(
    client: Client,
) -> None:
    run = await client.start("speaker", {"rounds": ROUNDS, "wide": 1, "seconds": 0.3})
    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.has("node_started", 1), 90, "starts")
        async with followed(client, run) as first:
            await first.until_spoken(3)
            while_it_runs = await client.rest.status(run)
            paused, _ = await asyncio.gather(client.rest.verb(run, "pause", wait="60"), first.until_end())
        before = spoken(first.lines)
        await client.until_no_pod(run)
        await until_log_has(client, run, 1, before)

        await client.rest.verb(run, "resume")
        await watcher.until(lambda: watcher.has("node_started", 2), 90, "goes on")
        async with followed(client, run) as second:
            await second.until_end()
        await watcher.until(lambda: watcher.view.word == "completed", 120, "completes")
    await client.kubectl("delete", "jobs", "-l", f"graphrun.dev/run={run}", "--cascade=foreground")
    await client.until_no_pod(run)

    assert while_it_runs["status"] == "RUNNING"
    assert paused["status"] == "PAUSED"
    after = spoken(second.lines)
    assert before + after == ALL_LINES
    await until_log_has(client, run, 1, before)
    await until_log_has(client, run, 2, after)
    latest = await client.rest.send("GET", f"/workflows/runs/{run}/logs")
    assert spoken(latest.text.splitlines()) == after


async def test_the_log_of_a_graph_that_fails_has_its_traceback_also_when_the_pod_is_gone(
    client: Client,
) -> None:
    run = await client.start("failing", {"text": "logs"})
    await client.until_status(run, "FAILED")
    await client.kubectl("delete", "jobs", "-l", f"graphrun.dev/run={run}", "--cascade=foreground")
    await client.until_no_pod(run)

    lines = await eventually(
        lambda: log_of(client, run, 1), lambda found: "ValueError: no luck with logs" in found, seconds=60
    )

    assert "Traceback (most recent call last):" in lines
