"""Stored states over REST, written by real graphs on the real saver."""

import dataclasses
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from graphrun_checkpoints import CheckpointReader, MinioStore, ObjectStoreSaver, StorageConfig
from support.api_world import Api, Project, Rest, rest_of, running_api, settings_for
from support.graphs import approval_graph, research_graph
from support.waiting import eventually

Json = dict[str, Any]
TOPIC = {"topic": "owls", "notes": []}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


class Numbers(TypedDict, total=False):
    """A state with values of every size."""

    small: int
    deep: Json
    large: list[str]
    odd: Any


def counting_graph(**values: Any) -> StateGraph[Any]:
    """Two nodes: the first writes `values`, the second one more."""
    graph: StateGraph[Any] = StateGraph(Numbers)
    graph.add_node("fill", lambda _: values)
    graph.add_node("add", lambda state: {"small": state.get("small", 0) + 1})
    graph.add_edge(START, "fill")
    graph.add_edge("fill", "add")
    graph.add_edge("add", END)
    return graph


async def ran(rest: Rest, storage: StorageConfig, graph: StateGraph[Any], given: Any) -> str:
    """A run whose graph has run and left its states under the run's UID, as a pod does; its id."""
    run = await rest.create()
    uid = (await rest.project.run(run))["metadata"]["uid"]
    config: RunnableConfig = {"configurable": {"thread_id": uid}}
    async with ObjectStoreSaver.from_config(storage) as saver:
        await saver.aopen(uid, fence=1, owner=uid)
        await graph.compile(checkpointer=saver).ainvoke(given, config)
    return run


async def test_the_list_goes_page_by_page_through_every_checkpoint_newest_first(
    rest: Rest, storage: StorageConfig
) -> None:
    run = await ran(rest, storage, counting_graph(small=1), {"small": 0})
    path = f"/runs/{run}/checkpoints"

    whole = (await rest.ok("GET", path))["items"]
    cursor: str | None = ""
    found, pages = [], 0
    while cursor is not None:
        answer = await rest.send("GET", path, params={"limit": 3, "cursor": cursor})
        page = answer.json()
        found += page["items"]
        cursor, pages = page["next_cursor"], pages + 1
        assert ("next" in answer.links) == (cursor is not None)

    assert found == whole
    assert pages == 2
    assert [(item["step"], item["source"]) for item in whole] == [
        (2, "loop"),
        (1, "loop"),
        (0, "loop"),
        (-1, "input"),
    ]
    assert [item["parent_id"] for item in whole[:-1]] == [item["checkpoint_id"] for item in whole[1:]]
    assert all(item["bytes"] > 0 and item["created_at"] for item in whole)


async def test_a_run_that_has_stored_nothing_has_no_checkpoints(rest: Rest) -> None:
    run = await rest.create()

    assert await rest.ok("GET", f"/runs/{run}/checkpoints") == {"items": [], "next_cursor": None}
    for path in ("latest", "latest/diff/latest", "1ef0-none"):
        problem = await rest.refused(404, "GET", f"/runs/{run}/checkpoints/{path}")
        assert problem["type"].endswith("/checkpoint-not-found")
    await rest.refused(404, "GET", "/runs/nosuch/checkpoints")


async def test_a_state_is_shown_as_json_with_large_values_named_by_their_place(
    rest: Rest, storage: StorageConfig
) -> None:
    values = {"small": 1, "deep": {"a/b": {"c~d": ["x" * 300, "y"]}}, "large": ["z" * 100] * 2000}
    run = await ran(rest, storage, counting_graph(**values), {"small": 0})
    base = f"/runs/{run}/checkpoints/latest"

    state = await rest.ok("GET", base, params={"max_bytes": 64})
    shallow = await rest.ok("GET", base, params={"max_bytes": 64, "depth": 0})
    whole = await rest.ok("GET", base, params={"max_bytes": 1_048_576})

    assert state["step"] == 2
    assert state["values"]["small"] == 2
    assert state["values"]["large"] == {"$ref": "/values/large", "bytes": 2000 * 103 + 1}
    place = "/values/deep/a~1b/c~0d/0"
    assert state["values"]["deep"] == {"a/b": {"c~d": [{"$ref": place, "bytes": 302}, "y"]}}
    assert shallow["values"]["deep"]["$ref"] == "/values/deep"
    assert whole["values"]["large"] == values["large"]
    for path, value in ((place, "x" * 300), ("/values/large", values["large"])):
        assert await rest.ok("GET", f"{base}/value", params={"path": path}) == {"path": path, "value": value}
    for path in ("/values/nosuch", "/values/large/2000", "values", "/values/small/0"):
        problem = await rest.refused(404, "GET", f"{base}/value", params={"path": path})
        assert "path" in problem["detail"]


async def test_values_beyond_json_are_shown_and_break_nothing(rest: Rest, storage: StorageConfig) -> None:
    odd = {"nan": float("nan"), "huge": 2**60, "half": "\ud800", "bytes": b"\x00\xff", "set": {1}}
    run = await ran(rest, storage, counting_graph(odd=odd), {"small": 0})

    state = await rest.ok("GET", f"/runs/{run}/checkpoints/latest")

    assert state["values"]["small"] == 1
    assert state["values"]["odd"]


