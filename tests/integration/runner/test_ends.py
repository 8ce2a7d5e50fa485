"""How attempts end by themselves: outcome, exit code, termination message and events agree."""

import json
import os
import signal

import pytest

from graphrun_checkpoints import MinioStore
from support.runner_process import Runner

_GRAPH = """
import operator
from typing import Annotated, TypedDict
from langgraph.graph import StateGraph, START, END
import graphrun_runner

class State(TypedDict, total=False):
    text: str
    seen: Annotated[list[str], operator.add]

def first(state):
    graphrun_runner.progress(0.5)
    return {"seen": ["first"]}

async def second(state):
    from langgraph.config import get_stream_writer
    get_stream_writer()({"hello": "world"})
    print("printed by a node")
    return {"seen": ["second"]}

def build():
    graph = StateGraph(State)
    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    return graph

builder = build()
"""

_SOURCES = {"flow/graph.py": _GRAPH, "flow/__init__.py": ""}


def test_a_graph_that_ends_succeeds_with_its_output_and_every_event_once(runner: Runner) -> None:
    attempt = runner.start("flow.graph:builder", sources=_SOURCES, input={"text": "hi"})
    assert attempt.wait() == 0, attempt.log
    assert attempt.outcome == {
        "result": "Succeeded",
        "exitCode": 0,
        "output": {"text": "hi", "seen": ["first", "second"]},
    }
    assert attempt.termination_message == attempt.outcome
    assert attempt.report["checkpoint"]["step"] == 2
    events = runner.api.unique()
    assert [event["seq"] for event in events] == list(range(1, len(runner.api.events) + 1))
    assert [e["node_id"] for e in runner.api.of("node_started")] == ["first", "second"]
    assert [e["node_id"] for e in runner.api.of("node_completed")] == ["first", "second"]
    assert [(e["step"], e["visit"], e["ns"]) for e in runner.api.of("node_started")] == [
        (1, 1, ""),
        (2, 1, ""),
    ]
    assert [(e["node_id"], e["data"]) for e in runner.api.of("node_progress")] == [
        ("first", {"progress": 0.5})
    ]
    assert [(e["node_id"], e["data"]) for e in runner.api.of("custom")] == [
        ("second", {"payload": {"hello": "world"}})
    ]
    assert runner.api.of("run_started")[0]["data"]["graph"]["nodes"] == ["first", "second"]
    assert {e["data"]["id"] for e in runner.api.of("checkpoint_saved")} >= {
        attempt.report["checkpoint"]["id"]
    }
    assert "printed by a node" in attempt.log
    assert json.dumps(events).count("hello") == 1


@pytest.mark.parametrize("entrypoint", ["make", "make_async", "make_with_config", "inner"])
def test_factories_and_compiled_graphs_run_like_builders(runner: Runner, entrypoint: str) -> None:
    runner.go()
    config = {"recursionLimit": 100, "tags": [], "configurable": {"colour": "blue", "thread_id": "not ours"}}
    attempt = runner.start(f"flows:{entrypoint}", config=config)
    assert attempt.wait() == 0, attempt.log
    assert len(attempt.outcome["output"]["seen"]) == 3


def test_a_graph_error_fails_the_run_and_names_it(runner: Runner) -> None:
    attempt = runner.start("flows:failing_graph")
    assert attempt.wait() == 83, attempt.log
    assert attempt.outcome == {
        "result": "Failed",
        "exitCode": 83,
        "reason": "GraphError",
        "message": "ValueError: the sky is falling",
    }
    assert attempt.termination_message == attempt.outcome
    failed = runner.api.of("node_failed")
    assert [(e["node_id"], e["data"]) for e in failed] == [
        ("failing", {"error": "ValueError: the sky is falling"})
    ]
    assert "Traceback" in attempt.log


