"""What a run has stored goes once its resource has been gone for the retention, and nothing else does."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from langchain_core.runnables import RunnableConfig

from graphrun_api.db import sql
from graphrun_api.db.database import Database
from graphrun_api.kube.connect import connect
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.kube.run_cache import RunCache
from graphrun_api.sweep import Retention, Sweeper
from graphrun_checkpoints import MinioStore, ObjectStoreSaver, StorageConfig
from graphrun_core import storage_keys
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import Api, Project, Rest, now, running_api, settings_for
from support.fork_graph import three
from support.waiting import eventually

WEEK = 7 * 24 * 3600


class Bucket:
    """What lies in storage."""

    def __init__(self, storage: StorageConfig) -> None:
        self.store, self.prefix = MinioStore(storage), storage.prefix

    async def fill(self, uid: str) -> None:
        """A run's thread and a large output."""
        config: RunnableConfig = {"configurable": {"thread_id": uid}}
        async with ObjectStoreSaver(self.store, prefix=storage_keys.checkpoint_prefix(self.prefix)) as saver:
            await saver.aopen(uid, fence=1, owner=uid)
            await three.compile(checkpointer=saver).ainvoke({"topic": "owls"}, config)
        await self.store.put(storage_keys.output_key(self.prefix, uid, 1), b"{}")

    async def keys(self, *parts: str) -> list[str]:
        """Keys with any of these in them."""
        page = await self.store.list(f"{self.prefix}/")
        return [entry.key for entry in page if any(part in entry.key for part in parts)]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def bucket(storage: StorageConfig) -> AsyncIterator[Bucket]:
    made = Bucket(storage)
    yield made
    await made.store.aclose()


@pytest.fixture
async def sweep(plane: ControlPlane, database: str, bucket: Bucket, api: Api) -> AsyncIterator[Any]:
    """Sweeps one round with the retention given, on what the API knows; answers how many runs it looked at."""
    cluster = await connect({"KUBECONFIG": str(plane.kubeconfig)})
    history = Database(database, 2)

    async def once(seconds: int = 0, cache: RunCache = api.program.cache) -> int:
        live = LiveRuns(cluster, cache)
        return await Sweeper(history, live, bucket.store, Retention(bucket.prefix, seconds)).round()

    yield once
    await history.aclose()
    await cluster.aclose()


async def _gone(project: Project, database: str, name: str, *, days: float = 0.0) -> None:
    """Delete a run, wait until the history knows, and let it be `days` ago."""
    uid = (await project.run(name))["metadata"]["uid"]
    connection = await asyncpg.connect(database)
    try:
        await eventually(
            lambda: connection.fetchval("SELECT count(*) FROM run WHERE uid = $1", uid),
            what="the history knows the run",
        )
        await project.kube.call("DELETE", project.path("workflowruns", name))
        change = "UPDATE run SET gone_at = gone_at - make_interval(secs => $2) WHERE uid = $1 AND gone_at IS NOT NULL"
        await eventually(
            lambda: connection.execute(change, uid, days * 24 * 3600),
            lambda done: done == "UPDATE 1",
            what="the history knows that the run is gone",
        )
    finally:
        await connection.close()


async def _stored(project: Project, bucket: Bucket, name: str, **spec: Any) -> str:
    """A run with something in storage; its UID."""
    uid: str = (await project.apply_run(name, **spec))["metadata"]["uid"]
    await bucket.fill(uid)
    return uid