async def test_the_states_of_a_subgraph_lie_under_its_path(rest: Rest, storage: StorageConfig) -> None:
    run = await ran(rest, storage, research_graph(width=2), TOPIC)
    uid = (await rest.project.run(run))["metadata"]["uid"]
    store = MinioStore(storage)
    try:
        reader = CheckpointReader(store, prefix=f"{storage.prefix}/checkpoints")
        [ns] = [space for space in await reader.namespaces(uid) if space]
    finally:
        await store.aclose()

    root = await rest.ok("GET", f"/runs/{run}/checkpoints/latest")
    items = (await rest.ok("GET", f"/runs/{run}/checkpoints", params={"ns": ns}))["items"]
    inner = await rest.ok("GET", f"/runs/{run}/checkpoints/latest", params={"ns": ns})

    assert root["values"]["draft"].startswith("<PLAN OWLS")
    assert {item["ns"] for item in items} == {ns}
    assert inner["ns"] == ns
    assert inner["values"]["draft"].startswith("PLAN OWLS")
    missing = await rest.ok("GET", f"/runs/{run}/checkpoints", params={"ns": "nosuch:1"})
    assert missing["items"] == []


async def test_what_tasks_have_written_and_the_state_has_not_yet_is_shown(
    rest: Rest, storage: StorageConfig
) -> None:
    run = await ran(rest, storage, approval_graph(), {"question": "may I?", "answers": []})

    writes = (await rest.ok("GET", f"/runs/{run}/checkpoints/latest"))["pending_writes"]

    assert any(write["channel"] == "__interrupt__" and "may I?" in str(write["value"]) for write in writes)
    assert all(write["task_id"] for write in writes)


async def test_a_difference_names_the_smallest_places_that_changed(
    rest: Rest, storage: StorageConfig
) -> None:
    values = {"small": 1, "large": ["z" * 3000]}
    run = await ran(rest, storage, counting_graph(**values), {"small": 0})
    newest, filled, begun, _ = [
        item["checkpoint_id"] for item in (await rest.ok("GET", f"/runs/{run}/checkpoints"))["items"]
    ]
    base = f"/runs/{run}/checkpoints"

    last = await rest.ok("GET", f"{base}/{filled}/diff/{newest}")
    first = await rest.ok("GET", f"{base}/{begun}/diff/{filled}")
    none = await rest.ok("GET", f"{base}/{newest}/diff/latest")

    changed = [change for change in last["changes"] if "branch" not in change["path"]]
    assert changed == [{"path": "/values/small", "kind": "changed", "before": 1, "after": 2}]
    added = {change["path"]: change for change in first["changes"]}["/values/large"]
    assert added["kind"] == "added"
    assert added["after"]["$ref"] == "/values/large"
    assert none["changes"] == []
    assert none["complete"]
    await rest.refused(404, "GET", f"{base}/{filled}/diff/nosuch")


async def test_states_of_a_run_that_is_gone_are_shown_while_storage_has_them(
    rest: Rest, storage: StorageConfig
) -> None:
    run = await ran(rest, storage, counting_graph(small=1), {"small": 0})
    await eventually(lambda: rest.ok("GET", "/runs"), lambda page: page["items"], seconds=15)
    await rest.ok("DELETE", f"/runs/{run}", params={"cancel": "true"})
    await eventually(lambda: rest.ok("GET", f"/runs/{run}"), lambda detail: detail["archived"], seconds=15)

    assert len((await rest.ok("GET", f"/runs/{run}/checkpoints"))["items"]) == 4
    assert (await rest.ok("GET", f"/runs/{run}/checkpoints/latest"))["values"]["small"] == 2


async def test_a_damaged_state_is_told_as_a_problem(rest: Rest, storage: StorageConfig) -> None:
    run = await ran(rest, storage, counting_graph(small=1), {"small": 0})
    uid = (await rest.project.run(run))["metadata"]["uid"]
    store = MinioStore(storage)
    try:
        entries = await store.list(f"{storage.prefix}/checkpoints/v1/{uid}/")
        for entry in entries:
            if "/c." in entry.key:
                await store.put(entry.key, b"broken")
    finally:
        await store.aclose()

    for path in ("latest", "latest/value?path=/values", "latest/diff/latest"):
        problem = await rest.refused(500, "GET", f"/runs/{run}/checkpoints/{path}")
        assert problem["type"].endswith("/checkpoint-damaged")
        assert problem["detail"]
    assert len((await rest.ok("GET", f"/runs/{run}/checkpoints"))["items"]) == 4


async def test_with_storage_away_states_are_503_and_all_else_goes_on(
    plane: Any, database: str, storage: StorageConfig, project: Project
) -> None:
    away = dataclasses.replace(storage, endpoint="http://127.0.0.1:9")
    async with running_api(plane, settings_for(database, away)) as api, rest_of(api, project) as rest:
        run = await rest.create()
        for path in ("", "/latest"):
            answer = await rest.send("GET", f"/runs/{run}/checkpoints{path}")
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("/storage-unavailable")
            assert answer.headers["retry-after"]
        assert (await rest.ok("GET", f"/runs/{run}/status"))["status"] == "PENDING"


async def test_states_are_shown_to_who_may_read_the_run_alone(
    rest: Rest, api: Api, project: Project, storage: StorageConfig
) -> None:
    run = await ran(rest, storage, counting_graph(small=1), {"small": 0})
    paths = ("", "/latest", "/latest/value?path=/values", "/latest/diff/latest")

    async with rest_of(api, project, "stranger") as stranger, rest_of(api, project, "viewer") as viewer:
        for path in paths:
            await stranger.refused(404, "GET", f"/runs/{run}/checkpoints{path}")
            await viewer.ok("GET", f"/runs/{run}/checkpoints{path}")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?limit=0", "limit"),
        ("?cursor=..%2F", "cursor"),
        ("/latest?depth=99", "depth"),
        ("/latest?max_bytes=1", "max_bytes"),
        ("/latest/value", "path"),
        ("/a%20b", "checkpoint_id"),
    ],
)
async def test_bad_parameters_are_named(rest: Rest, path: str, field: str) -> None:
    run = await rest.create()

    problem = await rest.refused(422, "GET", f"/runs/{run}/checkpoints{path}")

    assert problem["errors"][0]["field"] == field
