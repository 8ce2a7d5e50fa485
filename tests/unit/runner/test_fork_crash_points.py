"""A run that begins from another run's checkpoint, killed at every PUT of its start: copy, claims, edit, input, nodes."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graphrun_checkpoints.testing import MemoryStore
from support.child_attempts import attempt, checkpoints_of, fork_of, grant
from support.stores import MortalStore

SOURCE = {"topic": "owls", "seen": ["input"]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "latest": ({}, {}, ["input", "a owls", "b owls", "c owls"]),
    "checkpoint": ({"checkpoint": True}, {}, ["input", "a owls", "b owls", "c owls"]),
    "edit": (
        {"values": {"seen": ["edit"], "topic": "bats"}, "node": "a"},
        {},
        ["input", "a owls", "b owls", "edit", "b bats", "c bats"],
    ),
    "edit-of-checkpoint": (
        {"checkpoint": True, "values": {"seen": ["edit"]}, "node": "b"},
        {},
        ["input", "a owls", "edit", "c owls"],
    ),
    "input": (
        {},
        {"seen": ["more"]},
        ["input", "a owls", "b owls", "more", "a owls", "b owls", "c owls"],
    ),
    "edit-and-input": (
        {"checkpoint": True, "values": {"seen": ["edit"]}, "node": "b"},
        {"topic": "bats", "seen": ["more"]},
        ["input", "a owls", "edit", "more", "a bats", "b bats", "c bats"],
    ),
}


async def _source(folder: Path) -> tuple[MemoryStore, str]:
    """A store with a run that failed after `b`, and the id of its checkpoint after `a`."""
    store = MemoryStore()
    graph = {"entrypoint": "support.fork_graph:breaking", "files": {}}
    await attempt(store, grant("source", input=SOURCE, graph=graph), folder)
    [after_a] = [
        id_ for id_, _, state in await checkpoints_of(store) if state.get("seen") == ["input", "a owls"]
    ]
    return store, after_a


def _copy_of(store: MemoryStore) -> MemoryStore:
    other = MemoryStore()
    other.objects = dict(store.objects)
    other._keys, other._modified = list(store._keys), dict(store._modified)
    return other


def _grant(case: str, number: int, after_a: str) -> dict[str, Any]:
    how, given, _ = CASES[case]
    asked = {key: value for key, value in how.items() if key != "checkpoint"}
    start = fork_of(checkpoint=after_a if how.get("checkpoint") else "", **asked)
    return grant(attempt=number, startFrom=start, input=given)


@pytest.mark.parametrize("stored", [False, True], ids=["before-put", "after-put"])
@pytest.mark.parametrize("case", CASES)
async def test_a_fork_is_applied_once_wherever_its_first_attempt_dies(
    tmp_path: Path, case: str, *, stored: bool
) -> None:
    original, after_a = await _source(tmp_path)
    expected = {"Succeeded": 0}
    points = 0
    for dies_at in range(1, 60):
        backing = _copy_of(original)
        dying = MortalStore(backing, dies_at_put=dies_at, stored=stored)
        first: Any = await attempt(dying, _grant(case, 1, after_a), tmp_path)
        if not dying.dead:
            assert first["output"]["seen"] == CASES[case][2]
            break
        points += 1
        second: Any = await attempt(backing, _grant(case, 2, after_a), tmp_path)
        assert {second["result"]: second["exitCode"]} == expected, second
        assert second["output"]["seen"] == CASES[case][2], f"died at PUT {dies_at}: {dying.puts}"
        made = Counter(source for _, source, _ in await checkpoints_of(backing, "fork"))
        assert made["update"] == ("values" in CASES[case][0]), f"died at PUT {dies_at}: {made}"
        assert made["input"] == 1 + bool(CASES[case][1]), f"died at PUT {dies_at}: {made}"
        assert (await checkpoints_of(backing))[-1][2]["seen"] == ["input", "a owls", "b owls"]
    assert points >= 7


async def test_a_fork_of_a_question_asks_it_again_and_takes_the_answer(tmp_path: Path) -> None:
    store = MemoryStore()
    graph = {"entrypoint": "support.fork_graph:asking", "files": {}}
    asked: Any = await attempt(store, grant("source", input=SOURCE, graph=graph), tmp_path)
    assert asked["result"] == "AwaitingInput"

    first: Any = await attempt(store, grant(graph=graph, startFrom=fork_of()), tmp_path)
    assert first == asked
    resume = {"id": "r", "checkpointID": "", "hasValue": True, "value": "yes", "earlierFences": []}
    answered: Any = await attempt(
        store, grant(attempt=2, graph=graph, startFrom=fork_of(), resume=resume), tmp_path
    )
    assert answered["output"]["seen"] == [
        "input",
        "a owls",
        "input",
        "a owls",
        "x owls",
        "answer yes",
        "y owls",
        "z owls",
    ]

    other = {**resume, "value": "no"}
    source: Any = await attempt(store, grant("source", attempt=2, graph=graph, resume=other), tmp_path)
    assert "answer no" in source["output"]["seen"]


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (fork_of("nobody"), "spec.startFrom.run: nothing is stored of run nobody"),
        (fork_of(""), "spec.startFrom.run: nothing is stored of run "),
        (
            fork_of(checkpoint="1f0d2a3b-0000-6000-8000-000000000000"),
            "spec.startFrom.checkpointID: run source has no checkpoint 1f0d",
        ),
    ],
)
async def test_a_fork_from_nowhere_fails_for_good_and_says_what_to_mend(
    tmp_path: Path, start: dict[str, Any], told: str
) -> None:
    store, _ = await _source(tmp_path)
    end: Any = await attempt(store, grant(startFrom=start), tmp_path)
    assert (end["result"], end["exitCode"], end["reason"]) == ("Failed", 84, "CheckpointNotFound")
    assert end["message"].startswith(told)


async def test_an_edit_that_the_graph_cannot_take_fails_for_good(tmp_path: Path) -> None:
    store, _ = await _source(tmp_path)
    start = fork_of(values={"seen": ["x"]}, node="nobody")
    end: Any = await attempt(store, grant(startFrom=start), tmp_path)
    assert (end["result"], end["exitCode"]) == ("Failed", 84)
    assert end["message"].startswith("spec.startFrom.update: InvalidUpdateError: Node nobody does not exist")
