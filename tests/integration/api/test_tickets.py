"""Tickets and origins: how browsers come in, which can send no headers with a stream and open sockets to anywhere."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from graphrun_api.events import socket
from graphrun_api.events.tickets import session_end
from graphrun_core import names
from support.api_world import Api, Kube, Project, Rest, Runner, rest_of, runner_of, running_api, settings_for
from support.streams import custom, many_of, run_socket, socket_url, sse_of, taken


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def runner(api: Api, rest: Rest, project: Project) -> AsyncIterator[Runner]:
    """Of a run that has two events."""
    pod = await project.pod_for(await rest.create(params={"execute": "true"}))
    async with runner_of(api, project, pod) as runner:
        await runner.claimed()
        await runner.sent(custom(runner, 0))
        yield runner


@pytest.fixture
def run(runner: Runner) -> str:
    name: str = runner.pod["metadata"]["labels"][names.LABEL_RUN]
    return name


async def ticket(rest: Rest, run: str = "", project: str = "") -> str:
    body = {"project": project or rest.project.name, **({"run_id": run} if run else {})}
    answer = await rest.http.post("/api/stream-tickets", json=body)
    assert answer.status_code == 201, answer.text
    text: str = answer.json()["ticket"]
    return text


def with_ticket(api: Api, rest: Rest, run: str, text: str, **headers: str) -> connect:
    url = socket_url(api, rest, f"/{run}/stream?ticket={text}")
    return connect(url, additional_headers=headers, proxy=None)


async def refusal(opening: connect) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        await opening
    response = refused.value.response
    return response.status_code, json.loads(response.body)


async def test_a_ticket_opens_one_stream_on_any_replica(api: Api, other: Api, rest: Rest, run: str) -> None:
    text = await ticket(rest, run)
    async with with_ticket(other, rest, run, text) as connection:
        assert [event["seq"] for event in await taken(connection, 2)] == [1, 2]
    for replica in (other, api):
        status, problem = await refusal(with_ticket(replica, rest, run, text))
        assert status == 401
        assert "used" in problem["detail"]


async def test_of_many_who_use_a_ticket_at_once_one_comes_in(
    api: Api, other: Api, rest: Rest, run: str
) -> None:
    text = await ticket(rest, run)

    async def status_for(replica: Api) -> int:
        try:
            async with with_ticket(replica, rest, run, text) as connection:
                await taken(connection, 2)
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    statuses = await asyncio.gather(*(status_for(replica) for replica in (api, other) * 3))
    assert sorted(statuses) == [101, *[401] * 5]


async def test_a_ticket_also_opens_server_sent_events_and_the_socket_of_many(
    api: Api, rest: Rest, run: str
) -> None:
    text = await ticket(rest, run)
    async with sse_of(rest, run, f"?ticket={text}", Authorization="") as stream:
        assert [event["seq"] for event in await stream.events(2)] == [1, 2]
    text = await ticket(rest)
    async with many_of(api, rest, f"?ticket={text}", {}) as many:
        await many.subscribed("all", project=True)
        await many.subscribed("one", run=run)


async def test_a_ticket_is_good_for_its_run_and_its_project_alone(
    api: Api, rest: Rest, kube: Kube, run: str
) -> None:
    elsewhere = await Project.make(kube)
    await elsewhere.workflow()
    another = await rest.create(params={"execute": "true"})
    async with rest_of(api, elsewhere) as foreign:
        theirs = await foreign.create(params={"execute": "true"})
        for text, where, name in (
            (await ticket(rest, run), rest, another),
            (await ticket(rest, run), foreign, theirs),
            (await ticket(rest), foreign, theirs),
            (await ticket(foreign), rest, run),
        ):
            assert (await refusal(with_ticket(api, where, name, text)))[0] == 401
        with pytest.raises(InvalidStatus) as refused:
            async with many_of(api, rest, f"?ticket={await ticket(rest, run)}", {}):
                pass
        assert refused.value.response.status_code == 401
        answer = await rest.http.post("/api/stream-tickets", json={"project": elsewhere.name})
        assert answer.status_code == 404
    # no ticket stands in for a token elsewhere
    query = {"ticket": await ticket(rest, run)}
    await rest.refused(401, "GET", f"/runs/{run}/events", params=query, headers={"Authorization": ""})


async def test_a_ticket_grows_old(api: Api, rest: Rest, run: str, database: str) -> None:
    began = datetime.now(UTC)
    answer = await rest.http.post("/api/stream-tickets", json={"project": rest.project.name, "run_id": run})
    expires = datetime.fromisoformat(answer.json()["expires_at"])
    assert 20 < (expires - began).total_seconds() < 60
    admin = await asyncpg.connect(database)
    await admin.execute("UPDATE stream_ticket SET expires_at = now()")
    # nor does the table hold what opens a stream
    assert answer.json()["ticket"] not in str(await admin.fetch("SELECT * FROM stream_ticket"))
    await admin.close()
    assert (await refusal(with_ticket(api, rest, run, answer.json()["ticket"])))[0] == 401


async def test_who_may_not_watch_gets_no_ticket(api: Api, rest: Rest, project: Project, run: str) -> None:
    async with rest_of(api, project, "viewer") as viewer, rest_of(api, project, "stranger") as stranger:
        for who, status in ((viewer, 403), (stranger, 404)):
            answer = await who.http.post("/api/stream-tickets", json={"project": project.name, "run_id": run})
            assert answer.status_code == status
    body = {"project": project.name}
    answer = await rest.http.post("/api/stream-tickets", json=body, headers={"Authorization": ""})
    assert answer.status_code == 401
    for wrong in ({}, {"project": project.name, "run_id": "../x"}, {"project": project.name, "for": "all"}):
        assert (await rest.http.post("/api/stream-tickets", json=wrong)).status_code == 422


@pytest.mark.parametrize("text", ["", "x", "%00", "é", "a" * 2000])
async def test_a_made_up_ticket_opens_nothing(api: Api, rest: Rest, run: str, text: str) -> None:
    assert (await refusal(with_ticket(api, rest, run, text)))[0] == 401


async def test_the_stream_ends_when_the_token_would_have(
    api: Api, rest: Rest, run: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "RIGHT_CHECK_SECONDS", 0.2)
    text = await ticket(rest, run)
    admin = await asyncpg.connect(database)
    [row] = await admin.fetch("SELECT grant_ FROM stream_ticket")
    grant = json.loads(row["grant_"])
    assert grant["until"] == session_end(rest.token)
    # as if that token had ended just now
    shorter = {**grant, "until": datetime.now(UTC).timestamp()}
    await admin.execute("UPDATE stream_ticket SET grant_ = $1", json.dumps(shorter))
    await admin.close()
    async with with_ticket(api, rest, run, text) as connection:
        await asyncio.wait_for(connection.wait_closed(), 30)
    assert connection.close_code == 1008


async def test_who_came_by_ticket_and_loses_the_right_loses_the_stream(
    api: Api, rest: Rest, project: Project, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "RIGHT_CHECK_SECONDS", 0.2)
    async with with_ticket(api, rest, run, await ticket(rest, run)) as connection:
        await taken(connection, 2)
        base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}/rolebindings/editor"
        await project.kube.call("DELETE", base)
        await asyncio.wait_for(connection.wait_closed(), 30)
    assert connection.close_code == 1008


def test_a_token_tells_when_its_streams_end() -> None:
    def token(claims: object) -> str:
        middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"head.{middle}.signature"

    assert session_end(token({"exp": 1234})) == 1234
    for without in ("opaque", "a.b.c", token({}), token([1]), token({"exp": "soon"})):
        assert session_end(without) > datetime.now(UTC).timestamp() + 1800


async def test_pages_of_foreign_sites_open_no_stream(api: Api, rest: Rest, run: str) -> None:
    token = f"Bearer {rest.token}"
    for origin in ("https://evil.example", "null", "http://[", "http://127.0.0.1:1"):
        status, problem = await refusal(run_socket(api, rest, run, origin=origin))
        assert status == 403, origin
        assert problem["type"].endswith("origin-refused")
        with pytest.raises(InvalidStatus) as refused:
            async with many_of(api, rest, headers={"Authorization": token, "Origin": origin}):
                pass
        assert refused.value.response.status_code == 403
        async with sse_of(rest, run, Origin=origin) as stream:
            assert stream.answer.status_code == 403
    async with run_socket(api, rest, run, origin=api.url) as connection:  # our own pages
        await taken(connection, 2)


async def test_pages_of_named_sites_may_open_streams(
    plane: Any, database: str, storage: Any, project: Project
) -> None:
    settings = settings_for(database, storage)
    named = settings.model_copy(update={"cors_origins": "https://app.example, https://b.example"})
    async with running_api(plane, named) as api, rest_of(api, project) as rest:
        for origin in ("https://app.example", "https://b.example"):
            headers = {"Authorization": f"Bearer {rest.token}", "Origin": origin}
            async with many_of(api, rest, headers=headers) as many:
                await many.subscribed("all", project=True)
        with pytest.raises(InvalidStatus) as refused:
            async with many_of(api, rest, headers={**headers, "Origin": "https://c.example"}):
                pass
        assert refused.value.response.status_code == 403
