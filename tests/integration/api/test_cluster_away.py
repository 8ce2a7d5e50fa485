"""The API server is away, or its watches say nothing any more: nothing false is said, and all is well afterwards."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from graphrun_checkpoints import StorageConfig
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import Api, Project, Rest, Runner, rest_of, runner_of, running_api, settings_for
from support.apiserver_proxy import ApiServerProxy, apiserver_proxy
from support.streams import custom
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
def proxy(plane: ControlPlane, tmp_path: Path) -> Iterator[ApiServerProxy]:
    with apiserver_proxy(plane, tmp_path) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: ApiServerProxy, database: str, storage: StorageConfig) -> AsyncIterator[Api]:
    """A replica whose way to the API server can be broken."""
    async with running_api(proxy, settings_for(database, storage)) as api:
        yield api


@pytest.fixture
async def person(behind: Api, project: Project) -> AsyncIterator[Rest]:
    async with rest_of(behind, project) as rest:
        yield rest


@pytest.fixture
async def run(person: Rest) -> str:
    return await person.create(params={"execute": "true"})


@pytest.fixture
async def runner(behind: Api, project: Project, run: str) -> AsyncIterator[Runner]:
    """The runner of the first attempt, which is at work."""
    async with runner_of(behind, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await project.status(run, phase="Running", attempt=1)
        yield runner


async def readiness(rest: Rest) -> int:
    return (await rest.http.get("/readyz")).status_code


async def test_without_the_api_server_known_runs_go_on_and_what_needs_it_is_asked_for_again(
    proxy: ApiServerProxy, person: Rest, run: str, runner: Runner
) -> None:
    await runner.sent(custom(runner, 0))
    await person.until_status(run, "RUNNING")
    proxy.faults.away = True
    proxy.cut_all()

    refused = [
        await person.send("POST", f"/runs/{run}/pause"),
        await person.send("POST", "/runs", json={"workflow": "flow", "input_data": {}}),
    ]
    read = await person.send("GET", f"/runs/{run}/status")
    kept = await runner.command("Running", 0.5)
    await runner.sent(custom(runner, 1))
    await eventually(lambda: readiness(person), lambda status: status == 503)
    proxy.faults.heal()
    await eventually(lambda: readiness(person), lambda status: status == 200)
    polling = asyncio.create_task(runner.command("Running", 30))
    await eventually(lambda: pause(person, run), lambda answer: answer.status_code == 202)

    for answer in refused:
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["type"] == "/problems/cluster-unavailable"
    # Read by whoever's right was confirmed within the last seconds.
    assert read.status_code == 503 or read.json()["status"] == "RUNNING"
    assert kept.status_code == 204, "the last desired state is kept"
    assert (await polling).json()["state"] == "Paused"
    assert (await person.ok("GET", f"/runs/{run}/events"))["last_seq"] == 3


async def pause(rest: Rest, run: str) -> httpx.Response:
    return await rest.send("POST", f"/runs/{run}/pause", params={"wait": 0})


async def test_a_watch_that_says_nothing_any_more_is_opened_anew_and_an_api_that_hears_nothing_is_not_ready(
    proxy: ApiServerProxy, person: Rest, project: Project, run: str
) -> None:
    await person.until_status(run, "RUNNING")
    proxy.faults.watches = "silent"
    await project.status(run, phase="Failed", reason="GraphError", message="no luck")
    open_before = len(proxy.faults.watches_opened)

    # Those that are open are held, not ended: that others are opened means that the silence was noticed.
    await eventually(
        lambda: asyncio.sleep(0, len(proxy.faults.watches_opened)), lambda count: count >= open_before + 2
    )
    await eventually(lambda: readiness(person), lambda status: status == 503)
    proxy.faults.heal()

    await person.until_status(run, "FAILED", seconds=60)
    await eventually(lambda: readiness(person), lambda status: status == 200)


async def test_watches_that_are_cut_or_have_lost_their_place_show_what_happened_meanwhile(
    proxy: ApiServerProxy, person: Rest, project: Project, run: str
) -> None:
    await person.until_status(run, "RUNNING")
    proxy.faults.watches = "gone"
    proxy.cut_watches()
    await project.status(run, phase="Succeeded", attempt=1)
    await person.until_status(run, "COMPLETED", seconds=60)

    proxy.faults.heal()
    other = await person.create()
    proxy.cut_watches()
    await project.kube.call("DELETE", project.path("workflowruns", other))
    await eventually(
        lambda: person.ok("GET", f"/runs/{other}"), lambda seen: seen["archived"], what="it is archived"
    )
