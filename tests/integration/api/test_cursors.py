"""Cursors over REST: walking by them meets each run once, and whatever else is sent for one is refused as such."""

import asyncio
import random
from typing import Any

import pytest

from graphrun_checkpoints import StorageConfig
from support.api_world import Api, Project, Rest
from support.full_run import full_run

Json = dict[str, Any]
# What somebody may put where a cursor belongs.
LETTERS = "Aa0-_=.~ /%\0é"
MAX_SEQ = 2**62


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    for name in ("flow", "more"):
        await project.workflow(name)


async def walked(rest: Rest, path: str, limit: int) -> list[Json]:
    """All items, page by page."""
    found: list[Json] = []
    params: Json = {"limit": limit}
    while True:
        page = await rest.ok("GET", path, params=params)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


async def test_who_walks_the_list_meets_each_run_once_in_order_also_while_others_are_made(rest: Rest) -> None:
    before = [await rest.create() for _ in range(12)]
    stop = asyncio.Event()
    made: list[str] = []

    async def go_on_making() -> None:
        while not stop.is_set():
            made.append(await rest.create())

    making = asyncio.create_task(go_on_making())
    try:
        walks = [await walked(rest, "/runs", limit) for limit in (1, 2, 3, 5, 50)]
    finally:
        stop.set()
        await making

    for walk in walks:
        ids = [item["run_id"] for item in walk]
        assert len(set(ids)) == len(ids)
        # what is newer than the first page is on none, and what was there is on one
        assert ids[-12:] == list(reversed(before))
        newer = ids[:-12]
        assert newer == [run for run in reversed(made) if run in newer]
        assert [item["created_at"] for item in walk] == sorted(
            (item["created_at"] for item in walk), reverse=True
        )
    assert made
    assert [item["run_id"] for item in await walked(rest, "/runs", 4)] == [
        *reversed(made),
        *reversed(before),
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_a_cursor_that_was_changed_is_refused_in_every_list(
    rest: Rest, api: Api, storage: StorageConfig, seed: int
) -> None:
    full = await full_run(api, rest, storage)
    await rest.create()
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept out by it
    for path in ("/runs", "", f"/runs/{full.run}/timeline"):
        cursor = (await rest.ok("GET", path, params={"limit": 1}))["next_cursor"]
        assert cursor
        for changed in changes_of(cursor, chance):
            problem = await rest.refused(400, "GET", path, params={"cursor": changed})
            assert problem["type"] == "/problems/invalid-cursor", (path, changed)


def changes_of(cursor: str, chance: random.Random) -> list[str]:
    """Cut, lengthened, and with a letter that was not in its place."""
    at = [chance.randrange(len(cursor)) for _ in range(8)]
    letters = [chance.choice([letter for letter in LETTERS if letter != cursor[place]]) for place in at]
    swapped = [
        cursor[:place] + letter + cursor[place + 1 :] for place, letter in zip(at, letters, strict=True)
    ]
    return [cursor[:-3], cursor[3:], cursor * 2, f"{cursor}A", *swapped]


@pytest.mark.parametrize("value", ["-1", str(MAX_SEQ + 1), "9" * 400, "x", "1.5", "1e3", "", " ", "٣", "0x1"])
async def test_what_is_no_seq_is_refused_by_the_name_of_its_field(rest: Rest, value: str) -> None:
    run = await rest.create()
    for field in ("after", "before"):
        for accept in ("application/json", "text/event-stream"):
            problem = await rest.refused(
                422, "GET", f"/runs/{run}/events", params={field: value}, headers={"Accept": accept}
            )
            assert [item["field"] for item in problem["errors"]] == [field]


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "9" * 33, "9" * 32, str(MAX_SEQ), "7"])
async def test_a_last_event_id_that_is_none_or_not_reached_is_refused(rest: Rest, value: str) -> None:
    run = await rest.create()
    headers = {"Accept": "text/event-stream", "Last-Event-ID": value}

    problem = await rest.refused(422, "GET", f"/runs/{run}/events", headers=headers)

    assert problem["type"] == "/problems/invalid-request"


async def test_a_page_from_beyond_the_last_event_is_empty_and_tells_the_last(rest: Rest) -> None:
    run = await rest.create()
    for after in (1, 1000, MAX_SEQ):
        page = await rest.ok("GET", f"/runs/{run}/events", params={"after": after})
        assert page == {"items": [], "next_cursor": None, "last_seq": page["last_seq"]}
        assert page["last_seq"] <= 1
