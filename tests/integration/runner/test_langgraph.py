"""What LangGraph's nodes may be and do, as a run shows it: events, and nothing run twice over a pause."""

from typing import Any

import pytest

from graphrun_core.claims import fence_of
from support.runner_process import Runner

Json = dict[str, Any]


def _resume(
    value: Any = None, *, id_: str = "r", has_value: bool = False, earlier: tuple[int, ...] = ()
) -> Json:
    fences = [fence_of(attempt) for attempt in earlier]
    return {"id": id_, "checkpointID": "", "hasValue": has_value, "value": value, "earlierFences": fences}


def _told(runner: Runner, *types: str) -> list[tuple[str, str, Any]]:
    return [(e["type"], e["node_id"], e["data"]) for e in runner.api.of(*types)]


def test_a_timeout_of_a_node_is_named_by_its_retries_and_the_last_try_counts(runner: Runner) -> None:
    attempt = runner.start("shapes:timed", input={"folder": str(runner.folder), "size": 2})
    assert attempt.wait() == 0, attempt.log
    told = _told(runner, "node_started", "node_retrying", "node_failed", "node_completed")
    assert [(kind, node) for kind, node, _ in told] == [
        ("node_started", "slow"),
        ("node_retrying", "slow"),
        ("node_retrying", "slow"),
        ("node_completed", "slow"),
    ]
    assert [data["attempt"] for _, _, data in told[1:3]] == [2, 3]
    assert all("exceeded its run timeout of 0.300s" in data["error"] for _, _, data in told[1:3]), told


@pytest.mark.parametrize(
    ("graph", "named"), [("timed", "run timeout of 0.300s"), ("idle", "idle timeout of 0.300s")]
)
def test_a_timeout_that_no_retry_mends_fails_the_node_and_the_run_by_name(
    runner: Runner, graph: str, named: str
) -> None:
    attempt = runner.start(f"shapes:{graph}", input={"folder": str(runner.folder), "size": 9})
    assert attempt.wait() == 83, attempt.log
    [(_, _, data)] = _told(runner, "node_failed")
    assert named in data["error"]
    assert named in attempt.outcome["message"]


def test_nodes_of_every_kind_run_and_are_told(runner: Runner) -> None:
    attempt = runner.start("shapes:kinds")
    assert attempt.wait() == 0, attempt.log
    expected = ["sync", "async", "sync generator", "async generator", "object", "partial"]
    assert runner.marks == expected
    assert attempt.outcome["output"]["seen"] == expected
    nodes = ["sync", "asynchronous", "sync_generator", "async_generator", "thing", "partial"]
    assert [e["node_id"] for e in runner.api.of("node_completed")] == nodes


def test_commands_go_where_they_say_out_of_subgraphs_too_and_every_visit_ends(runner: Runner) -> None:
    attempt = runner.start("shapes:commands")
    assert attempt.wait() == 0, attempt.log
    assert runner.marks[:4] == ["a", "beside", "leaving", "fan"]
    assert sorted(runner.marks[4:]) == ["work 0", "work 1", "work 2"]
    started = {(e["task_id"], e["node_id"]) for e in runner.api.of("node_started")}
    ended = {(e["task_id"], e["node_id"]) for e in runner.api.of("node_completed")}
    assert ended == started
    assert {node for _, node in started} == {"a", "b", "leave", "beside", "c", "work"}


def test_a_failure_in_a_subgraph_that_its_caller_forgives_is_told(runner: Runner) -> None:
    attempt = runner.start("shapes:forgiven")
    assert attempt.wait() == 0, attempt.log
    assert runner.marks == ["sleeping", "forgiven", "after"]
    failed = {(node, data["error"]) for _, node, data in _told(runner, "node_failed")}
    assert failed == {("breaking", "ValueError: broken in /"), ("sleeping", "CancelledError")}
    ended = [node for _, node, _ in _told(runner, "node_completed")]
    assert ended == ["forgiving", "after"]


def test_a_subgraph_that_its_caller_gives_up_leaves_no_node_running(runner: Runner) -> None:
    attempt = runner.start("shapes:gave_up")
    assert attempt.wait() == 0, attempt.log
    assert runner.marks == ["sleeping", "gave up", "after"]
    assert _told(runner, "node_failed") == [("node_failed", "sleeping", {"error": "CancelledError"})]
    assert [node for _, node, _ in _told(runner, "node_completed")] == ["giving_up", "after"]


def test_a_drain_two_subgraphs_deep_ends_the_innermost_step_and_nothing_runs_twice(runner: Runner) -> None:
    attempt = runner.start("shapes:two_levels")
    attempt.until_marked("held-entered")
    runner.api.command("Paused")
    attempt.until_logged("finishing the step under way")
    runner.go()
    assert attempt.wait() == 80, attempt.log
    assert attempt.outcome["result"] == "Paused"
    assert runner.marks == ["a", "x", "p", "held-entered", "held"]

    runner.api.command("Running")
    resumed = runner.start("shapes:two_levels", attempt=2, resume=_resume())
    assert resumed.wait() == 0, resumed.log
    assert runner.marks == ["a", "x", "p", "held-entered", "held", "q", "y", "z"]
    deepest = [e for e in runner.api.of("node_started") if e["node_id"] == "q"]
    assert [ns.partition(":")[0] for ns in deepest[0]["ns"].split("|")] == ["middle", "innermost"]


def test_questions_of_two_subgraphs_are_answered_one_by_one(runner: Runner) -> None:
    asked = runner.start("shapes:questions")
    assert asked.wait() == 80, asked.log
    ids = {i["value"]: i["id"] for i in asked.outcome["interrupts"]}
    assert set(ids) == {"left", "right"}
    assert sorted(runner.marks) == ["left asks", "left before", "right asks", "right before"]

    one = _resume({ids["left"]: "l"}, id_="r1", has_value=True)
    half = runner.start("shapes:questions", attempt=2, resume=one)
    assert half.wait() == 80, half.log
    assert [i["value"] for i in half.outcome["interrupts"]] == ["right"]

    other = _resume("r", id_="r2", has_value=True)
    whole = runner.start("shapes:questions", attempt=3, resume=other)
    assert whole.wait() == 0, whole.log
    assert {"left l", "right r"} <= set(whole.outcome["output"]["seen"])
    assert runner.marks.count("left before") == runner.marks.count("right before") == 1


def test_the_functional_api_runs_asks_and_repeats_no_task(runner: Runner) -> None:
    asked = runner.start("shapes:functional")
    assert asked.wait() == 80, asked.log
    assert asked.outcome["interrupts"][0]["value"] == {"doubled": [2, 4]}
    assert {e["node_id"] for e in runner.api.of("node_completed")} >= {"double"}

    answered = runner.start("shapes:functional", attempt=2, resume=_resume("yes", has_value=True))
    assert answered.wait() == 0, answered.log
    assert answered.outcome["output"] == {"sum": 6, "answer": "yes"}
    assert sorted(runner.marks) == ["double 1", "double 2"]


def test_a_state_of_the_standard_librarys_typed_dict_tells_its_schema_and_leaves_no_traceback(
    runner: Runner,
) -> None:
    attempt = runner.start("flows:large")
    assert attempt.wait() == 0, attempt.log
    [started] = runner.api.of("run_started")
    assert {"folder", "seen", "size"} <= started["data"]["graph"]["input_schema"]["properties"].keys()
    assert "Traceback" not in attempt.log
