"""What each verb answers in each state, and that a refused one changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from support.api_world import Api, Project, Rest, now, runner_of
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow(inputSchema={"type": "object", "properties": {"text": {"type": "string"}}})


@asynccontextmanager
async def operator_answers(project: Project, run: str, wanted: str, **status: Any) -> AsyncIterator[None]:
    """Writes this status as soon as `wanted` stands in spec.state."""

    async def answer() -> None:
        await eventually(lambda: project.run(run), lambda seen: seen["spec"]["state"] == wanted, seconds=20)
        await project.status(run, **status)

    task = asyncio.create_task(answer())
    try:
        yield
        await task
    finally:
        task.cancel()


STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "PENDING": ("Pending", {}),
    "RUNNING": ("Running", {"phase": "Running", "attempt": 1}),
    "PAUSED": ("Paused", {"phase": "Paused", "attempt": 1}),
    "INTERRUPTED": ("Running", {"phase": "AwaitingInput", "attempt": 1}),
    "COMPLETED": ("Running", {"phase": "Succeeded", "attempt": 1}),
    "FAILED": ("Running", {"phase": "Failed", "attempt": 1}),
    "CANCELLED": ("Cancelled", {"phase": "Cancelled"}),
    "CANCELLING": ("Cancelled", {"phase": "Cancelling", "attempt": 1}),
    "PAUSING": ("Paused", {"phase": "Pausing", "attempt": 1}),
}
REFUSED = {
    "execute": {status: 409 if status == "COMPLETED" else 400 for status in STATES if status != "PENDING"},
    "pause": {status: 400 for status in STATES if status not in ("RUNNING", "PAUSING")},
    "resume": {status: 400 for status in STATES if status not in ("PAUSED", "INTERRUPTED")},
    "cancel": {"COMPLETED": 400, "FAILED": 400},
}


@pytest.mark.parametrize("status", STATES)
async def test_a_verb_in_the_wrong_state_is_refused_and_changes_nothing(
    rest: Rest, project: Project, status: str
) -> None:
    state, shown = STATES[status]
    await project.apply_run("run", state="Pending" if state == "Pending" else "Running")
    if state not in ("Pending", "Running"):
        await project.ask("run", state=state)
    if shown:
        await project.status("run", **shown)
    await rest.until_status("run", status)
    before = await project.run("run")

    for verb, table in REFUSED.items():
        if status in table:
            problem = await rest.refused(table[status], "POST", f"/runs/run/{verb}")
            assert status in problem["detail"] or "already completed" in problem["detail"]
    if status not in ("COMPLETED", "FAILED", "CANCELLED"):
        await rest.refused(409, "DELETE", "/runs/run")

    after = await project.run("run")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_verbs_on_an_unknown_run_are_not_found(rest: Rest) -> None:
    for verb in ("execute", "pause", "resume", "cancel"):
        await rest.refused(404, "POST", f"/runs/nosuch/{verb}")
    for path in ("", "/status", "/output", "/events"):
        await rest.refused(404, "GET", f"/runs/nosuch{path}")
    await rest.refused(404, "DELETE", "/runs/nosuch")


async def test_cancel_answers_200_once_the_operator_has_shown_it_and_the_same_again(
    rest: Rest, project: Project
) -> None:
    run = await rest.create(params={"execute": "true"})

    async with operator_answers(project, run, "Cancelled", phase="Cancelled", completionTime=now()):
        answer = await rest.send("POST", f"/runs/{run}/cancel")
    again = await rest.send("POST", f"/runs/{run}/cancel")

    assert answer.status_code == again.status_code == 200
    assert answer.json() == again.json()
    assert answer.json()["status"] == "CANCELLED"
    assert answer.json()["cancelled_at"]


async def test_cancel_without_proof_answers_202_after_a_second(rest: Rest, project: Project) -> None:
    run = await rest.create(params={"execute": "true"})

    answer = await rest.send("POST", f"/runs/{run}/cancel")

    assert answer.status_code == 202
    assert answer.json()["status"] == "CANCELLING"
    assert answer.json()["cancelled_at"] is None
    assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "CANCELLING"
    assert (await project.run(run))["metadata"]["annotations"]["graphrun.dev/requested-by"].endswith(
        ":editor"
    )


async def test_cancel_that_loses_to_the_end_of_the_run_is_refused(rest: Rest, project: Project) -> None:
    run = await rest.create(params={"execute": "true"})

    async with operator_answers(project, run, "Cancelled", phase="Succeeded"):
        problem = await rest.refused(400, "POST", f"/runs/{run}/cancel")

    assert "already COMPLETED" in problem["detail"]


async def test_a_reported_success_wins_before_the_operator_has_seen_it(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await rest.create(params={"execute": "true"})
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "output": 1})

    await rest.refused(400, "POST", f"/runs/{run}/cancel")

    assert (await project.run(run))["spec"]["state"] == "Running"


async def test_a_verb_waits_for_what_follows_from_a_reported_failure(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await rest.create(params={"execute": "true"})
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(stopped=True, outcome={"result": "Failed", "exitCode": 83})
    asked = asyncio.create_task(rest.send("POST", f"/runs/{run}/cancel"))
    await asyncio.sleep(0.3)
    await project.status(run, phase="Failed")

    assert (await asked).status_code == 400
    assert (await project.run(run))["spec"]["state"] == "Running"


async def test_pause_answers_200_with_the_checkpoint_once_it_is_paused(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await rest.create(params={"execute": "true"})
    checkpoint = {"id": "1ef-7", "step": 3, "time": now()}
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await project.status(run, phase="Running", attempt=1)
        async with operator_answers(project, run, "Paused", phase="Pausing"):
            asked = asyncio.create_task(
                rest.send("POST", f"/runs/{run}/pause", json={"on_deadline": "Interrupt"})
            )
        await runner.report(stopped=True, outcome={"result": "Paused", "exitCode": 80}, checkpoint=checkpoint)
        await project.status(run, phase="Paused", pausedTime=now())
        answer = await asked

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "PAUSED"
    assert answer.json()["checkpoint_id"] == "1ef-7"
    assert answer.json()["paused_at"]
    assert (await project.run(run))["spec"]["pause"] == {"onDeadline": "Interrupt"}


async def test_each_resume_is_a_new_one_and_replaces_the_last_whole(rest: Rest, project: Project) -> None:
    await project.apply_run("run")
    await project.status("run", phase="AwaitingInput", attempt=1)
    await rest.until_status("run", "INTERRUPTED")

    first = await rest.send("POST", "/runs/run/resume", json={"value": {"a": 1}, "checkpoint_id": "c1"})
    first_resume = (await project.run("run"))["spec"]["resume"]
    shown = (await rest.ok("GET", "/runs/run/status"))["status"]
    await project.status(
        "run", phase="AwaitingInput", attempt=2, resume={"id": first_resume["id"], "attempt": 2}
    )
    await rest.until_status("run", "INTERRUPTED")
    await rest.ok("POST", "/runs/run/resume", {"value": {"b": [2]}})
    second_resume = (await project.run("run"))["spec"]["resume"]

    assert first.status_code == 202
    assert first.json()["status"] == shown == "RUNNING"
    assert first_resume["value"] == {"a": 1}
    assert first_resume["checkpointID"] == "c1"
    assert second_resume == {"id": second_resume["id"], "value": {"b": [2]}}
    assert second_resume["id"] != first_resume["id"]


async def test_execute_may_bring_another_input_of_any_size(rest: Rest, project: Project) -> None:
    run = await rest.create({"text": "first"})
    await rest.refused(422, "POST", f"/runs/{run}/execute", json={"input_data": {"text": 5}})

    await rest.ok("POST", f"/runs/{run}/execute", {"input_data": {"text": "x" * 70_000}})

    spec = (await project.run(run))["spec"]
    assert spec["state"] == "Running"
    assert "input" not in spec
    assert spec["inputRef"].endswith("/input.json")


async def test_two_people_who_execute_at_once_start_it_once(rest: Rest) -> None:
    run = await rest.create()

    answers = await asyncio.gather(*(rest.send("POST", f"/runs/{run}/execute") for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [202, 400, 400, 400, 400, 400]


async def test_deleting_a_live_run_needs_the_word_cancel_and_its_history_stays(rest: Rest) -> None:
    run = await rest.create(params={"execute": "true"})
    await rest.refused(409, "DELETE", f"/runs/{run}")

    answer = await rest.send("DELETE", f"/runs/{run}", params={"cancel": "true"})

    assert answer.status_code == 204

    async def archived() -> bool:
        answer = await rest.send("GET", f"/runs/{run}")
        return (
            answer.status_code == 200 and answer.json()["archived"] and answer.json()["status"] == "CANCELLED"
        )

    await eventually(archived, seconds=10)
    assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "CANCELLED"
    events = (await rest.ok("GET", f"/runs/{run}/events"))["items"]
    assert [event["type"] for event in events] == ["run_cancelled"]
    await rest.refused(404, "DELETE", f"/runs/{run}")
