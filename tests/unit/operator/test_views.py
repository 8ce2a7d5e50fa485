"""Kubernetes' objects, as far as decisions look at them."""

from typing import Any

import pytest

from graphrun_operator.views import parse_job, parse_pod

LABELS = {"graphrun.dev/run": "r", "graphrun.dev/attempt": "2", "graphrun.dev/revision": "flow-1"}


def a_pod(status: dict[str, Any] | None = None, **metadata: Any) -> Any:
    return parse_pod(
        {
            "metadata": {
                "name": "r-2-x",
                "uid": "pod",
                "labels": LABELS,
                "ownerReferences": [{"uid": "job", "controller": True}],
                **metadata,
            },
            "spec": {"containers": [{"name": "runner", "resources": {"limits": {"memory": "1Gi"}}}]},
            "status": status or {},
        }
    )


def in_state(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "sidecar", "state": {}}, {"name": "runner", "state": state}]}


def test_a_pod_names_its_attempt_its_job_and_its_limit() -> None:
    pod = a_pod()
    assert (pod.attempt, pod.job_uid, pod.memory_limit, pod.ended) == (2, "job", "1Gi", False)


def test_a_terminated_container_is_an_end() -> None:
    terminated = {
        "exitCode": 137,
        "reason": "OOMKilled",
        "finishedAt": "2026-11-23T12:00:00Z",
        "message": "m",
    }
    pod = a_pod({"phase": "Failed", **in_state(terminated=terminated)})
    assert pod.terminated
    assert (pod.terminated.exit_code, pod.terminated.reason, pod.dead) == (137, "OOMKilled", "")


def test_a_failed_pod_without_a_container_is_dead() -> None:
    pod = a_pod({"phase": "Failed", "reason": "Evicted", "message": "no disk"})
    assert pod.ended
    assert pod.dead == "Evicted: no disk"


def test_only_evictions_from_outside_are_disruptions() -> None:
    found = {}
    for reason in ("EvictionByEvictionAPI", "TerminationByKubelet"):
        condition = {"type": "DisruptionTarget", "status": "True", "reason": reason}
        found[reason] = a_pod({"conditions": [condition]}).disrupted
    assert found == {"EvictionByEvictionAPI": True, "TerminationByKubelet": False}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (in_state(waiting={"reason": "ErrImagePull", "message": "no"}), "ErrImagePull"),
        (in_state(waiting={"reason": "ContainerCreating"}), None),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            "Unschedulable",
        ),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, None),
    ],
)
def test_trouble_is_told_by_kubernetes_own_word(status: dict[str, Any], word: str | None) -> None:
    trouble = a_pod(status).trouble
    assert (trouble.word if trouble else None) == word


def test_a_deletion_has_its_deadline() -> None:
    assert a_pod(deletionTimestamp="2026-11-23T12:00:30Z").deleting


def a_job(**status: Any) -> Any:
    metadata = {"name": "r-2", "labels": LABELS, "creationTimestamp": "2026-11-23T12:00:00Z", "uid": "job"}
    return parse_job({"metadata": metadata, "spec": {"suspend": False}, "status": status})


def test_a_job_is_finished_by_its_condition() -> None:
    assert a_job().finished_at is None
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-23T12:01:00Z"}
    assert a_job(conditions=[failed]).finished_at
    assert (a_job().attempt, a_job().revision, a_job().suspended) == (2, "flow-1", False)


def test_a_job_that_was_never_stored_is_refused() -> None:
    with pytest.raises(ValueError, match="creationTimestamp"):
        parse_job({"metadata": {"name": "r-2"}})


def test_a_label_that_is_no_number_belongs_to_no_attempt() -> None:
    assert a_pod(labels={"graphrun.dev/attempt": "x"}).attempt == 0
