"""The same request sent twice under an Idempotency-Key changes a run once, on whichever replica; ETags; Prefer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.api_world import Api, Project, Rest, now, rest_of
from support.waiting import eventually

Json = dict[str, Any]
KEY = {"Idempotency-Key": "k1"}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def elsewhere(other: Api, project: Project) -> AsyncIterator[Rest]:
    """The same person at a second replica."""
    async with rest_of(other, project) as rest:
        yield rest


async def running(rest: Rest, project: Project) -> str:
    run = await rest.create(params={"execute": "true"})
    await project.status(run, phase="Running", attempt=1, startTime=now())
    await rest.until_status(run, "RUNNING")
    return run


async def version(project: Project, run: str) -> str:
    found: str = (await project.run(run))["metadata"]["resourceVersion"]
    return found


# A body, and another one.
VERBS: dict[str, tuple[Json, Json]] = {
    "execute": ({}, {"input_data": {"a": 1}}),
    "pause": ({"deadline_seconds": 5}, {"deadline_seconds": 6}),
    "resume": ({"value": 1}, {"value": 2}),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_sent_twice_changes_the_run_once_and_another_one_under_the_key_is_refused(
    rest: Rest, elsewhere: Rest, project: Project, verb: str
) -> None:
    body, another = VERBS[verb]
    run = await rest.create()
    if verb != "execute":
        await rest.ok("POST", f"/runs/{run}/execute")
        phase = {"pause": "Running", "resume": "AwaitingInput"}[verb]
        await project.status(run, phase=phase, attempt=1, startTime=now())
        await eventually(
            lambda: rest.ok("GET", f"/runs/{run}"), lambda seen: verb in seen["allowed"], seconds=15
        )
    options: Json = {"headers": KEY, "params": {"wait": 0} if verb == "pause" else {}}
    path = f"/runs/{run}/{verb}"

    first = await rest.send("POST", path, json=body, **options)
    once = await version(project, run)
    again = [await each.send("POST", path, json=body, **options) for each in (rest, elsewhere)]
    for each in (rest, elsewhere):
        problem = await each.refused(422, "POST", path, json=another, **options)
        assert problem["type"].endswith("/idempotency-key-reused")

    assert first.status_code == 202, first.text
    for answer in again:
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == first.json()["status"]
    assert await version(project, run) == once


async def test_a_repeated_pause_does_not_pause_again_what_went_on_since(
    rest: Rest, elsewhere: Rest, project: Project
) -> None:
    run = await running(rest, project)
    options: Json = {"params": {"wait": 0}}
    await rest.ok("POST", f"/runs/{run}/pause", headers={"Idempotency-Key": "first"}, **options)
    # joins the pause that is under way
    await rest.ok("POST", f"/runs/{run}/pause", headers=KEY, **options)
    await project.ask(run, state="Running")
    await rest.until_status(run, "RUNNING")

    for each in (rest, elsewhere):
        await each.ok("POST", f"/runs/{run}/pause", headers=KEY, **options)

    assert (await project.run(run))["spec"]["state"] == "Running"
    assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "RUNNING"


async def test_a_repeated_cancel_answers_alike_and_a_key_belongs_to_one_person(
    rest: Rest, api: Api, project: Project
) -> None:
    await project.make_account("second", ["get", "list", "patch"])
    run = await running(rest, project)
    await rest.ok("POST", f"/runs/{run}/cancel", headers=KEY)
    await project.status(run, phase="Cancelled", completionTime=now())
    await rest.until_status(run, "CANCELLED")

    answers = [await rest.ok("POST", f"/runs/{run}/cancel", headers=KEY) for _ in range(2)]
    async with rest_of(api, project, "second") as second:
        await second.refused(400, "POST", f"/runs/{run}/pause", headers=KEY)
    problem = await rest.refused(422, "POST", f"/runs/{run}/pause", headers=KEY)

    assert answers[0] == answers[1]
    assert answers[0]["status"] == "CANCELLED"
    assert problem["type"].endswith("/idempotency-key-reused")


async def test_the_same_verb_at_once_on_two_replicas_changes_the_run_once(
    rest: Rest, elsewhere: Rest, project: Project
) -> None:
    run = await running(rest, project)
    await project.status(run, phase="AwaitingInput")
    for each in (rest, elsewhere):
        await each.until_status(run, "INTERRUPTED")

    answers = await asyncio.gather(
        *(
            each.send("POST", f"/runs/{run}/resume", json={"value": 7}, headers=KEY)
            for each in (rest, elsewhere) * 3
        )
    )
    written = (await project.run(run))["spec"]["resume"]
    again = await elsewhere.send("POST", f"/runs/{run}/resume", json={"value": 7}, headers=KEY)

    assert [answer.status_code for answer in (*answers, again)] == [202] * 7
    assert (await project.run(run))["spec"]["resume"] == written


async def test_a_key_of_one_run_says_nothing_of_another(rest: Rest, project: Project) -> None:
    runs = [await rest.create() for _ in range(2)]

    for run in runs:
        await rest.ok("POST", f"/runs/{run}/execute", headers=KEY)

    for run in runs:
        assert (await project.run(run))["spec"]["state"] == "Running"


# --- ETags
async def test_a_run_known_by_its_etag_is_not_sent_again_and_a_changed_one_is(rest: Rest) -> None:
    run = await rest.create()
    tag = (await rest.send("GET", f"/runs/{run}")).headers["etag"]

    for known in (tag, f'"x", W/{tag}', "*"):
        answer = await rest.send("GET", f"/runs/{run}", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    await rest.ok("POST", f"/runs/{run}/execute")
    changed = await rest.send("GET", f"/runs/{run}", headers={"If-None-Match": tag})

    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_the_etag_of_a_run_changes_when_its_resource_goes(rest: Rest) -> None:
    run = await rest.create()
    await eventually(lambda: rest.ok("GET", "/runs"), lambda page: page["items"], seconds=15)
    tag = (await rest.send("GET", f"/runs/{run}")).headers["etag"]
    await rest.ok("DELETE", f"/runs/{run}", params={"cancel": "true"})

    async def archived() -> bool:
        answer = await rest.send("GET", f"/runs/{run}", headers={"If-None-Match": tag})
        return answer.status_code == 200 and bool(answer.json()["archived"])

    await eventually(archived, seconds=20)


async def test_a_verb_on_an_older_view_than_if_match_says_is_refused_and_changes_nothing(
    rest: Rest, elsewhere: Rest, project: Project
) -> None:
    run = await rest.create()
    old = (await rest.send("GET", f"/runs/{run}")).headers["etag"]
    await project.kube.call(
        "PATCH",
        project.path("workflowruns", run),
        {"metadata": {"labels": {"a": "b"}}},
        "application/merge-patch+json",
    )
    before = await version(project, run)

    for each in (rest, elsewhere):
        for method, path in (("POST", "/execute"), ("POST", "/cancel"), ("DELETE", "?cancel=true")):
            problem = await each.refused(412, method, f"/runs/{run}{path}", headers={"If-Match": old})
            assert problem["type"].endswith("/changed-since")
    for wrong in ("12", '"1", "2"', '""'):
        problem = await rest.refused(422, "POST", f"/runs/{run}/cancel", headers={"If-Match": wrong})
        assert "If-Match" in problem["detail"]
    assert await version(project, run) == before

    await elsewhere.ok("POST", f"/runs/{run}/execute", headers={"If-Match": f'"{before}"'})
    assert (await project.run(run))["spec"]["state"] == "Running"


async def test_workflows_have_etags_too(rest: Rest) -> None:
    read = await rest.send("GET", "/flow")
    tag = read.headers["etag"]
    spec = {**read.json()["spec"], "maxConcurrentRuns": 3}

    known = await rest.send("GET", "/flow", headers={"If-None-Match": tag})
    put = await rest.send("PUT", "/flow", json={"spec": spec}, headers={"If-Match": tag})
    for method, body in (("PUT", {"spec": spec}), ("DELETE", None)):
        await rest.refused(412, method, "/flow", json=body, headers={"If-Match": tag})
    deleted = await rest.send("DELETE", "/flow", headers={"If-Match": put.headers["etag"]})

    assert (known.status_code, known.content) == (304, b"")
    assert put.status_code == 200
    assert put.headers["etag"] != tag
    assert deleted.status_code == 204


# --- Prefer
@pytest.mark.parametrize(("phase", "status"), [("Succeeded", "COMPLETED"), ("AwaitingInput", "INTERRUPTED")])
async def test_execute_waits_for_the_end_where_that_is_preferred(
    rest: Rest, project: Project, phase: str, status: str
) -> None:
    run = await rest.create()
    asked = asyncio.create_task(
        rest.send("POST", f"/runs/{run}/execute", headers={"Prefer": "respond-async, wait=30"})
    )
    await eventually(lambda: project.run(run), lambda seen: seen["spec"]["state"] == "Running", seconds=20)
    await project.status(run, phase=phase, attempt=1, startTime=now())
    answer = await asked

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == status
    assert answer.headers["preference-applied"] == "wait=30"


async def test_execute_answers_as_ever_once_the_wait_is_over(rest: Rest) -> None:
    run = await rest.create()

    answer = await rest.send("POST", f"/runs/{run}/execute", headers={"Prefer": "wait=1"})

    assert answer.status_code == 202
    assert answer.json()["status"] == "RUNNING"
    assert answer.headers["preference-applied"] == "wait=1"


async def test_waiting_for_the_end_takes_the_right_to_read_it(rest: Rest, api: Api, project: Project) -> None:
    await project.make_account("starter", ["list", "patch"])
    run = await rest.create()

    async with rest_of(api, project, "starter") as starter:
        await starter.refused(403, "POST", f"/runs/{run}/execute", headers={"Prefer": "wait=5"})
        unchanged = (await project.run(run))["spec"]["state"]
        await starter.ok("POST", f"/runs/{run}/execute")

    assert unchanged == "Pending"
