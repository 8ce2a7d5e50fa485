"""Postgres crashes while runners send and people follow: nothing that was acknowledged is lost, and no stream has to be
opened again. Each batch goes to the next of two replicas, as a balancer would send it; each stream is at one of them.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from graphrun_checkpoints import StorageConfig
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import Api, Project, Rest, Runner, now, rest_of, runner_of, running_api, settings_for
from support.event_schemas import check_documented
from support.postgres import running_postgres
from support.streams import Many, custom, many_of, run_socket, sse_of
from support.waiting import eventually

pytestmark = pytest.mark.timeout(600)

Json = dict[str, Any]
RUNS = 3
EACH = 300  # custom events of a run; run_accepted comes before them, run_completed behind
CRASHES = 3


@dataclass
class Load:
    """What runners have sent."""

    acknowledged: dict[str, list[int]] = field(default_factory=dict)  # by run

    async def until(self, share: int) -> None:
        """Wait until so many events are acknowledged."""

        async def count() -> int:
            return sum(len(each) for each in self.acknowledged.values())

        await eventually(count, lambda found: found >= share, seconds=500, what=f"{share} acknowledged")


@dataclass(frozen=True)
class Sender:
    """One attempt's runner, as seen by each replica."""

    run: str
    ways: list[Runner]

    async def send_all(self, load: Load) -> None:
        """Send batches until each is acknowledged; what was not goes to the next replica."""
        taken, ways = load.acknowledged.setdefault(self.run, []), itertools.cycle(self.ways)
        for start in range(0, EACH, 5):
            numbers = range(start, start + 5)
            batch = [custom(self.ways[0], number) for number in numbers]
            await eventually(
                lambda batch=batch: next(ways).send(*batch),  # type: ignore[misc] # bound for this batch
                lambda answer: answer.status_code == 204,
                seconds=300,
            )
            taken += numbers
            if start % 35 == 0:  # as where the answer was lost
                await next(ways).send(*batch)


@dataclass(frozen=True)
class Replicas:
    """Two of them on one Postgres, and how to crash that."""

    one: Api
    two: Api
    here: Rest
    there: Rest
    crash: Any


@pytest.fixture
async def replicas(plane: ControlPlane, storage: StorageConfig, project: Project) -> AsyncIterator[Replicas]:
    await project.workflow()
    with running_postgres() as server:
        settings = settings_for(await server.make_history(), storage)
        async with (
            running_api(plane, settings) as one,
            running_api(plane, settings) as two,
            rest_of(one, project) as here,
            rest_of(two, project) as there,
        ):
            yield Replicas(one, two, here, there, server.crash)


@asynccontextmanager
async def senders(replicas: Replicas, project: Project) -> AsyncIterator[list[Sender]]:
    """Of runs that are claimed at the first replica."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(RUNS):
            run = await replicas.here.create(params={"execute": "true"})
            pod = await project.pod_for(run)
            ways = [
                await stack.enter_async_context(runner_of(api, project, pod))
                for api in (replicas.one, replicas.two)
            ]
            await ways[0].claimed()
            found.append(Sender(run, ways))
        yield found


async def crash_again_and_again(replicas: Replicas, load: Load) -> None:
    """Each time once some more of the load was acknowledged, so that it is always in the middle of it."""
    for number in range(1, CRASHES + 1):
        share = RUNS * EACH * number // (CRASHES + 1)
        await load.until(share)
        await replicas.crash()


async def until_closed(connection: ClientConnection) -> list[Json]:
    """All events of a run's socket, which must end by itself in the ordinary way."""
    found = [json.loads(message) async for message in connection]
    assert connection.close_code == 1000
    return found


async def of_project(many: Many, count: int) -> dict[str, list[Json]]:
    """So many events of a project's socket, by run."""
    found: dict[str, list[Json]] = {}
    for _ in range(count):
        frame = json.loads(await many.connection.recv())
        assert frame["type"] == "event", frame
        found.setdefault(frame["event"]["run_id"], []).append(frame["event"])
    return found


async def replayed(rest: Rest, run: str) -> list[Json]:
    """All pages of a run's events."""
    found: list[Json] = []
    cursor: int | None = 0
    while cursor is not None:
        page = await rest.ok("GET", f"/runs/{run}/events", params={"after": cursor, "limit": 100})
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def check_whole(events: list[Json], acknowledged: list[int]) -> None:
    """Fail unless these are all events of a run, each once, in order."""
    assert [event["seq"] for event in events] == list(range(1, EACH + 3))
    assert [event["type"] for event in (events[0], events[-1])] == ["run_accepted", "run_completed"]
    assert [event["data"]["payload"] for event in events[1:-1]] == acknowledged == list(range(EACH))
    check_documented(events[1])


async def test_a_postgres_that_crashes_under_load_costs_no_acknowledged_event_and_no_stream(
    replicas: Replicas, project: Project
) -> None:
    load = Load()
    async with AsyncExitStack() as stack:
        many = await stack.enter_async_context(many_of(replicas.two, replicas.there))
        await many.subscribed("all", project=True)
        sending = await stack.enter_async_context(senders(replicas, project))
        following = asyncio.create_task(of_project(many, RUNS * (EACH + 2)))
        by_run: dict[str, list[asyncio.Task[list[Json]]]] = {}
        for sender in sending:
            far = await stack.enter_async_context(run_socket(replicas.two, replicas.there, sender.run))
            near = await stack.enter_async_context(sse_of(replicas.here, sender.run))
            by_run[sender.run] = [
                asyncio.create_task(until_closed(far)),
                asyncio.create_task(near.events(EACH + 2)),
            ]
        await asyncio.gather(
            crash_again_and_again(replicas, load), *(sender.send_all(load) for sender in sending)
        )
        for sender in sending:
            await project.status(sender.run, phase="Succeeded", attempt=1, completionTime=now())
        of_all = await following
        streamed = {run: await asyncio.gather(*streams) for run, streams in by_run.items()}
        stored = {run: await replayed(replicas.there, run) for run in by_run}

    for run, streams in streamed.items():
        for events in (*streams, of_all[run], stored[run]):
            check_whole(events, load.acknowledged[run])