async def test_what_a_run_stored_goes_when_the_retention_has_passed(
    rest: Rest, project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    large = await rest.create({"text": "x" * 70_000})
    manifest = await project.run(large)
    uid, reference = manifest["metadata"]["uid"], manifest["spec"]["inputRef"]
    await bucket.fill(uid)
    before = await bucket.keys(uid, reference)
    assert len(before) > 5

    await _gone(project, database, large, days=6.9)
    assert await sweep(WEEK) == 0
    assert await bucket.keys(uid, reference) == before

    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE run SET gone_at = gone_at - interval '3 hours' WHERE uid = $1", uid)
    await connection.close()
    assert await sweep(WEEK) == 1
    assert await bucket.keys(uid, reference) == []
    assert await sweep(WEEK) == 0


async def test_other_runs_and_a_namesake_are_untouched(
    project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    old = await _stored(project, bucket, "same")
    other = await _stored(project, bucket, "other")
    await _gone(project, database, "same")
    new = await _stored(project, bucket, "same")
    kept = await bucket.keys(new, other)

    await sweep()

    assert await bucket.keys(old) == []
    assert await bucket.keys(new, other) == kept


async def test_a_run_that_is_there_is_untouched_whatever_the_history_says(
    project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    uid = await _stored(project, bucket, "there")
    before = await bucket.keys(uid)
    connection = await asyncpg.connect(database)
    await eventually(
        lambda: connection.execute("UPDATE run SET gone_at = now() - interval '1 hour' WHERE uid = $1", uid),
        lambda done: done == "UPDATE 1",
    )
    await connection.close()

    assert await sweep() == 1
    # A cache that has not heard of the run does not mislead either.
    assert await sweep(cache=RunCache()) == 1
    assert await bucket.keys(uid) == before


async def test_what_a_fork_has_yet_to_copy_waits_for_it(
    api: Api, project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    source = await _stored(project, bucket, "source")
    await project.apply_run("fork", startFrom={"run": "source"})
    await project.status("fork", phase="Starting", attempt=1, startFromUID=source)
    await _gone(project, database, "source")
    await eventually(_cached(api, project, "fork"), lambda run: run.status.start_from_uid == source)
    before = await bucket.keys(source)

    await sweep()
    assert await bucket.keys(source) == before

    runner = {"attempt": 1, "checkpoint": {"id": "c1", "step": 1, "time": now()}}
    await project.status("fork", runner=runner)
    await eventually(_cached(api, project, "fork"), lambda run: run.status.runner.checkpoint is not None)
    await sweep()
    assert await bucket.keys(source) == []


async def test_an_input_that_another_run_uses_and_what_the_api_did_not_store_stay(
    rest: Rest, project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    first = await rest.create({"text": "x" * 70_000})
    reference = (await project.run(first))["spec"]["inputRef"]
    await project.apply_run("second", inputRef=reference)
    await bucket.store.put(f"{bucket.prefix}/shared/data.json", b"{}")
    await project.apply_run("third", inputRef=f"{bucket.prefix}/shared/data.json")
    await _gone(project, database, first)
    await _gone(project, database, "third")

    await sweep()
    assert await bucket.keys(reference, "shared") == sorted([reference, f"{bucket.prefix}/shared/data.json"])

    await _gone(project, database, "second")
    await sweep()
    assert await bucket.keys(reference) == []


async def test_one_replica_sweeps_at_a_time(
    project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    uid = await _stored(project, bucket, "held")
    await _gone(project, database, "held")
    holder = await asyncpg.connect(database)
    try:
        assert await holder.fetchval(sql.TRY_LOCK, sql.SWEEP_LOCK)
        assert await sweep() == 0
        assert await bucket.keys(uid) != []
    finally:
        await holder.close()
    await eventually(sweep, lambda seen: seen == 1)
    assert await bucket.keys(uid) == []


async def test_a_sweep_that_was_cut_short_is_finished_by_the_next(
    project: Project, bucket: Bucket, database: str, sweep: Any
) -> None:
    uid = await _stored(project, bucket, "cut")
    await _gone(project, database, "cut")
    # As if it had died between the thread and the rest of it.
    async with ObjectStoreSaver(bucket.store, prefix=storage_keys.checkpoint_prefix(bucket.prefix)) as saver:
        await saver.adelete_thread(uid)
    assert await bucket.keys(uid) == [storage_keys.output_key(bucket.prefix, uid, 1)]

    assert await sweep() == 1
    assert await bucket.keys(uid) == []


async def test_a_replica_sweeps_by_itself(
    plane: ControlPlane, project: Project, bucket: Bucket, database: str, storage: StorageConfig
) -> None:
    settings = settings_for(database, storage).model_copy(update={"storage_retention_seconds": 0})
    async with running_api(plane, settings):
        uid = await _stored(project, bucket, "mine")
        await _gone(project, database, "mine")
    async with running_api(plane, settings):
        await eventually(lambda: bucket.keys(uid), lambda keys: keys == [], seconds=15)


def _cached(api: Api, project: Project, name: str) -> Any:
    async def look() -> Any:
        return api.program.cache.get(project.namespace, name)

    return look
