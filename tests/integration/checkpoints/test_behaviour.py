"""What users of LangGraph do, on a real S3 server, each pod with a saver of its own: all as with LangGraph's own saver."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, Durability

from graphrun_checkpoints import StorageConfig
from support.branching_graphs import (
    handled_graph,
    questions_graph,
    siblings_graph,
    sync_graph,
)
from support.dossier import INPUT, Shape, dossier_graph
from support.side_by_side import Pods, Saver, seen, told_alike
from support.waiting import eventually

THREAD = "run/with a long name"
CONFIG: RunnableConfig = {"configurable": {"thread_id": THREAD}}
START: dict[str, Any] = {"lines": []}

durabilities = pytest.mark.parametrize("durability", ["sync", "async"])


async def _history(graph: Any) -> list[dict[str, Any]]:
    return [seen(state) async for state in graph.aget_state_history(CONFIG)]


def _pending_writes(saver: Saver) -> Callable[[], Any]:
    """Looks at the tasks that have finished in the superstep under way."""

    async def look() -> set[str]:
        found = await saver.aget_tuple(CONFIG)
        return {task for task, _, _ in (found.pending_writes or [])} if found else set()

    return look


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_large_state_is_read_back_whole_with_all_its_history(
    storage: StorageConfig, durability: Durability
) -> None:
    """12-wide Sends into an order-sensitive DeltaChannel, growing lists, edits, files, nested graphs."""
    shape = Shape(width=12, message=2_000, entry=3_000)

    async def story(pods: Pods) -> list[Any]:
        async with pods() as saver:
            graph = dossier_graph(shape).compile(checkpointer=saver)
            told: list[Any] = [await graph.ainvoke(INPUT, CONFIG, durability=durability)]
        async with pods() as saver:
            graph = dossier_graph(shape).compile(checkpointer=saver)
            told.append(seen(await graph.aget_state(CONFIG)))
            told += await _history(graph)
        return told

    told = await told_alike(story, storage, THREAD)
    last = told[1]
    assert last["tasks"] == []
    assert last["values"]["log"][2:14] == [f"work 1.{number}" for number in range(12)]
    assert len(told) == (3 if durability == "exit" else 14)


@durabilities
async def test_when_a_sibling_failed_only_it_runs_again(
    storage: StorageConfig, durability: Durability
) -> None:
    async def story(pods: Pods) -> list[Any]:
        ran: list[str] = []
        told: list[Any] = []

        async def fail(name: str) -> None:
            ran.append(name)
            if name == "b":
                await eventually(look, lambda tasks: len(tasks) >= 2)
                raise RuntimeError("b fails")

        async def note(name: str) -> None:
            ran.append(name)

        async with pods() as saver:
            look = _pending_writes(saver)
            graph = siblings_graph(fail).compile(checkpointer=saver)
            with pytest.raises(RuntimeError, match="b fails"):
                await graph.ainvoke(START, CONFIG, durability=durability)
        assert sorted(ran) == ["a", "b", "c"]
        ran.clear()
        async with pods() as saver:
            graph = siblings_graph(note).compile(checkpointer=saver)
            told.append(seen(await graph.aget_state(CONFIG)))
            told.append(await graph.ainvoke(None, CONFIG, durability=durability))
            told.append(list(ran))
            told += await _history(graph)
        return told

    state, values, ran, *_ = await told_alike(story, storage, THREAD)
    assert ran == ["b", "join"]
    assert values["lines"] == ["a", "b", "c", "join"]
    assert values["log"] == ["log a", "log b", "log c", "log join"]
    assert [error for _, error, _, _ in state["tasks"]] == ["None", "RuntimeError('b fails')", "None"]


@durabilities
async def test_after_a_cancel_in_a_superstep_only_the_unfinished_task_runs_again(
    storage: StorageConfig, durability: Durability
) -> None:
    async def story(pods: Pods) -> list[Any]:
        ran: list[str] = []

        async def hang(name: str) -> None:
            ran.append(name)
            if name == "b":
                await asyncio.Event().wait()

        async def note(name: str) -> None:
            ran.append(name)

        async with pods() as saver:
            graph = siblings_graph(hang).compile(checkpointer=saver)
            run = asyncio.create_task(graph.ainvoke(START, CONFIG, durability=durability))
            await eventually(_pending_writes(saver), lambda tasks: len(tasks) >= 2)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        ran.clear()
        async with pods() as saver:
            graph = siblings_graph(note).compile(checkpointer=saver)
            values = await graph.ainvoke(None, CONFIG, durability=durability)
            return [values, ran, seen(await graph.aget_state(CONFIG))]

    values, ran, state = await told_alike(story, storage, THREAD)
    assert ran == ["b", "join"]
    assert values["lines"] == ["a", "b", "c", "join"]
    assert state["tasks"] == []


@durabilities
@pytest.mark.parametrize("at_once", [True, False], ids=["all-at-once", "one-by-one"])
async def test_questions_asked_at_once_are_answered_by_later_pods(
    storage: StorageConfig, durability: Durability, *, at_once: bool
) -> None:
    async def story(pods: Pods) -> list[Any]:
        told: list[Any] = []
        async with pods() as saver:
            await questions_graph().compile(checkpointer=saver).ainvoke(START, CONFIG, durability=durability)
        for _ in range(10):
            async with pods() as saver:
                graph = questions_graph().compile(checkpointer=saver)
                state = await graph.aget_state(CONFIG)
                told.append(seen(state))
                if not state.tasks:
                    break
                asked = sorted(state.interrupts, key=lambda each: str(each.value))
                answers = {each.id: f"<{each.value}>" for each in (asked if at_once else asked[-1:])}
                await graph.ainvoke(Command(resume=answers), CONFIG, durability=durability)
        async with pods() as saver:
            graph = questions_graph().compile(checkpointer=saver)
            return [*told, *await _history(graph)]

    told = await told_alike(story, storage, THREAD)
    assert told[0]["interrupts"] == ["question 0", "question 1", "question 2"]
    last = next(each for each in told if not each["tasks"])
    assert last["values"]["lines"] == [
        "0: <question 0> <why <question 0>?>",
        "1: <question 1> ",
        "2: <question 2> ",
        "closed after 3",
    ]
    assert told.index(last) == (2 if at_once else 4)


@durabilities
async def test_an_error_handler_that_was_stopped_goes_on_in_the_next_pod_without_its_node(
    storage: StorageConfig, durability: Durability
) -> None:
    async def story(pods: Pods) -> list[Any]:
        ran: list[str] = []
        handling = asyncio.Event()

        async def hang(name: str) -> None:
            ran.append(name)
            if name == "handler":
                handling.set()
                await asyncio.Event().wait()

        async def note(name: str) -> None:
            ran.append(name)

        async with pods() as saver:
            graph = handled_graph(hang).compile(checkpointer=saver)
            run = asyncio.create_task(graph.ainvoke(START, CONFIG, durability=durability))
            await asyncio.wait_for(handling.wait(), 30)
            await eventually(_pending_writes(saver), lambda tasks: len(tasks) >= 2)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        ran.clear()
        async with pods() as saver:
            graph = handled_graph(note).compile(checkpointer=saver)
            values = await graph.ainvoke(None, CONFIG, durability=durability)
            return [values, ran, seen(await graph.aget_state(CONFIG)), *await _history(graph)]

    values, ran, state, *_ = await told_alike(story, storage, THREAD)
    assert ran == ["handler", "last"]
    assert sorted(values["lines"]) == ["handled risky", "last of 2", "sibling"]
    assert state["tasks"] == []


@pytest.mark.parametrize("as_node", ["work", "write", "round"])
async def test_the_past_is_edited_as_a_node_and_the_run_goes_on_from_there(
    storage: StorageConfig, as_node: str
) -> None:
    """The edit goes to a DeltaChannel too, whose values are replayed along the new branch only."""
    shape = Shape(rounds=3, width=3)
    edit = {"log": ["edited"], "ledger": ["edited"], "files": {"edited.py": "x"}, "corpus": "edited"}

    async def story(pods: Pods) -> list[Any]:
        async with pods() as saver:
            await dossier_graph(shape).compile(checkpointer=saver).ainvoke(INPUT, CONFIG)
        async with pods() as saver:
            graph = dossier_graph(shape).compile(checkpointer=saver)
            history = [state async for state in graph.aget_state_history(CONFIG)]
            old = history[-6]  # in the second round
            forked = await graph.aupdate_state(old.config, edit, as_node=as_node)
            told: list[Any] = [seen(await graph.aget_state(forked))]
        async with pods() as saver:
            graph = dossier_graph(shape).compile(checkpointer=saver)
            told.append(await graph.ainvoke(None, forked))
            told.append(seen(await graph.aget_state(CONFIG)))
            told += [seen(await graph.aget_state(state.config)) for state in history]
            told.append(await graph.ainvoke(None, history[4].config))  # replay the branch that was left
            told += await _history(graph)
        return told

    forked, branch, *rest = await told_alike(story, storage, THREAD)
    assert "edited" in forked["values"]["log"]
    assert branch["log"].count("edited") == 1
    assert branch["rounds"] == 3
    replayed = rest[13]
    assert "edited" not in replayed["log"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_the_sync_face_does_the_same(storage: StorageConfig, durability: Durability) -> None:
    def run(saver: Saver) -> list[Any]:
        graph = sync_graph().compile(checkpointer=saver)
        told: list[Any] = [graph.invoke(START, CONFIG, durability=durability)["lines"]]
        told.append(seen(graph.get_state(CONFIG)))
        told.append(graph.invoke(Command(resume="yes"), CONFIG, durability=durability))
        history = list(graph.get_state_history(CONFIG))
        forked = graph.update_state(history[-1].config, {"log": ["edited"]}, as_node="start")
        told.append(graph.invoke(None, forked, durability=durability)["log"])
        told += [seen(state) for state in graph.get_state_history(CONFIG)]
        return told

    async def story(pods: Pods) -> list[Any]:
        async with pods() as saver:
            return await asyncio.to_thread(run, saver)

    _, asked, values, edited, *_ = await told_alike(story, storage, THREAD)
    assert asked["interrupts"] == ["13 lines?"]
    assert values["lines"][-1] == "yes"
    assert edited == ["edited", *(f"line {number:02}" for number in range(12))]
