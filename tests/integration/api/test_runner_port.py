"""The runner protocol against the rules of the claim: who may run, who is superseded, what is written and how often."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphrun_api.revision_facts import RevisionFacts
from graphrun_api.runner_port.refresher import Refresher
from graphrun_core import names
from support.api_world import (
    GRAPH,
    MERGE,
    Api,
    Project,
    Rest,
    Runner,
    now,
    runner_of,
)
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow(defaults={"pause": {"deadlineSeconds": 5}, "timeouts": {"activeSeconds": 100}})


@pytest.fixture
async def runner(api: Api, project: Project, run: str) -> AsyncIterator[Runner]:
    """The runner of the first attempt's pod; it has not claimed yet."""
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        yield runner


@pytest.fixture
async def run(rest: Rest) -> str:
    return await rest.create({"n": 1}, params={"execute": "true"})


def runner_status(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest.get("status", {}).get("runner", {})
    return found


async def test_of_two_pods_that_claim_at_once_one_gets_the_attempt(
    api: Api, project: Project, run: str
) -> None:
    first = await project.pod_for(run)
    body = {key: value for key, value in first.items() if key in ("spec",)}
    meta = {key: first["metadata"][key] for key in ("labels", "ownerReferences", "finalizers")}
    second = await project.kube.call(
        "POST",
        f"/api/v1/namespaces/{project.namespace}/pods",
        {"metadata": {**meta, "name": f"{run}-twin"}, **body},
    )
    async with runner_of(api, project, first) as one, runner_of(api, project, second) as two:
        answers = await asyncio.gather(one.claim(), two.claim())
        loser = (one, two)[answers[1].status_code == 409]
        said = [await loser.send(loser.event("run_started")), await loser.report(stopped=True)]

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [answer.status_code for answer in said] == [409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert refused["state"] == "Running"
    winner = (first, second)[answers[0].status_code == 409]
    assert runner_status(await project.run(run))["podUID"] == winner["metadata"]["uid"]


async def test_a_repeated_claim_gets_the_same_answer_and_writes_nothing(
    api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        first = await runner.claimed()
        before = (await project.run(run))["metadata"]["resourceVersion"]
        again = await runner.claimed()

    assert again == first
    assert (await project.run(run))["metadata"]["resourceVersion"] == before
    assert first["activeSecondsLeft"] == 100
    assert first["pause"] == {"deadlineSeconds": 5, "onDeadline": "Wait"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Paused", {}),
        ("Cancelled", {}),
        ("Running", {"phase": "AwaitingInput", "attempt": 1}),
        ("Running", {"phase": "Starting", "attempt": 2}),
        ("Running", {"phase": "Failed"}),
    ],
)
async def test_a_claim_is_refused_where_the_rules_say_so(
    api: Api, project: Project, run: str, state: str, status: dict[str, Any]
) -> None:
    pod = await project.pod_for(run)
    await project.ask(run, state=state)
    if status:
        await project.status(run, **status)

    async with runner_of(api, project, pod) as runner:
        answer = await runner.claim()

    assert answer.status_code == 409
    assert answer.json()["state"] == state
    assert runner_status(await project.run(run)) == {}


async def test_a_claim_racing_other_writers_is_decided_on_the_newest_view(
    api: Api, project: Project, run: str
) -> None:
    pod = await project.pod_for(run)

    async def write_for_ever() -> None:
        count = 0
        while True:
            count += 1
            await project.kube.call(
                "PATCH", project.path("workflowruns", run), {"metadata": {"labels": {"n": str(count)}}}, MERGE
            )

    writer = asyncio.create_task(write_for_ever())
    try:
        async with runner_of(api, project, pod) as runner:
            grant = await eventually(runner.claim, lambda answer: answer.status_code == 200, seconds=20)
    finally:
        writer.cancel()

    assert grant.json()["attempt"] == 1


async def test_a_next_attempt_keeps_checkpoint_and_progress_and_gets_the_resume_it_was_opened_for(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        checkpoint = {"id": "c1", "step": 2, "time": now()}
        await runner.report(
            stopped=True, outcome={"result": "AwaitingInput", "exitCode": 80}, checkpoint=checkpoint
        )
    await project.status(run, phase="AwaitingInput", attempt=1)
    await rest.until_status(run, "INTERRUPTED")
    await rest.ok("POST", f"/runs/{run}/resume", {"value": "yes"})
    resume_id = (await project.run(run))["spec"]["resume"]["id"]
    await project.status(run, phase="Starting", attempt=2, resume={"id": resume_id, "attempt": 2})

    async with runner_of(api, project, await project.pod_for(run, 2)) as runner:
        grant = await runner.claimed()

    written = runner_status(await project.run(run))
    assert written["attempt"] == 2
    assert written["checkpoint"]["id"] == "c1"
    assert "outcome" not in written
    assert "stoppedTime" not in written
    assert grant["resume"] == {
        "id": resume_id,
        "checkpointID": "",
        "hasValue": True,
        "value": "yes",
        "update": None,
        "earlierFences": [],
    }
    assert grant["fence"] > 2


async def test_who_was_superseded_is_told_so_on_every_call(api: Api, project: Project, run: str) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await project.status(run, phase="Starting", attempt=2)
        # The events' own view may lag by a moment: what is taken then is the old attempt's, and harmless.
        await eventually(
            lambda: runner.send(runner.event("run_started")), lambda answer: answer.status_code == 409
        )

        answers = [
            await runner.send(runner.event("run_started")),
            await runner.command("Running", 5),
            await runner.report(stopped=True),
        ]

    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert "stoppedTime" not in runner_status(await project.run(run))


async def test_who_has_not_claimed_may_say_nothing(api: Api, project: Project, run: str) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        assert (await runner.send(runner.event("run_started"))).status_code == 409
        assert (await runner.report(stopped=True)).status_code == 409


async def test_batches_sent_twice_are_stored_once_and_numbered_densely(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        batches = [
            [runner.event("custom", data={"payload": [number, step]}) for step in range(5)]
            for number in range(4)
        ]
        for batch in batches:
            await runner.sent(*batch)
            await runner.sent(*batch)
        await runner.sent(*batches[1], *batches[3])

    events = (await rest.ok("GET", f"/runs/{run}/events", params={"types": "custom"}))["items"]
    assert [event["seq"] for event in events] == list(range(2, 22))  # 1 is run_accepted
    assert [event["data"]["payload"] for event in events] == [[n, s] for n in range(4) for s in range(5)]


async def test_odd_events_are_stored_as_far_as_they_can_be(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        batch = [
            runner.event("run_completed"),  # not a runner's to say
            runner.event("custom", data={"payload": "nul \x00 and half \ud800"}, at="yesterday"),
            runner.visit("node_started", "no\x00de", "t\x001"),
            runner.visit("node_failed", "no\x00de", "t\x001", data={"error": "E: \ud800\x00"}),
        ]
        taken = await runner.http.post("/runner/v1/events", content=json.dumps({"events": batch}))
        refused = await runner.http.post("/runner/v1/events", json={"events": [{"type": "custom"}]})

    events = (await rest.ok("GET", f"/runs/{run}/events"))["items"]
    assert [event["type"] for event in events] == ["run_accepted", "custom", "node_started", "node_failed"]
    assert events[1]["data"]["payload"].startswith("nul \x00")
    [node] = (await rest.ok("GET", f"/runs/{run}/status"))["node_states"]
    assert node["node_id"] == "node"
    assert node["status"] == "FAILED"
    assert node["error"].startswith("E: ")
    assert taken.status_code == 204
    assert refused.status_code == 422


async def test_a_report_is_one_write_and_the_first_outcome_stays(
    api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        claimed = await project.run(run)
        outcome = {"result": "Succeeded", "exitCode": 0, "output": {"n": 1}}
        first = await runner.report(
            stopped=True, outcome=outcome, checkpoint={"id": "c9", "step": 4, "time": now()}
        )
        reported = await project.run(run)
        repeated = await runner.report(stopped=True, outcome=outcome)
        other = await runner.report(stopped=True, outcome={"result": "Failed", "exitCode": 83})
        after = await project.run(run)

    assert [first.status_code, repeated.status_code, other.status_code] == [204, 204, 204]
    written = runner_status(reported)
    assert written["outcome"] == outcome
    assert written["stoppedTime"]
    assert written["checkpoint"]["id"] == "c9"
    assert written["progress"] == 1
    assert after["metadata"]["resourceVersion"] == reported["metadata"]["resourceVersion"]
    assert claimed["status"]["runner"]["claimTime"] == written["claimTime"]


async def test_a_success_is_reported_although_a_cancel_came_meanwhile(
    api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await project.ask(run, state="Cancelled")
        await project.status(run, phase="Cancelling")
        answer = await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0})

    assert answer.status_code == 204
    assert runner_status(await project.run(run))["outcome"]["result"] == "Succeeded"


async def test_an_outcome_over_every_limit_is_cut_to_what_the_resource_takes(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        interrupts = [{"id": "i" * 99, "node": "n" * 99, "value": {"text": "ü" * 9000}} for _ in range(20)]
        outcome = {"result": "AwaitingInput", "exitCode": 80, "message": "m" * 5000, "interrupts": interrupts}
        answer = await runner.report(stopped=True, outcome=outcome)
    await project.status(run, phase="AwaitingInput", attempt=1)

    assert answer.status_code == 204, answer.text
    status = await rest.until_status(run, "INTERRUPTED")
    assert len(status["interrupts"]) >= 3
    assert status["interrupts"][0]["value"].startswith('{"text":"ü')
    assert status["waiting"]["kind"] == "input"


async def test_a_large_output_goes_to_storage_and_comes_back_whole(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    output = {"text": "x" * 50_000}
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "output": output})
    await rest.refused(409, "GET", f"/runs/{run}/output")
    await project.status(run, phase="Succeeded")
    await rest.until_status(run, "COMPLETED")

    assert runner_status(await project.run(run))["outcome"]["outputRef"].endswith("/output-1.json")
    assert await rest.ok("GET", f"/runs/{run}/output") == output
    assert (await rest.ok("GET", f"/runs/{run}"))["output"] == output


async def test_a_report_cannot_point_at_another_runs_objects(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    prefix = api.program.public["runs"]._rooms.objects.access["prefix"]
    foreign = f"{prefix}/runs/00000000-0000-0000-0000-000000000000/output-1.json"
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(
            stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "outputRef": foreign}
        )
    await project.status(run, phase="Succeeded")
    await rest.until_status(run, "COMPLETED")

    assert "outputRef" not in runner_status(await project.run(run))["outcome"]


async def test_a_deleted_run_reads_as_cancelled(rest: Rest, api: Api, project: Project, run: str) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        poll = asyncio.create_task(runner.command("Running", 20))
        await rest.send("DELETE", f"/runs/{run}", params={"cancel": "true"})
        command = await poll
        late = await runner.command("Running", 5)

    assert command.json()["state"] == "Cancelled"
    assert late.json()["state"] == "Cancelled"


async def test_a_poll_without_news_ends_empty(api: Api, project: Project, run: str) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        assert (await runner.command("Running", 0.3)).status_code == 204
        assert (await runner.command("", 5)).json()["state"] == "Running"


async def test_tokens_that_stand_for_no_attempt_are_refused(
    rest: Rest, api: Api, project: Project, run: str
) -> None:
    stray = await project.kube.call(
        "POST",
        f"/api/v1/namespaces/{project.namespace}/pods",
        {
            "metadata": {"name": "stray", "labels": {"graphrun.dev/run": run, "graphrun.dev/attempt": "1"}},
            "spec": {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "runner"},
        },
    )
    tokens = {
        "a person's": (rest.token, 401),
        "without a pod": (await project.token("runner", audience="graphrun-runner"), 403),
        "of a pod without a Job": (await project.token("runner", stray, "graphrun-runner"), 403),
        "nonsense": ("nonsense", 401),
    }
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        for what, (token, status) in tokens.items():
            runner.http.headers["Authorization"] = f"Bearer {token}"
            assert (await runner.claim()).status_code == status, what

    assert runner_status(await project.run(run)) == {}


async def test_an_unknown_protocol_is_refused_with_a_reason(api: Api, project: Project, run: str) -> None:
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        answer = await runner.http.post("/runner/v1/claim", json={"protocol": 99})
        broken = await runner.http.post("/runner/v1/claim", content=b"{")

    assert answer.status_code == 422
    assert "protocol 99" in answer.json()["detail"]
    assert broken.status_code == 400


async def test_the_status_is_refreshed_when_due_and_only_if_something_changed(
    api: Api, project: Project, run: str
) -> None:
    live, reads = api.program.public["verbs"]._live, api.program.public["reads"]
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.sent(
            runner.event("run_started", data={"graph": GRAPH}),
            runner.visit("node_started", "plan", "t1"),
            runner.visit("node_completed", "plan", "t1"),
            runner.visit("node_started", "work", "t2", step=2),
            runner.event("checkpoint_saved", data={"id": "c5", "ns": "", "step": 1}),
        )
        bindings = api.program.runner["bindings"]
        binding = await bindings.of(runner.http.headers["Authorization"].removeprefix("Bearer "))
        quick = Refresher(live, reads, RevisionFacts(reads), seconds=0.05)
        quick.touch(binding)
        written = await eventually(
            lambda: project.run(run), lambda seen: "currentNodes" in runner_status(seen), seconds=10
        )
        await quick._refresh_when_due(binding)
        after = await project.run(run)
        await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0})
        await quick._refresh_when_due(binding)
        ended = await project.run(run)
        await quick.aclose()

    assert runner_status(written)["currentNodes"] == ["work"]
    assert runner_status(written)["progress"] == 0.5
    assert runner_status(written)["checkpoint"]["id"] == "c5"
    assert after["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]
    assert "currentNodes" not in runner_status(ended)


async def test_what_one_replica_grants_the_other_knows(
    rest: Rest, other: Api, project: Project, runner: Runner, run: str
) -> None:
    await runner.claimed()
    async with runner_of(other, project, runner.pod) as elsewhere:
        await elsewhere.sent(elsewhere.event("run_started", data={"graph": GRAPH}))
        poll = asyncio.create_task(elsewhere.command("Running", 20))
        await rest.ok("POST", f"/runs/{run}/pause", params={"wait": 0})
        assert (await poll).json()["state"] == "Paused"


async def test_a_fork_is_granted_with_the_run_that_its_acceptance_named_and_an_accepted_revision(
    api: Api, project: Project, run: str
) -> None:
    await project.apply_run(
        "fork",
        startFrom={"run": run, "checkpointID": "c1", "update": {"values": {"n": 2}, "asNode": "plan"}},
    )
    uid = (await project.run(run))["metadata"]["uid"]
    await project.status("fork", phase="Starting", attempt=1, startFromUID=uid)
    accepted = {"metadata": {"annotations": {names.ANNOTATION_ACCEPT_REVISION: "flow-2"}}}
    await project.kube.call("PATCH", project.path("workflowruns", "fork"), accepted, MERGE)
    async with runner_of(api, project, await project.pod_for("fork")) as runner:
        grant = await runner.claimed()

    update = {"values": {"n": 2}, "asNode": "plan"}
    assert grant["startFrom"] == {"thread": uid, "run": run, "checkpointID": "c1", "update": update}
    assert grant["acceptedRevision"] == "flow-2"