def test_a_node_that_calls_exit_is_a_graph_error(runner: Runner) -> None:
    attempt = runner.start("flows:leaving_graph")
    assert attempt.wait() == 83, attempt.log
    assert attempt.outcome["message"] == "SystemExit: 3"


def test_a_process_that_vanishes_with_code_0_is_no_success(runner: Runner) -> None:
    attempt = runner.start("flows:vanishing_graph")
    assert attempt.wait() == 1, attempt.log
    assert attempt.report == {"stopped": True, "outcome": None, "checkpoint": attempt.report["checkpoint"]}
    assert "no outcome" in (attempt.home / "termination-log").read_text()


def test_a_killed_graph_process_ends_with_its_own_code_and_no_outcome(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping")
    runner.api.until(lambda api: api.started("asleep"))
    [child] = attempt.children()
    os.kill(child, signal.SIGKILL)
    assert attempt.wait() == 137, attempt.log
    assert attempt.report["stopped"] is True
    assert attempt.report["outcome"] is None
    assert "SIGKILL" in (attempt.home / "termination-log").read_text()


def test_retries_of_a_node_are_told(runner: Runner) -> None:
    attempt = runner.start("flows:retrying")
    assert attempt.wait() == 0, attempt.log
    told = [(e["type"], e["data"]) for e in runner.api.of("node_started", "node_retrying", "node_completed")]
    assert told == [
        ("node_started", {}),
        ("node_retrying", {"error": "ConnectionError: try 1", "attempt": 2}),
        ("node_retrying", {"error": "ConnectionError: try 2", "attempt": 3}),
        ("node_completed", {}),
    ]


async def test_a_large_output_goes_to_object_storage(runner: Runner) -> None:
    attempt = runner.start("flows:large")
    assert attempt.wait() == 0, attempt.log
    reference = f"{runner.storage.prefix}/runs/{runner.run_uid}/output-1.json"
    assert attempt.outcome == {"result": "Succeeded", "exitCode": 0, "outputRef": reference}
    store = MinioStore(runner.storage)
    data = await store.get(reference)
    await store.aclose()
    assert data is not None
    assert json.loads(data)["answer"] == "x" * 5000


async def test_a_large_input_comes_from_object_storage(runner: Runner) -> None:
    store, key = MinioStore(runner.storage), f"{runner.storage.prefix}/runs/{runner.run_uid}/input.json"
    await store.put(key, json.dumps({"folder": str(runner.folder), "seen": ["input"]}).encode())
    await store.aclose()
    attempt = runner.start("flows:large", input=None, inputRef=key)
    assert attempt.wait() == 0, attempt.log
    assert attempt.outcome["outputRef"]


def test_a_models_answer_is_told_in_tokens_and_is_readable_in_the_output(runner: Runner) -> None:
    attempt = runner.start("flows:speech")
    assert attempt.wait() == 0, attempt.log
    tokens = runner.api.of("token")
    assert "".join(e["data"]["text"] for e in tokens) == "one two three"
    assert len(tokens) > 1
    assert {e["node_id"] for e in tokens} == {"speaking"}
    answer = attempt.outcome["output"]["answer"]
    assert (answer["type"], answer["content"]) == ("ai", "one two three")


def test_fan_out_is_told_as_visits_of_one_node(runner: Runner) -> None:
    attempt = runner.start("flows:fan_out")
    assert attempt.wait() == 0, attempt.log
    started = runner.api.of("node_started")
    assert sorted(e["visit"] for e in started) == [1, 2, 3, 4]
    assert len({e["task_id"] for e in started}) == 4
    ended = {e["task_id"]: e["visit"] for e in runner.api.of("node_completed")}
    assert ended == {e["task_id"]: e["visit"] for e in started}


def test_the_active_limit_stops_the_graph_for_good(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping", activeSecondsLeft=4)
    assert attempt.wait() == 84, attempt.log
    assert (attempt.outcome["result"], attempt.outcome["reason"]) == ("Failed", "ActiveTimeout")
