"""Forks and refused resumes by real processes on a real S3 server; every crash point is in the unit tests."""

from pathlib import Path
from typing import Any

from support.runner_process import Runner


def _resume(value: Any = None, *, checkpoint: str = "", has_value: bool = False, update: Any = None) -> Any:
    return {
        "id": "r",
        "checkpointID": checkpoint,
        "hasValue": has_value,
        "value": value,
        "update": update,
        "earlierFences": [],
    }


def test_a_fork_goes_on_from_an_edited_checkpoint_and_leaves_the_other_run_alone(
    runner: Runner, tmp_path: Path
) -> None:
    runner.go()
    source = runner.start("flows:three")
    assert source.wait() == 0, source.log
    [after_a] = [e["data"]["id"] for e in runner.api.of("checkpoint_saved") if e["data"]["step"] == 1]
    ended = source.report["checkpoint"]["id"]

    (tmp_path / "fork").mkdir()
    fork = Runner(runner.api, tmp_path / "fork", runner.storage, runner.sources)
    runner.started.extend(fork.started)
    edit = {"values": {"seen": ["edit"]}, "asNode": "a"}
    start = {"thread": runner.run_uid, "run": "example", "checkpointID": after_a, "update": edit}
    forked = fork.start("flows:three", input={}, startFrom=start)
    assert forked.wait() == 0, forked.log
    assert forked.outcome["output"]["seen"] == ["a", "edit", "held", "c"]
    [begun] = runner.api.of("run_started")
    assert begun["data"]["checkpoint_id"] == after_a

    again = runner.start("flows:three", attempt=2)
    assert again.wait() == 0, again.log
    [resumed] = runner.api.of("run_resumed")
    assert resumed["data"]["checkpoint_id"] == ended
    assert again.outcome["output"]["seen"] == ["a", "held", "c"]


def test_a_fork_of_a_run_that_stored_nothing_fails_for_good(runner: Runner) -> None:
    start = {"thread": "nobody", "run": "other", "checkpointID": "", "update": None}
    attempt = runner.start("flows:three", startFrom=start)
    assert attempt.wait() == 84, attempt.log
    assert attempt.outcome["reason"] == "CheckpointNotFound"
    assert attempt.termination_message == attempt.outcome
    assert runner.marks == []


def test_a_resume_that_cannot_be_leaves_the_run_paused_and_the_next_one_goes_on(runner: Runner) -> None:
    asked = runner.start("flows:approval")
    assert asked.wait() == 80, asked.log

    other = runner.start("flows:three", attempt=2, revision="example-2", resume=_resume())
    assert other.wait() == 80, other.log
    assert (other.outcome["result"], other.outcome["reason"]) == ("Paused", "IncompatibleRevision")
    assert other.outcome["message"].startswith("nodes: asking; nothing was run")
    assert other.termination_message == other.outcome
    assert runner.api.events == []

    unknown = _resume(checkpoint="1f0d2a3b-0000-6000-8000-000000000000")
    nowhere = runner.start("flows:approval", attempt=3, resume=unknown)
    assert nowhere.wait() == 80, nowhere.log
    assert (nowhere.outcome["result"], nowhere.outcome["reason"]) == ("Paused", "CheckpointNotFound")
    assert runner.marks == ["a", "asking"]

    answered = runner.start("flows:approval", attempt=4, resume=_resume("yes", has_value=True))
    assert answered.wait() == 0, answered.log
    assert answered.outcome["output"]["answer"] == "yes"


def test_a_resume_goes_on_from_an_edited_checkpoint_of_its_own_run(runner: Runner) -> None:
    runner.go()
    first = runner.start("flows:three")
    assert first.wait() == 0, first.log
    [after_a] = [e["data"]["id"] for e in runner.api.of("checkpoint_saved") if e["data"]["step"] == 1]

    edit = {"values": {"seen": ["edit"]}, "asNode": "a"}
    again = runner.start("flows:three", attempt=2, resume=_resume(checkpoint=after_a, update=edit))
    assert again.wait() == 0, again.log
    assert again.outcome["output"]["seen"] == ["a", "edit", "held", "c"]


def test_a_resume_whose_edit_cannot_be_made_leaves_the_run_paused(runner: Runner) -> None:
    asked = runner.start("flows:approval")
    assert asked.wait() == 80, asked.log

    edit = {"values": {"seen": ["edit"]}, "asNode": "nobody"}
    refused = runner.start("flows:approval", attempt=2, resume=_resume(update=edit))
    assert refused.wait() == 80, refused.log
    assert (refused.outcome["result"], refused.outcome["reason"]) == ("Paused", "UpdateRefused")
    assert "Node nobody does not exist" in refused.outcome["message"]

    answered = runner.start("flows:approval", attempt=3, resume=_resume("yes", has_value=True))
    assert answered.wait() == 0, answered.log
