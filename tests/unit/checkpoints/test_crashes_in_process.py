"""A process with a large state dies at every one of its PUTs, in every way; the next goes on to the same end."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.types import Durability

from graphrun_checkpoints import ObjectStoreSaver, SaverOptions
from graphrun_checkpoints.errors import CheckpointError
from graphrun_checkpoints.testing import MemoryStore
from support.branching_graphs import questions_graph
from support.dossier import INPUT, Shape, as_json, dossier_graph
from support.resumption import CONFIG, Job
from support.stores import MortalStore

QUESTIONS: dict[str, Any] = {"lines": []}
ANSWERED = {
    "lines": [
        "0: <question 0> <why <question 0>?>",
        "1: <question 1> ",
        "2: <question 2> ",
        "closed after 3",
    ],
    "log": ["<question 0>", "<question 1>", "<question 2>"],
}
EAGER, FOLDED = SaverOptions(flush_seconds=0.0), SaverOptions()


async def _dies(job: Job, store: MortalStore, options: SaverOptions, *, fence: int) -> bool:
    """Run until the end or the store's death, and tell which; nothing in buffers survives that."""
    saver = ObjectStoreSaver(store, options=options)
    try:
        await job.done_by(saver, fence=fence)
    except CheckpointError:
        assert store.dead
    died, store.dead = store.dead, True
    try:
        await saver.aclose()
    except CheckpointError:
        assert store.dead
    return died


def _large() -> StateGraph[Any]:
    return dossier_graph(Shape(dense=False))


@pytest.mark.parametrize("stored", [False, True], ids=["before-put", "after-put"])
@pytest.mark.parametrize("options", [EAGER, FOLDED], ids=["eager-batches", "folded"])
@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_a_large_state_survives_death_at_any_put(
    *, durability: Durability, options: SaverOptions, stored: bool
) -> None:
    expected = as_json(await _large().compile(checkpointer=InMemorySaver()).ainvoke(INPUT, CONFIG))
    points = 0
    for dies_at in range(1, 1000):
        backing = MemoryStore()
        store = MortalStore(backing, dies_at_put=dies_at, stored=stored)
        if not await _dies(Job(_large(), INPUT, durability), store, options, fence=1):
            break
        points += 1
        async with ObjectStoreSaver(backing) as saver:
            values = await Job(_large(), INPUT, durability).done_by(saver, fence=2)
        assert as_json(values) == expected, f"died at PUT {dies_at}: {store.puts}"
    assert points >= 20


@pytest.mark.parametrize("stored", [False, True], ids=["before-put", "after-put"])
@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_questions_and_answers_survive_death_at_any_put(
    *, durability: Durability, stored: bool
) -> None:
    job = Job(questions_graph(), QUESTIONS, durability)
    points = 0
    for dies_at in range(1, 1000):
        backing = MemoryStore()
        store = MortalStore(backing, dies_at_put=dies_at, stored=stored)
        if not await _dies(job, store, FOLDED, fence=1):
            break
        points += 1
        async with ObjectStoreSaver(backing) as saver:
            assert await job.done_by(saver, fence=2) == ANSWERED, f"died at PUT {dies_at}: {store.puts}"
    assert points >= 6


@pytest.mark.parametrize("durability", ["sync", "async"])
async def test_a_process_that_dies_while_it_goes_on_after_a_death_loses_nothing(
    durability: Durability,
) -> None:
    """Every pair of deaths: the second process dies at any of its PUTs too, going on from what the first left."""
    job = Job(questions_graph(), QUESTIONS, durability)
    pairs, first, died_first = 0, 0, True
    while died_first:
        first, second, died_second = first + 1, 0, True
        while died_second:
            second += 1
            backing = MemoryStore()
            died_first = await _dies(
                job, MortalStore(backing, dies_at_put=first, stored=first % 2 == 0), FOLDED, fence=1
            )
            died_second = await _dies(
                job, MortalStore(backing, dies_at_put=second, stored=second % 2 == 1), FOLDED, fence=2
            )
            async with ObjectStoreSaver(backing) as saver:
                assert await job.done_by(saver, fence=3) == ANSWERED, f"died at PUTs {first} and {second}"
            pairs += 1
    assert pairs >= 30
