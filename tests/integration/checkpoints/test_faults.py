"""What the network does to requests, between the saver and a real server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import repeat

import pytest

from graphrun_checkpoints import MinioStore, ObjectStoreSaver, StorageConfig, StorageUnavailable
from support.checkpoints import config, latest, put
from support.fault_proxy import Fault, FaultPlan, fault_proxy

BUSY: Fault = "answer 503"


@pytest.fixture
def plan(storage: StorageConfig) -> Iterator[FaultPlan]:
    with fault_proxy(storage.endpoint) as each:
        yield each


@pytest.fixture
async def store(storage: StorageConfig, plan: FaultPlan) -> AsyncIterator[MinioStore]:
    each = MinioStore(replace(storage, endpoint=plan.endpoint, retry_seconds=60.0))
    yield each
    await each.aclose()


@pytest.fixture
async def impatient(storage: StorageConfig, plan: FaultPlan) -> AsyncIterator[MinioStore]:
    """A store that gives up after a second."""
    each = MinioStore(replace(storage, endpoint=plan.endpoint, retry_seconds=1.0))
    yield each
    await each.aclose()


async def test_a_checkpoint_whose_answer_was_lost_is_recognised_as_our_own(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    async with ObjectStoreSaver(store, prefix=storage.prefix) as saver:
        await saver.aopen("t", fence=1, owner="run")
        plan.add("PUT", "lose answer")
        await put(saver, config(), x=1)
        assert await latest(saver) == {"x": 1}
    assert plan.requests.count(("PUT", 412)) == 2  # the probe, and the retry that met our own object


async def test_a_claim_whose_answer_was_lost_is_still_ours(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", "lose answer")
    async with ObjectStoreSaver(store, prefix=storage.prefix) as saver:
        assert (await saver.aopen("t", fence=1, owner="run")).epoch == 1
        await put(saver, config(), x=1)


@pytest.mark.parametrize("fault", ["answer 503", "cut body short", "lose answer"])
async def test_a_read_is_repeated_until_it_is_whole(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan, fault: Fault
) -> None:
    await store.put(f"{storage.prefix}/a", b"x" * 100_000)
    plan.add("GET", fault, fault)
    assert await store.get(f"{storage.prefix}/a") == b"x" * 100_000


async def test_a_busy_store_is_asked_again(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", "answer 503", "answer 503")
    await store.put(f"{storage.prefix}/a", b"x", if_none_match=True)
    assert plan.requests.count(("PUT", 503)) == 2


async def test_a_busy_store_is_not_asked_forever(
    impatient: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", *repeat(BUSY, 50))
    with pytest.raises(StorageUnavailable, match="503"):
        await impatient.put(f"{storage.prefix}/b", b"x")


async def test_a_run_on_a_store_that_stays_away_stops_with_storage_unavailable(
    impatient: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    saver = ObjectStoreSaver(impatient, prefix=storage.prefix)
    base = await put(saver, config(), x=1)
    plan.add("PUT", *repeat(BUSY, 50))
    with pytest.raises(StorageUnavailable):
        await put(saver, base, x=2)
    await saver.aclose()
