"""What people may ask, what they may not, and what is wrong with what they sent."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from support.api_world import Api, Project, Rest, rest_of
from support.waiting import eventually


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    await project.workflow("strict", inputSchema=schema)
    await project.workflow()


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic dXNlcjpwdw=="])
async def test_without_a_valid_token_nothing_is_told(rest: Rest, header: str) -> None:
    problem = await rest.refused(401, "GET", "/runs", headers={"Authorization": header})

    assert problem["title"] == "Not authenticated"


async def test_rights_are_those_of_the_cluster(rest: Rest, api: Api, project: Project) -> None:
    run = await rest.create()
    async with rest_of(api, project, "viewer") as viewer:
        assert (await viewer.ok("GET", f"/runs/{run}/status"))["status"] == "PENDING"
        await viewer.ok("GET", "/flow")
        denied = await viewer.refused(403, "POST", f"/runs/{run}/execute")
        await viewer.refused(403, "DELETE", f"/runs/{run}")
        await viewer.refused(403, "POST", "/runs", json={"workflow": "flow"})
        await viewer.refused(403, "PUT", "/flow", json={"spec": {}})

    assert f"patch workflowruns.graphrun.dev/{run} in namespace {project.namespace}" in denied["detail"]
    assert (await project.run(run))["spec"]["state"] == "Pending"


async def test_who_may_not_even_look_cannot_tell_a_project_from_none(
    rest: Rest, api: Api, project: Project
) -> None:
    run = await rest.create()
    async with rest_of(api, project, "stranger") as stranger:
        known = await stranger.refused(404, "GET", f"/runs/{run}")
        unknown = await stranger.http.get(f"/api/projects/nosuch/workflows/runs/{run}")

    assert unknown.status_code == 404
    differing = {"instance", "request_id"}
    assert {k: v for k, v in known.items() if k not in differing} == {
        k: v for k, v in unknown.json().items() if k not in differing
    }


async def test_a_runners_token_opens_nothing_here(project: Project, rest: Rest) -> None:
    run = await rest.create(params={"execute": "true"})
    token = await project.token("runner", await project.pod_for(run), "graphrun-runner")

    await rest.refused(401, "GET", "/runs", headers={"Authorization": f"Bearer {token}"})


async def test_malformed_json_is_answered_with_the_place(rest: Rest) -> None:
    text = '{\n  "workflow": "flow",\n  "input_data": {"a": 1,}\n}'
    problem = await rest.refused(
        400, "POST", "/runs", content=text, headers={"Content-Type": "application/json"}
    )

    assert "line 3, column 2" in problem["detail"]


async def test_a_body_that_is_not_sent_as_json_is_told_the_header(rest: Rest) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    problem = await rest.refused(415, "POST", "/runs", content='{"workflow": "flow"}', headers=form)

    assert "Content-Type: application/json" in problem["detail"]


async def test_wrong_fields_are_named(rest: Rest) -> None:
    body = {"workflow": "flow", "options": {"retries": {"limit": "many"}, "typo": 1}}

    problem = await rest.refused(422, "POST", "/runs", json=body)

    assert {item["field"] for item in problem["errors"]} == {"options.retries.limit", "options.typo"}


async def test_what_the_crd_refuses_is_told_by_field(rest: Rest) -> None:
    problem = await rest.refused(422, "POST", "", json={"name": "wrong", "spec": {}})

    assert problem["errors"][0]["field"] == "spec.graph"


async def test_what_an_admission_policy_refuses_is_told_by_field(rest: Rest) -> None:
    body = {"workflow": "flow", "options": {"context": {"text": "x" * 70_000}}}

    async def refused() -> httpx.Response:
        return await rest.send("POST", "/runs", json=body)

    # a policy takes a moment to come into force on a fresh API server
    answer = await eventually(refused, lambda seen: seen.status_code == 422, seconds=20)

    assert answer.json()["errors"][0]["field"] == "spec.context"
    assert "64 KiB" in answer.json()["detail"]


async def test_an_unknown_workflow_is_not_found_by_name(rest: Rest) -> None:
    problem = await rest.refused(404, "POST", "/runs", json={"workflow": "nosuch"})

    assert "'nosuch'" in problem["detail"]


async def test_input_that_breaks_the_schema_is_refused_naming_the_path(rest: Rest) -> None:
    wrong = {"workflow": "strict", "input_data": {"text": 7}}

    problem = await rest.refused(422, "POST", "/runs", json=wrong)

    assert [item["field"] for item in problem["errors"]] == ["input_data.text"]
    assert (await rest.ok("GET", "/runs"))["items"] == []


async def test_a_body_over_the_limit_is_refused_also_when_its_length_is_not_told(rest: Rest) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024 * 1024

    url = f"/api/projects/{rest.project.name}/workflows/runs"
    try:
        answer = await rest.http.post(url, content=endless(), headers={"Content-Type": "application/json"})
    except httpx.WriteError:  # the server hung up while we were still sending
        return
    assert answer.status_code == 413


async def test_a_large_input_is_moved_to_storage_and_read_as_it_was(
    rest: Rest, project: Project, api: Api
) -> None:
    run = await rest.create({"text": "ü" * 40_000})

    spec = (await project.run(run))["spec"]

    assert "input" not in spec
    stored = await api.program.public["runs"]._rooms.objects.read(spec["inputRef"])
    assert "\\u00fc" * 10 in stored.decode() or "ü" * 10 in stored.decode()


async def test_the_same_key_makes_one_run_and_another_request_under_it_is_refused(rest: Rest) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"workflow": "flow", "input_data": {"n": 1}}

    answers = await asyncio.gather(*(rest.ok("POST", "/runs", body, headers=key) for _ in range(5)))
    problem = await rest.refused(422, "POST", "/runs", json={**body, "input_data": {"n": 2}}, headers=key)

    assert len({answer["run_id"] for answer in answers}) == 1
    assert "Idempotency-Key" in problem["detail"]


async def test_options_reach_the_resource(rest: Rest, project: Project) -> None:
    options = {
        "retries": {"limit": 0},
        "timeouts": {"active_seconds": None, "total_seconds": 60},
        "config": {"recursion_limit": 7, "tags": ["a"]},
        "context": {"user": "u"},
        "labels": {"team": "red"},
        "durability": "sync",
    }
    created = await rest.ok("POST", "/runs", {"workflow": "flow", "options": options})

    manifest = await project.run(created["run_id"])
    assert manifest["metadata"]["labels"] == {"team": "red"}
    spec = manifest["spec"]
    assert spec["retries"] == {"limit": 0}
    assert spec["timeouts"] == {"activeSeconds": None, "totalSeconds": 60}
    assert spec["config"] == {"recursionLimit": 7, "tags": ["a"]}
    assert spec["context"] == {"user": "u"}
    assert spec["durability"] == "sync"


async def test_runs_are_listed_newest_first_page_by_page_and_filtered(rest: Rest, project: Project) -> None:
    made = [await rest.create() for _ in range(5)]
    labelled = await rest.ok(
        "POST", "/runs", {"workflow": "strict", "input_data": {"text": ""}, "options": {"labels": {"a": "b"}}}
    )
    await project.apply_run("by-kubectl", state="Pending")

    async def all_there() -> list[str]:
        return [item["run_id"] for item in (await rest.ok("GET", "/runs"))["items"]]

    everything = await eventually(all_there, lambda found: len(found) == 7, seconds=10)
    pages, cursor = [], None
    while True:
        params = {"limit": 2, "workflow": "flow"} | ({"cursor": cursor} if cursor else {})
        page = await rest.ok("GET", "/runs", params=params)
        pages.append([item["run_id"] for item in page["items"]])
        if not (cursor := page["next_cursor"]):
            break

    assert everything == ["by-kubectl", labelled["run_id"], *reversed(made)]
    assert pages == [["by-kubectl", made[4]], [made[3], made[2]], [made[1], made[0]]]
    by_label = (await rest.ok("GET", "/runs", params={"label": "a=b"}))["items"]
    assert [item["run_id"] for item in by_label] == [labelled["run_id"]]
    assert (await rest.ok("GET", "/runs", params={"status": "FAILED"}))["items"] == []
    await rest.refused(422, "GET", "/runs", params={"limit": 201})
    await rest.refused(400, "GET", "/runs", params={"cursor": "nonsense"})


async def test_workflows_are_made_read_replaced_listed_and_deleted(rest: Rest) -> None:
    spec = {"graph": {"entrypoint": "a:graph"}}
    made = await rest.ok("POST", "", {"name": "fresh", "spec": spec})
    await rest.refused(409, "POST", "", json={"name": "fresh", "spec": spec})
    await rest.refused(422, "POST", "", json={"name": "runs", "spec": spec})
    wrong = await rest.refused(422, "POST", "", json={"name": "wrong", "spec": {**spec, "imagee": "x"}})
    await rest.refused(422, "POST", "", json={"name": "wrong", "spec": {**spec, "inputSchema": {"type": 5}}})
    replaced = await rest.ok("PUT", "/fresh", {"spec": {"graph": {"entrypoint": "b:graph"}}})
    listed = await rest.ok("GET", "", params={"limit": 2})
    rest_of_list = await rest.ok("GET", "", params={"limit": 2, "cursor": listed["next_cursor"]})
    deleted = await rest.send("DELETE", "/fresh")

    assert made["spec"]["graph"] == spec["graph"]
    assert "imagee" in wrong["detail"]
    assert replaced["generation"] == 2
    assert [item["name"] for item in listed["items"] + rest_of_list["items"]] == ["flow", "fresh", "strict"]
    assert deleted.status_code == 204
    await rest.refused(404, "GET", "/fresh")
    await rest.refused(404, "PUT", "/fresh", json={"spec": spec})
    await rest.refused(404, "DELETE", "/fresh")


async def test_revisions_of_a_workflow_are_listed(rest: Rest, project: Project) -> None:
    name = await project.freeze("flow")

    assert [item["name"] for item in (await rest.ok("GET", "/flow/revisions"))["items"]] == [name]


async def test_a_request_id_is_given_back_and_stands_in_problems(rest: Rest) -> None:
    answer = await rest.send("GET", "/runs/nosuch", headers={"X-Request-ID": "abc-1"})

    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.json()["request_id"] == "abc-1"


async def test_health_metrics_and_document_need_no_token(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as http:
        for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
            assert (await http.get(path)).status_code == 200, path
        paths = (await http.get("/openapi.json")).json()["paths"]
        assert (await http.get("/nosuch")).headers["content-type"] == "application/problem+json"
        metrics = (await http.get("/metrics")).text
    async with httpx.AsyncClient(base_url=api.runner_url, trust_env=False) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/api/projects/p/workflows")).status_code == 404
    assert "/api/projects/{project_id}/workflows/runs/{run_id}/execute" in paths
    assert 'route="/healthz"' in metrics


async def test_the_type_of_a_problem_links_to_a_page_that_needs_no_token(rest: Rest, api: Api) -> None:
    problem = await rest.refused(404, "GET", "/runs/nosuch")
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as anyone:
        page = await anyone.get(problem["type"])
        unknown = await anyone.get("/problems/nosuch")
        outside = await anyone.get("/problems/..%2Fproblems")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/markdown; charset=utf-8"
    assert page.text.startswith(f"# {problem['title']}\n")
    assert [unknown.status_code, outside.status_code] == [404, 404]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/runs", "label"),
        ("/runs", "workflow"),
        ("/../interrupts", "workflow"),
        ("/runs/{run}/events", "types"),
        ("/runs/{run}/events", "node"),
        ("/runs/{run}/checkpoints", "ns"),
        ("/runs/{run}/checkpoints", "cursor"),
        ("/flow/graph", "revision"),
    ],
)
async def test_texts_that_no_part_behind_can_hold_are_refused_by_name(
    rest: Rest, path: str, field: str
) -> None:
    run = await rest.create()
    for text in ("a=\0", "\0"):
        problem = await rest.refused(422, "GET", path.format(run=run), params={field: text})
        assert field in problem["detail"]
