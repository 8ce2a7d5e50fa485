"""The parts around the decisions, each against the real API server: what a lagging watch or a stale view may not do."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from graphrun_core import names
from graphrun_devcluster.controlplane import ControlPlane
from graphrun_operator.apply import Applier
from graphrun_operator.cache import Cache, ObjectKey
from graphrun_operator.cluster import ApiServer, connect
from graphrun_operator.echoes import Echoes
from graphrun_operator.errors import Conflict
from graphrun_operator.lines import Lines
from graphrun_operator.manifests.job import RunnerDefaults
from graphrun_operator.metrics import Metrics
from graphrun_operator.model import CreateRevision, Plan, RunKey
from graphrun_operator.observe import Observer
from graphrun_operator.priorities import Priorities
from graphrun_operator.resync import Resync
from graphrun_operator.revisions import RevisionStore
from graphrun_operator.sweep import Sweep
from graphrun_operator.views import Revision
from support.nodeless import Json, Nodeless
from support.waiting import eventually

RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Keys(set[RunKey]):
    """Keys that were asked for, and those of them that may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[RunKey] = []

    def add_later(self, key: RunKey) -> None:
        self.add(key)
        self.later.append(key)


class Parts:
    """The operator without its watches: what the cache knows is up to the test."""

    def __init__(self, server: ApiServer) -> None:
        self.server, self.cache, self.metrics = server, Cache(), Metrics()
        self.revisions, self.keys = RevisionStore(server), Keys()
        self.now = datetime.now(UTC)
        defaults = RunnerDefaults("runner:test", "IfNotPresent", "http://api")
        self.applier = Applier(server, self.cache, self.revisions, defaults, self.metrics)
        lines = Lines(self.cache, Priorities(server))
        self.observer = Observer(server, self.cache, self.revisions, lines, lambda: self.now)
        self.sweep = Sweep(server, self.cache, self.applier, lambda: self.now)
        self.resync = Resync(server, self.cache, self.keys, self.metrics, Echoes())


@pytest.fixture
async def parts(plane: ControlPlane) -> AsyncIterator[Parts]:
    server = await connect({"KUBECONFIG": str(plane.kubeconfig)})
    yield Parts(server)
    await server.close()


@pytest.mark.usefixtures("operator")
async def test_a_pod_that_the_watch_has_not_told_of_is_not_taken_for_lost(
    cluster: Nodeless, parts: Parts
) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    parts.cache.runs.put(await cluster.run("run"))
    seen = await parts.observer.observe(RunKey(cluster.namespace, "run"))
    assert seen
    assert [item.uid for item in seen.pods] == [pod["metadata"]["uid"]]


async def test_a_run_that_nobody_knows_is_not_observed(parts: Parts) -> None:
    assert await parts.observer.observe(RunKey("n", "nobody")) is None


async def test_a_status_decided_on_an_old_view_is_refused_and_the_run_read_again(
    cluster: Nodeless, parts: Parts
) -> None:
    await cluster.create_run(state="Pending")
    parts.cache.runs.put(await cluster.run("run"))
    key = RunKey(cluster.namespace, "run")
    seen = await parts.observer.observe(key)
    assert seen
    newer = await cluster.ask("run", timeouts={"startSeconds": 5})
    with pytest.raises(Conflict):
        await parts.applier.apply(seen, Plan(rule="", status={"phase": "Succeeded"}))
    assert (await cluster.run("run")).get("status", {}).get("phase") != "Succeeded"
    known = parts.cache.runs.get(ObjectKey(*key))
    assert known
    assert int(known.metadata.resource_version) >= int(newer["metadata"]["resourceVersion"])


async def test_a_full_look_finds_everything_and_tells_what_was_missed(
    cluster: Nodeless, parts: Parts
) -> None:
    await cluster.create_workflow()
    await cluster.create_run(state="Pending")
    key = RunKey(cluster.namespace, "run")
    await parts.resync.first()
    assert key in parts.keys
    await cluster.call("DELETE", cluster.url("workflowruns", "run"))
    await parts.resync.first()
    assert parts.cache.runs.get(ObjectKey(*key)) is None


