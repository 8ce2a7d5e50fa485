"""status.runner as it is written: whole, and within what the resource takes, whatever a runner reports."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.runner_port import runner_status
from graphrun_api.runner_port.bindings import Binding
from graphrun_core.protocol import INTERRUPTS_INLINE_BYTES
from graphrun_core.resources import RunnerStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BINDING = Binding("ns", "pod", "uid", "run", "run-uid", 2, "rev")
CHECKPOINT = {"id": "c1", "step": 3, "time": "2026-01-01T00:00:00Z"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def before(**fields: Any) -> RunnerStatus:
    return RunnerStatus.model_validate({"attempt": 1, "podUID": "old", "podName": "old", **fields})


def test_a_claim_keeps_checkpoint_and_progress_and_nothing_else() -> None:
    old = before(
        checkpoint=CHECKPOINT, progress=0.4, currentNodes=["a"], outcome={"result": "Paused"}, stoppedTime=NOW
    )

    claimed = runner_status.claimed(old, BINDING, NOW)

    assert claimed == {
        "attempt": 2,
        "podName": "pod",
        "podUID": "uid",
        "claimTime": "2026-01-01T00:00:00.000000Z",
        "checkpoint": CHECKPOINT,
        "progress": 0.4,
    }


def test_progress_never_falls() -> None:
    refreshed = runner_status.refreshed(before(progress=0.7), None, 0.5, [])

    assert refreshed["progress"] == 0.7


def test_a_refresh_clips_the_nodes() -> None:
    refreshed = runner_status.refreshed(before(), CHECKPOINT, 2.0, ["n" * 99] * 9)

    assert refreshed["currentNodes"] == ["n" * 64] * 4
    assert refreshed["progress"] == 1.0
    assert refreshed["checkpoint"] == CHECKPOINT


def test_a_refresh_with_nothing_new_is_what_is_there() -> None:
    known = before(progress=0.5, currentNodes=["a"], checkpoint=CHECKPOINT)

    assert runner_status.refreshed(known, CHECKPOINT, 0.5, ["a"]) == runner_status.whole(known)


def test_the_first_outcome_and_the_first_proof_stay() -> None:
    first = runner_status.reported(
        before(), {"stopped": True, "outcome": {"result": "Paused", "exitCode": 80}}, NOW
    )
    later = NOW.replace(year=2027)
    again = runner_status.reported(
        RunnerStatus.model_validate(first), {"stopped": True, "outcome": {"result": "Failed"}}, later
    )

    assert first["outcome"] == {"result": "Paused", "exitCode": 80}
    assert again == runner_status.whole(RunnerStatus.model_validate(first))


def test_a_proof_may_come_without_an_outcome_and_after_it() -> None:
    only_proof = runner_status.reported(before(), {"stopped": True, "outcome": None}, NOW)
    only_outcome = runner_status.reported(before(), {"outcome": {"result": "Failed"}}, NOW)
    both = runner_status.reported(RunnerStatus.model_validate(only_outcome), {"stopped": True}, NOW)

    assert "outcome" not in only_proof
    assert only_proof["stoppedTime"]
    assert "stoppedTime" not in only_outcome
    assert both["outcome"]["result"] == "Failed"
    assert both["stoppedTime"]


def test_an_unknown_result_is_no_outcome() -> None:
    assert "outcome" not in runner_status.reported(before(), {"outcome": {"result": "Great"}}, NOW)


def test_a_success_has_an_output_and_a_short_message() -> None:
    outcome = runner_status.clipped_outcome(
        {"result": "Succeeded", "exitCode": 999, "message": "m" * 500, "output": {"a": 1}, "interrupts": [{}]}
    )

    assert outcome == {"result": "Succeeded", "exitCode": 255, "message": "m" * 100, "output": {"a": 1}}


@given(
    st.lists(st.fixed_dictionaries({"id": st.text(), "node": st.text(), "value": json_values}), max_size=30)
)
def test_interrupts_always_fit(interrupts: list[dict[str, Any]]) -> None:
    clipped = runner_status.clipped_interrupts(interrupts)

    assert len(json.dumps(clipped, separators=(",", ":"))) <= INTERRUPTS_INLINE_BYTES
    assert len(clipped) <= 20
    for kept, asked in zip(clipped, interrupts, strict=False):
        assert asked["id"].startswith(kept["id"])
        assert asked["node"].startswith(kept["node"])


def test_one_short_question_stays_as_it_is() -> None:
    question = [{"id": "i", "node": "ask", "value": {"sure?": True}}]

    assert runner_status.clipped_interrupts(question) == question


def test_what_is_refused_whole_is_told_bare() -> None:
    after = {
        "attempt": 1,
        "outcome": {"result": "Failed", "exitCode": 83, "reason": "GraphError", "message": "m"},
    }

    assert runner_status.bare(after)["outcome"] == {
        "result": "Failed",
        "exitCode": 83,
        "reason": "GraphError",
    }
    assert runner_status.bare({"attempt": 1}) == {"attempt": 1}


def test_outputs_over_the_limit_need_storage() -> None:
    assert not runner_status.needs_storage({"output": "x" * 10}, 100)
    assert runner_status.needs_storage({"output": "x" * 200}, 100)
    assert not runner_status.needs_storage(None, 100)
