"""With Postgres or the object storage away, what does not need them goes on; when they are back, so is all the rest."""

import asyncio
import dataclasses
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import InvalidStatus

from graphrun_api.db.migrate import migrate
from support.api_world import Project, now, rest_of, runner_of, running_api, settings_for
from support.postgres import running_postgres
from support.streams import custom, many_of, places, run_socket, sse_of, taken
from support.waiting import eventually

NOWHERE = "postgresql://graphrun@127.0.0.1:9/none"


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


async def test_without_postgres_runs_are_made_claimed_commanded_and_reported(
    plane: Any, storage: Any, project: Project
) -> None:
    async with running_api(plane, settings_for(NOWHERE, storage)) as api, rest_of(api, project) as rest:
        run = await rest.create(params={"execute": "true"})
        async with runner_of(api, project, await project.pod_for(run)) as runner:
            await runner.claimed()
            await project.status(run, phase="Running", attempt=1)
            refused = await runner.send(runner.event("run_started"))
            poll = asyncio.create_task(runner.command("Running", 20))
            paused = await rest.ok("POST", f"/runs/{run}/pause", params={"wait": 0})
            command = (await poll).json()
            status = await rest.ok("GET", f"/runs/{run}/status")
            report = await runner.report(stopped=True, outcome={"result": "Paused", "exitCode": 80})
        await rest.refused(503, "GET", "/runs")
        await rest.refused(503, "GET", f"/runs/{run}/events")
        await rest.refused(503, "GET", "/runs/nosuch/status")
        detail = await rest.ok("GET", f"/runs/{run}")
        assert (await rest.http.get("/readyz")).status_code == 200

    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert paused["status"] == "PAUSING"
    assert command["state"] == "Paused"
    assert status["degraded"] == ["history"]
    assert status["status"] == "PAUSING"
    assert report.status_code == 204
    assert detail["run_id"] == run


async def test_history_converges_once_the_tables_are_there(
    plane: Any, empty_database: str, storage: Any, project: Project
) -> None:
    async with (
        running_api(plane, settings_for(empty_database, storage)) as api,
        rest_of(api, project) as rest,
    ):
        run = await rest.create(params={"execute": "true"})
        await project.status(run, phase="Succeeded", startTime=now(), completionTime=now(), attempt=1)
        problem = await rest.refused(503, "GET", "/runs")
        await migrate(empty_database)

        async def listed() -> list[Any]:
            answer = await rest.send("GET", "/runs")
            return [item["status"] for item in answer.json().get("items", [])]

        await eventually(listed, lambda found: found == ["COMPLETED"], seconds=20)

    assert "migrate" in problem["detail"]


async def test_a_run_deleted_while_nobody_watched_is_archived_on_the_next_start(
    plane: Any, database: str, storage: Any, project: Project
) -> None:
    async with running_api(plane, settings_for(database, storage)) as api, rest_of(api, project) as rest:
        run = await rest.create(params={"execute": "true"})
        await eventually(lambda: rest.ok("GET", "/runs"), lambda page: page["items"], seconds=10)
    await project.kube.call("DELETE", project.path("workflowruns", run))
    await project.apply_run("unseen", state="Pending")

    async with running_api(plane, settings_for(database, storage)) as api, rest_of(api, project) as rest:

        async def listed() -> dict[str, Any]:
            items = (await rest.ok("GET", "/runs"))["items"]
            return {item["run_id"]: (item["status"], item["archived"]) for item in items}

        found = await eventually(listed, lambda seen: seen.get(run) == ("CANCELLED", True), seconds=15)

    assert found["unseen"] == ("PENDING", False)


async def test_of_two_replicas_one_writes_the_history_and_the_other_takes_over(
    plane: Any, database: str, storage: Any, project: Project
) -> None:
    settings = settings_for(database, storage)
    async with running_api(plane, settings) as second:
        async with running_api(plane, settings), rest_of(second, project) as rest:
            await project.apply_run("one", state="Pending")
            await eventually(
                lambda: rest.ok("GET", "/runs"), lambda page: len(page["items"]) == 1, seconds=15
            )
        async with rest_of(second, project) as rest:
            await project.apply_run("two", state="Pending")
            await eventually(
                lambda: rest.ok("GET", "/runs"), lambda page: len(page["items"]) == 2, seconds=15
            )
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(
        "SELECT run_uid, seq, count(*) FROM run_event GROUP BY 1, 2 HAVING count(*) > 1"
    )
    await connection.close()
    assert rows == []


async def test_without_object_storage_only_large_inputs_are_refused(
    plane: Any, database: str, storage: Any, project: Project
) -> None:
    away = dataclasses.replace(storage, endpoint="http://127.0.0.1:9")
    async with running_api(plane, settings_for(database, away)) as api, rest_of(api, project) as rest:
        await rest.create({"text": "small"})
        body = {"workflow": "flow", "input_data": {"text": "x" * 70_000}}
        await rest.refused(503, "POST", "/runs", json=body)
        runs = (await rest.ok("GET", "/runs"))["items"]

    assert len(runs) == 1


async def test_streams_that_are_opened_without_postgres_are_refused(
    plane: Any, storage: Any, project: Project
) -> None:
    async with running_api(plane, settings_for(NOWHERE, storage)) as api, rest_of(api, project) as rest:
        run = await rest.create(params={"execute": "true"})
        with pytest.raises(InvalidStatus) as single:
            await run_socket(api, rest, run)
        with pytest.raises(InvalidStatus) as many:
            async with many_of(api, rest):
                pass
        with pytest.raises(InvalidStatus) as by_ticket:
            async with many_of(api, rest, "?ticket=x", {}):
                pass
        for refused in (single, many, by_ticket):
            assert refused.value.response.status_code == 503
            assert b"history-unavailable" in refused.value.response.body
        async with sse_of(rest, run) as stream:
            assert stream.answer.status_code == 503
        answer = await rest.http.post("/api/stream-tickets", json={"project": project.name})
        assert answer.status_code == 503


async def test_open_streams_outlast_a_crash_of_postgres_without_loss(
    plane: Any, storage: Any, project: Project
) -> None:
    with running_postgres() as server:
        dsn = await server.make_history()
        async with running_api(plane, settings_for(dsn, storage)) as api, rest_of(api, project) as rest:
            run = await rest.create(params={"execute": "true"})
            async with runner_of(api, project, await project.pod_for(run)) as runner:
                await runner.claimed()
                await runner.sent(custom(runner, 0))
                async with (
                    run_socket(api, rest, run) as single,
                    many_of(api, rest) as many,
                    sse_of(rest, run) as stream,
                ):
                    await many.subscribed("all", project=True)
                    assert len(await taken(single, 2)) == len(await stream.events(2)) == 2
                    for seq in (3, 4):
                        await server.crash()
                        event = custom(runner, seq)
                        await eventually(
                            lambda event=event: runner.send(event),  # type: ignore[misc] # bound for this round
                            lambda answer: answer.status_code == 204,
                        )
                        assert [found["seq"] for found in await taken(single, 1)] == [seq]
                        assert [found["seq"] for found in await stream.events(1)] == [seq]
                        assert places(await many.events(1)) == [(run, seq)]