@pytest.mark.usefixtures("operator")
async def test_a_full_look_wakes_what_waits_for_the_operator_first_and_what_is_over_last(
    cluster: Nodeless, parts: Parts
) -> None:
    """As at a take-over, when thousands of runs may be there."""
    for name in ("changed", "idle", "over"):
        await cluster.create_run(name, state="Pending")
        await cluster.phase(name, "Pending")
    await cluster.ask("over", state="Cancelled")
    await cluster.phase("over", "Cancelled")
    changed = await cluster.run("changed")
    changed["metadata"]["generation"] += 1
    changed["metadata"]["resourceVersion"] = str(int(changed["metadata"]["resourceVersion"]) + 10**9)
    for name in ("idle", "over"):
        parts.cache.runs.put(await cluster.run(name))
    parts.cache.runs.put(changed)
    parts.resync.wake_all()
    assert [key.name for key in parts.keys.later] == ["idle", "over"]
    assert RunKey(cluster.namespace, "changed") in parts.keys


@pytest.mark.usefixtures("operator")
async def test_a_run_that_the_watch_has_not_told_of_is_not_taken_for_gone(
    cluster: Nodeless, parts: Parts
) -> None:
    """At a take-over the watch of runs may lag behind that of Jobs: theirs are no orphans."""
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    for job in await cluster.listed("jobs"):
        parts.cache.jobs.put(job)
    parts.cache.pods.put(pod)
    key = RunKey(cluster.namespace, "run")
    assert await parts.applier.remove_orphans(key) is False
    assert parts.cache.runs.get(ObjectKey(*key)) is not None, "it is known now"
    [job] = await cluster.listed("jobs")
    assert "deletionTimestamp" not in job["metadata"]


async def test_pods_and_jobs_of_a_run_that_is_gone_are_removed(cluster: Nodeless, parts: Parts) -> None:
    """Even where nothing owns them any more, so that the garbage collector leaves them be."""
    selector = dict(item.split("=") for item in names.RUNNER_SELECTOR.split(","))
    labels = selector | {names.LABEL_RUN: "nobody", names.LABEL_ATTEMPT: "1"}
    container = {"name": "runner", "image": "i", "securityContext": RESTRICTED}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "left", "labels": labels},
        "spec": {"containers": [container]},
    }
    parts.cache.pods.put(await cluster.call("POST", cluster.url("pods"), pod))
    key = RunKey(cluster.namespace, "nobody")
    assert key in parts.cache.all_keys()
    assert await parts.applier.remove_orphans(key) is True
    assert await cluster.listed("pods") == []


async def test_revisions_that_nothing_needs_are_swept_away(cluster: Nodeless, parts: Parts) -> None:
    workflow = await cluster.create_workflow()
    await cluster.create_run(workflowRef={"name": "flow", "revision": "gone-needed"}, state="Pending")
    await parts.resync.first()
    seen = await parts.observer.observe(RunKey(cluster.namespace, "run"))
    assert seen
    writes = tuple(
        CreateRevision(Revision(name, "gone", workflow["spec"])) for name in ("gone-needed", "gone-unused")
    )
    await parts.applier.apply(seen, Plan(rule="", writes=writes + writes))
    await parts.sweep.sweep()
    assert len(await cluster.listed("controllerrevisions")) == 2, "made a moment ago"
    parts.now += timedelta(hours=1)
    await parts.sweep.sweep()

    async def left() -> list[str]:
        return [item["metadata"]["name"] for item in await cluster.listed("controllerrevisions")]

    assert await eventually(left) == ["gone-needed"]
    assert parts.revisions.known(cluster.namespace, "gone-unused") is None
