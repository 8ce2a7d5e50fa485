"""Outputs: within the run where they are small, by their own path whatever they measure."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphrun_checkpoints import MinioStore, StorageConfig
from support.api_world import Api, Project, Rest, now, rest_of, runner_of, running_api, settings_for

LARGE = {"text": "x" * 1_200_000}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def completed(rest: Rest, api: Api, project: Project, **outcome: Any) -> str:
    """A run whose runner has reported this; its id."""
    run = await rest.create(params={"execute": "true"})
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0, **outcome})
    await project.status(run, phase="Succeeded", attempt=1, completionTime=now())
    await rest.until_status(run, "COMPLETED")
    return run


async def test_a_large_output_is_named_by_the_run_and_read_by_its_own_path(
    rest: Rest, api: Api, project: Project
) -> None:
    outputs: list[Any] = [{"text": "x" * 5_000}, LARGE, [], None]
    for output in outputs:
        run = await completed(rest, api, project, output=output)

        detail = await rest.ok("GET", f"/runs/{run}")

        is_large = output is LARGE
        assert detail["output"] == (None if is_large else output)
        assert (detail["output_url"] is not None) == is_large
        assert (await rest.send("GET", f"/runs/{run}/output")).json() == output


async def test_an_output_of_another_run_is_not_read_and_one_that_is_gone_is_not_found(
    rest: Rest, api: Api, project: Project, storage: StorageConfig
) -> None:
    owner = await completed(rest, api, project, output=LARGE)
    reference = (await project.run(owner))["status"]["runner"]["outcome"]["outputRef"]
    thief = await completed(rest, api, project, outputRef=reference)

    detail = await rest.ok("GET", f"/runs/{thief}")

    assert (detail["output"], detail["output_url"]) == (None, None)
    assert (await rest.send("GET", f"/runs/{thief}/output")).json() is None
    store = MinioStore(storage)
    try:
        await store.delete_many([reference])
    finally:
        await store.aclose()
    assert (await rest.ok("GET", f"/runs/{owner}"))["output"] is None
    problem = await rest.refused(404, "GET", f"/runs/{owner}/output")
    assert problem["type"].endswith("/output-not-found")


@pytest.fixture
async def cut_off(plane: Any, database: str, storage: StorageConfig) -> AsyncIterator[Api]:
    """A replica that cannot reach the storage."""
    away = dataclasses.replace(storage, endpoint="http://127.0.0.1:9")
    async with running_api(plane, settings_for(database, away)) as api:
        yield api


async def test_with_storage_away_the_run_is_shown_and_its_output_asked_for_again(
    rest: Rest, api: Api, cut_off: Api, project: Project
) -> None:
    run = await completed(rest, api, project, output=LARGE)

    async with rest_of(cut_off, project) as there:
        detail = await there.ok("GET", f"/runs/{run}")
        problem = await there.refused(503, "GET", f"/runs/{run}/output")

    assert detail["status"] == "COMPLETED"
    assert detail["output_url"]
    assert problem["type"].endswith("/storage-unavailable")
