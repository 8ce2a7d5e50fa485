"""The cache never goes back in time, whoever tells it last."""

from typing import Any

from graphrun_operator.cache import Cache, ObjectKey
from graphrun_operator.model import RunKey


def a_manifest(version: int, name: str = "r", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n", "resourceVersion": str(version), "uid": "u"},
        "spec": {"workflowRef": {"name": "flow"}, **spec},
    }


def state(cache: Cache) -> str | None:
    run = cache.runs.get(ObjectKey("n", "r"))
    return run.spec.state if run else None


def test_an_older_view_is_not_taken() -> None:
    cache = Cache()
    assert cache.runs.put(a_manifest(5, state="Paused"))
    assert not cache.runs.put(a_manifest(4, state="Running"))
    assert not cache.runs.put(a_manifest(5, state="Running"))
    assert state(cache) == "Paused"


def test_a_deleted_object_does_not_come_back_by_an_older_listing() -> None:
    cache = Cache()
    cache.runs.begin_listing()
    cache.runs.put(a_manifest(5))
    cache.runs.bury(a_manifest(6))
    cache.runs.replace([a_manifest(5)], "5")
    assert state(cache) is None


def test_an_object_of_the_same_name_made_later_is_taken() -> None:
    cache = Cache()
    cache.runs.bury(a_manifest(6))
    assert cache.runs.put(a_manifest(7))


def test_a_late_burial_does_not_bury_a_newer_object_of_the_same_name() -> None:
    cache = Cache()
    cache.runs.put(a_manifest(7))
    cache.runs.bury(a_manifest(6))
    assert state(cache) == "Running"


def test_a_listing_drops_what_has_vanished_and_tells_which_groups_changed() -> None:
    cache = Cache()
    cache.runs.put(a_manifest(5))
    assert cache.runs.replace([], "9") == {RunKey("n", "flow")}
    assert state(cache) is None


def test_a_listing_keeps_what_was_made_after_it() -> None:
    cache = Cache()
    cache.runs.put(a_manifest(10))
    assert cache.runs.replace([], "9") == set()
    assert state(cache) == "Running"


def test_an_object_that_cannot_be_read_is_left_alone() -> None:
    cache = Cache()
    cache.runs.put(a_manifest(5))
    assert not cache.runs.put(a_manifest(6, state="Levitating"))
    assert state(cache) == "Running"


def test_runs_are_found_by_their_workflow_and_jobs_by_their_run() -> None:
    cache = Cache()
    cache.runs.put(a_manifest(5))
    assert cache.runs_of(ObjectKey("n", "flow")) == (RunKey("n", "r"),)
    labels = {"graphrun.dev/run": "r", "graphrun.dev/attempt": "1"}
    job = a_manifest(6, name="r-1")
    job["metadata"] |= {"labels": labels, "creationTimestamp": "2026-11-23T12:00:00Z"}
    cache.jobs.put(job)
    assert [found.name for found in cache.jobs.of(RunKey("n", "r"))] == ["r-1"]
    cache.jobs.forget(ObjectKey("n", "r-1"))
    assert cache.jobs.of(RunKey("n", "r")) == ()
    assert not cache.jobs.put(job)
    assert cache.all_keys() == {RunKey("n", "r")}
