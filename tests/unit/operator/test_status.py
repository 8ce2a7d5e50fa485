"""The status patch: only what differs, within the CRD's limits."""

import json
from typing import Any

from graphrun_core import reasons
from graphrun_operator.decide.status import MESSAGE_MAX, status_patch
from graphrun_operator.model import Observation
from support.builders import NOW, a_run
from support.played_out import merged


def patched(seen: Observation, **wanted: Any) -> dict[str, Any] | None:
    return status_patch(seen.run, NOW, **wanted)


def test_a_status_that_stands_is_not_written_again() -> None:
    wanted = {"phase": "Running", "reason": "AttemptClaimed", "attempt": 1, "start_time": NOW}
    scene = a_run()
    first = patched(scene.seen(), **wanted)
    assert first
    scene.shown(**first)
    assert patched(scene.seen(), **wanted) is None


def test_a_new_generation_is_answered() -> None:
    scene = a_run()
    first = patched(scene.seen(), phase="Running", reason="AttemptClaimed")
    assert first
    scene.shown(**first)
    scene.changed_to(generation=2)
    patch = patched(scene.seen(), phase="Running", reason="AttemptClaimed")
    assert patch
    assert patch["observedGeneration"] == 2
    assert {item["observedGeneration"] for item in patch["conditions"]} == {2}


def test_a_condition_keeps_its_time_while_its_status_stands() -> None:
    scene = a_run().accepted(100)
    patch = patched(scene.seen(), phase="Running", reason="AttemptClaimed")
    assert patch
    times = {item["type"]: item["lastTransitionTime"] for item in patch["conditions"]}
    assert times["Accepted"] == "2026-11-23T11:58:20.000000Z"
    assert times["Running"] == "2026-11-23T12:00:00.000000Z"


def test_none_removes_a_field() -> None:
    scene = a_run().shown("Paused", pausedTime=NOW.isoformat())
    patch = patched(scene.seen(), phase="Starting", reason="AttemptStarting", paused_time=None)
    assert patch
    assert patch["pausedTime"] is None
    assert "pausedTime" not in merged({"pausedTime": "x"}, patch)


def test_a_long_message_is_cut_to_one_line_within_the_limit() -> None:
    patch = patched(a_run().seen(), phase="Failed", reason="GraphError", message="a\n  b" + "x" * 1000)
    assert patch
    assert patch["message"].startswith("a bx")
    assert len(patch["message"]) == MESSAGE_MAX


def test_the_operators_half_leaves_room_for_the_runners() -> None:
    patch = patched(
        a_run().seen(),
        phase="AwaitingInput",
        reason="x" * 32,
        message="x" * MESSAGE_MAX,
        revision="x" * 63,
        job_name="x" * 63,
    )
    assert len(json.dumps(patch, separators=(",", ":"))) < 2048


def test_a_run_that_was_cancelled_before_it_was_judged_was_neither_accepted_nor_refused() -> None:
    patch = patched(a_run().seen(), phase="Cancelled", reason="CancelCompleted")
    assert patch
    assert patch["conditions"][0]["status"] == "Unknown"
    patch = patched(a_run().accepted(5).seen(), phase="Cancelled", reason="CancelCompleted")
    assert patch
    assert patch["conditions"][0]["status"] == "True"


def test_every_reason_that_is_written_has_its_explanation() -> None:
    assert len(max(reasons.REASONS, key=len)) <= 32
    for scene in (
        a_run().claimed(),
        a_run().wanted("Pending"),
        a_run().without_workflow(),
        a_run().wanted("Cancelled"),
    ):
        plan = scene.decided()
        assert plan.status
        assert plan.status["reason"] in reasons.REASONS
