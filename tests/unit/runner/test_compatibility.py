"""Resume with another revision: what the stored state needs is compared with the graph before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from graphrun_checkpoints import Store
from graphrun_checkpoints.testing import MemoryStore
from graphrun_runner.child import outcomes
from support.child_attempts import attempt, checkpoints_of, fork_of, grant
from support.revisions_of_a_graph import first

Json = dict[str, Any]


def _revision(name: str, number: int = 1, **changes: Any) -> Json:
    graph = {"entrypoint": f"support.revisions_of_a_graph:{name}", "files": {}}
    return grant("run", number, graph=graph, revision=name, **changes)


def _resume(checkpoint: str = "", **changes: Any) -> Json:
    return {
        "id": "r",
        "checkpointID": checkpoint,
        "hasValue": True,
        "value": "yes",
        "earlierFences": [],
        **changes,
    }


async def _begun(name: str, folder: Path) -> MemoryStore:
    """A run that waits for an answer."""
    store = MemoryStore()
    end: Any = await attempt(store, _revision(name), folder)
    assert end["result"] == "AwaitingInput", end
    return store


async def _state(store: Store) -> list[tuple[str, str | None, Any]]:
    return await checkpoints_of(store, "run")


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("first", "no_review", "nodes: review"),
        ("first", "no_votes", "channels: votes"),
        (
            "first",
            "last_votes",
            "channels: lines (reducer DeltaChannel(support.revisions_of_a_graph.extend) → operator.add), "
            "votes (reducer operator.add → none)",
        ),
        (
            "first",
            "other_votes",
            "channels: votes (reducer operator.add → support.revisions_of_a_graph.merge)",
        ),
        ("first", "worse", "nodes: review; channels: votes"),
        ("fan_first", "fan_other", "nodes: work"),
        ("joined_first", "joined_other", "channels: join:left+right:both"),
        ("joined_due", "joined_other", "nodes: both; channels: join:left+right:both"),
        ("nested", "nested_other", "nodes: sub/review"),
        (
            "nested",
            "nested_votes",
            "channels: sub/lines (reducer DeltaChannel(support.revisions_of_a_graph.extend) → operator.add), "
            "sub/votes (reducer operator.add → none)",
        ),
        ("nested", "flat", "nodes: sub (as a subgraph)"),
        ("deep", "deep_other", "nodes: sub/sub/review"),
    ],
)
async def test_what_the_graph_lacks_is_told_and_nothing_runs(
    tmp_path: Path, old: str, new: str, missing: str
) -> None:
    store = await _begun(old, tmp_path)
    before = await _state(store)
    events: list[Json] = []
    end: Any = await attempt(store, _revision(new, 2, resume=_resume()), tmp_path, events)
    assert (end["result"], end["exitCode"], end["reason"]) == ("Paused", 80, "IncompatibleRevision")
    assert end["message"].startswith(
        f"{missing}; nothing was run. {new} lacks this of the state stored by {old}"
    )
    assert f"graphrun.dev/accept-revision={new}" in end["message"]
    assert events == []
    assert await _state(store) == before

    # The run is as it was: the right revision goes on with the answer.
    right: Any = await attempt(store, _revision(old, 3, resume=_resume(earlierFences=[])), tmp_path)
    assert right["result"] in ("Succeeded", "AwaitingInput"), right


async def test_what_was_added_is_fine_and_becomes_the_new_measure(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    end: Any = await attempt(store, _revision("grown", 2), tmp_path)
    assert end["result"] == "AwaitingInput", end
    refused: Any = await attempt(store, _revision("no_votes", 3), tmp_path)
    assert "of the state stored by grown" in refused["message"]


async def test_the_same_revision_is_not_compared(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    # What cannot be in truth, a revision's name is made of its content, shows that nobody looks.
    graph = {"entrypoint": "support.revisions_of_a_graph:worse", "files": {}}
    end: Any = await attempt(
        store, grant("run", 2, graph=graph, revision="first", resume=_resume()), tmp_path
    )
    assert end["result"] != "Paused"


async def test_a_revision_that_was_accepted_goes_on_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = await _begun("first", tmp_path)
    accepted = _revision("last_votes", 2, resume=_resume(), acceptedRevision="last_votes")
    end: Any = await attempt(store, accepted, tmp_path)
    assert end["result"] == "Succeeded", end
    assert (
        "last_votes goes on as it was accepted, without channels: lines (reducer" in capsys.readouterr().err
    )

    other = await _begun("first", tmp_path)
    refused: Any = await attempt(other, {**accepted, "acceptedRevision": "first"}, tmp_path)
    assert refused["reason"] == "IncompatibleRevision"


async def test_without_a_signature_the_checkpoint_alone_is_compared(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    await store.delete_many([key for key in store.objects if key.endswith("signature.json")])
    refused: Any = await attempt(store, _revision("worse", 2), tmp_path)
    assert refused["message"].startswith("nodes: review; channels: votes; nothing was run. worse lacks this")
    same: Any = await attempt(store, _revision("first", 3), tmp_path)
    assert same["result"] == "AwaitingInput"


async def test_a_grant_of_an_older_api_works(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    old = {
        key: value
        for key, value in _revision("first", 2, resume=_resume()).items()
        if key not in ("startFrom", "acceptedRevision")
    }
    end: Any = await attempt(store, old, tmp_path)
    assert end["result"] == "Succeeded"


async def test_a_fork_onto_a_graph_that_does_not_fit_fails_for_good(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    other = {
        **_revision("worse", startFrom=fork_of("run")),
        "runUID": "fork",
        "thread": "fork",
        "owner": "fork",
    }
    end: Any = await attempt(store, other, tmp_path)
    assert (end["result"], end["exitCode"], end["reason"]) == ("Failed", 84, "IncompatibleRevision")
    assert end["message"].startswith("nodes: review; channels: votes; nothing was run.")

    begun: Any = await attempt(store, {**other, **_fitting("first", 2)}, tmp_path)
    assert begun["result"] == "AwaitingInput"
    paused: Any = await attempt(store, {**other, "attempt": 3, "fence": other["fence"] + 2}, tmp_path)
    assert (paused["result"], paused["exitCode"]) == ("Paused", 80)


def _fitting(name: str, number: int) -> Json:
    return {key: _revision(name, number)[key] for key in ("graph", "revision", "attempt", "fence")}


async def test_a_resume_from_an_unknown_checkpoint_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    before = await _state(store)
    wrong = _resume("1f0d2a3b-0000-6000-8000-000000000000")
    end: Any = await attempt(store, _revision("first", 2, resume=wrong), tmp_path)
    assert (end["result"], end["exitCode"], end["reason"]) == ("Paused", 80, "CheckpointNotFound")
    assert end["message"].startswith("spec.resume.checkpointID: this run has no checkpoint 1f0d2a3b")
    assert await _state(store) == before


async def test_the_checkpoint_that_an_attempt_goes_on_from_is_told(tmp_path: Path) -> None:
    store = await _begun("first", tmp_path)
    events: list[Json] = []
    latest = (await _state(store))[-1][0]
    await attempt(store, _revision("first", 2, resume=_resume()), tmp_path, events)
    [resumed] = [event for event in events if event["type"] == "run_resumed"]
    assert resumed["data"]["checkpoint_id"] == latest


def test_a_long_list_is_cut_before_the_mend() -> None:
    text = outcomes.cut_before("nodes: " + "x" * 5000, "; the mend")
    assert len(text) == 1000
    assert text.endswith("…; the mend")


def test_the_graphs_of_this_test_are_what_they_say() -> None:
    assert set(first.nodes) == {"draft", "review"}
