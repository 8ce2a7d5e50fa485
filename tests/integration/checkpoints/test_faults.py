"""What the network does to requests, between the saver and a real server."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest

from graphrun_checkpoints import (
    CheckpointError,
    CorruptObject,
    MinioStore,
    MisconfiguredStore,
    ObjectExists,
    ObjectStoreSaver,
    StorageConfig,
    StorageUnavailable,
)
from support.checkpoints import config, latest, put
from support.fault_proxy import PASSING_FAULTS, Fault, FaultPlan, Made, fault_proxy
from support.graphs import research_graph

BUSY: Fault = "answer 503"
DAMAGE: Fault = "damage upload"
OPERATIONS = ("PUT", "GET", "LIST", "DELETE", "COPY")
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def plan(storage: StorageConfig) -> Iterator[FaultPlan]:
    with fault_proxy(storage.endpoint) as each:
        yield each


@pytest.fixture
def through_proxy(storage: StorageConfig, plan: FaultPlan) -> StorageConfig:
    """Short limits for one attempt, long patience."""
    return replace(storage, endpoint=plan.endpoint, retry_seconds=60.0, read_timeout=0.5, attempt_seconds=1.0)


@pytest.fixture
async def store(through_proxy: StorageConfig) -> AsyncIterator[MinioStore]:
    each = MinioStore(through_proxy)
    yield each
    await each.aclose()


@pytest.fixture
async def impatient(through_proxy: StorageConfig) -> AsyncIterator[MinioStore]:
    """A store that begins no attempt after a second."""
    each = MinioStore(replace(through_proxy, retry_seconds=1.0))
    yield each
    await each.aclose()


@pytest.mark.parametrize("fault", PASSING_FAULTS)
async def test_each_request_gets_over_each_fault(
    store: MinioStore, s3_store: MinioStore, storage: StorageConfig, plan: FaultPlan, fault: Fault
) -> None:
    root = f"{storage.prefix}/x"
    for name in ("got", "gone", "source", "listed/1", "listed/2", "listed/3"):
        await s3_store.put(f"{root}/{name}", CONTENT)
    for operation in OPERATIONS:
        plan.add(operation, fault)
    _, got, listed, _, _ = await asyncio.gather(
        store.put(f"{root}/put", CONTENT),
        store.get(f"{root}/got"),
        store.list(f"{root}/listed/"),
        store.delete_many([f"{root}/gone"]),
        store.copy(f"{root}/source", f"{root}/copied"),
    )
    assert got == CONTENT
    assert [entry.key for entry in listed] == [f"{root}/listed/{number}" for number in (1, 2, 3)]
    assert await s3_store.get(f"{root}/put") == CONTENT
    assert await s3_store.get(f"{root}/gone") is None
    assert await s3_store.get(f"{root}/copied") == CONTENT
    assert not any(plan.faults.values())


LASTING = [
    each
    for each in PASSING_FAULTS
    # A connection lost after a PUT harms nothing twice; an answer to it has no body that could be damaged.
    if each not in {"damage upload", "cut body short", "shorten body", "flip bytes"}
]


@pytest.mark.parametrize("fault", LASTING)
async def test_a_fault_that_stays_is_reported_with_verb_and_key(
    impatient: MinioStore, storage: StorageConfig, plan: FaultPlan, fault: Fault
) -> None:
    for operation in OPERATIONS:
        plan.add(operation, *repeat(fault, 30))
    root = f"{storage.prefix}/x"

    async def fails(verb: str, key: str, call: Awaitable[Any]) -> None:
        with pytest.raises(StorageUnavailable, match=f"{verb} {root}/{key} ") as caught:
            await call
        assert caught.value.retryable

    started = time.monotonic()
    await asyncio.gather(
        fails("put", "put", impatient.put(f"{root}/put", CONTENT)),
        fails("get", "got", impatient.get(f"{root}/got")),
        fails("list", "listed/", impatient.list(f"{root}/listed/")),
        fails("delete", "gone", impatient.delete_many([f"{root}/gone"])),
        fails("copy", "source", impatient.copy(f"{root}/source", f"{root}/copied")),
    )
    assert time.monotonic() - started < 10  # 1 s + one attempt of 1 s, with room for a busy machine


@pytest.mark.parametrize("fault", ["cut body short", "shorten body", "flip bytes"])
async def test_a_list_or_deletion_that_stays_damaged_is_never_believed(
    impatient: MinioStore, s3_store: MinioStore, storage: StorageConfig, plan: FaultPlan, fault: Fault
) -> None:
    for number in range(20):
        await s3_store.put(f"{storage.prefix}/{number:02}", b"")
    plan.add("LIST", *repeat(fault, 30))
    plan.add("DELETE", *repeat(fault, 30))
    with pytest.raises(StorageUnavailable, match="list"):
        await impatient.list(f"{storage.prefix}/")
    with pytest.raises(StorageUnavailable, match="delete"):
        await impatient.delete_many([f"{storage.prefix}/00"])


async def test_uploads_damaged_on_their_way_are_not_stored(
    impatient: MinioStore, s3_store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", *repeat(DAMAGE, 30))
    with pytest.raises(StorageUnavailable, match="put"):
        await impatient.put(f"{storage.prefix}/a", CONTENT)
    assert await s3_store.get(f"{storage.prefix}/a") is None


@pytest.mark.parametrize("fault", ["shorten body", "flip bytes"])
async def test_an_object_that_stays_damaged_is_corrupt_and_named(
    impatient: MinioStore, s3_store: MinioStore, storage: StorageConfig, plan: FaultPlan, fault: Fault
) -> None:
    """The store accepts what it reads twice the same; the object's own digest is the judge."""
    async with ObjectStoreSaver(s3_store, prefix=storage.prefix) as saver:
        await put(saver, config(), x=1)
        plan.add("GET", *repeat(fault, 30))
        reader = ObjectStoreSaver(impatient, prefix=storage.prefix)
        with pytest.raises(CorruptObject, match=storage.prefix):
            await latest(reader)


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


async def test_a_conditional_put_tells_of_the_object_that_its_lost_first_try_stored(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", "lose answer")
    with pytest.raises(ObjectExists):
        await store.put(f"{storage.prefix}/a", CONTENT, if_none_match=True)
    assert await store.get(f"{storage.prefix}/a") == CONTENT


async def test_a_busy_store_is_asked_again(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    plan.add("PUT", "answer 503", "answer 503")
    await store.put(f"{storage.prefix}/a", b"x", if_none_match=True)
    assert plan.requests.count(("PUT", 503)) == 2


async def test_a_store_that_says_when_to_come_back_is_obeyed_within_limits(
    store: MinioStore, impatient: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    def busy(seconds: str) -> Made:
        return Made(
            503,
            b"<Error><Code>SlowDown</Code></Error>",
            {"Content-Type": "application/xml", "Retry-After": seconds},
        )

    plan.add("PUT", busy("1"))
    started = time.monotonic()
    await store.put(f"{storage.prefix}/a", b"x")
    assert time.monotonic() - started >= 1
    plan.add("PUT", busy("3600"), busy("3600"))
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        await impatient.put(f"{storage.prefix}/b", b"x")
    assert time.monotonic() - started < 5  # it gives up at once, where the time asked for is not left
    plan.heal()
    plan.add("PUT", busy("next week"))
    await store.put(f"{storage.prefix}/c", b"x")


async def test_a_body_that_drips_does_not_hold_a_call(
    store: MinioStore, s3_store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    """Bytes come within the read timeout; only the limit for the whole attempt ends it."""
    await s3_store.put(f"{storage.prefix}/a", CONTENT)
    plan.add("GET", "drip", "drip")
    started = time.monotonic()
    assert await store.get(f"{storage.prefix}/a") == CONTENT
    assert 2 <= time.monotonic() - started < 20


async def test_a_closed_store_cuts_what_still_runs(storage: StorageConfig, plan: FaultPlan) -> None:
    store = MinioStore(replace(storage, endpoint=plan.endpoint, read_timeout=120.0, attempt_seconds=120.0))
    plan.add("GET", "never answer")
    reading = asyncio.ensure_future(store.get(f"{storage.prefix}/a"))
    while not plan.requests:  # noqa: ASYNC110 - the proxy has no event of ours
        await asyncio.sleep(0.01)
    await store.aclose()
    with pytest.raises(CheckpointError):
        await asyncio.wait_for(reading, 10)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [("5000000000", MisconfiguredStore), ("many", StorageUnavailable), ("10", StorageUnavailable)],
    ids=["more than memory", "no number", "more than there is"],
)
async def test_a_wrong_length_is_not_believed(
    impatient: MinioStore,
    storage: StorageConfig,
    plan: FaultPlan,
    declared: str,
    expected: type[CheckpointError],
) -> None:
    wrong = Made(200, b"x", {"Content-Length": declared, "Connection": "close"})
    plan.add("GET", *repeat(wrong, 30))
    with pytest.raises(expected, match=f"get {storage.prefix}/a"):
        await impatient.get(f"{storage.prefix}/a")


async def test_a_run_on_a_store_that_stays_away_stops_with_storage_unavailable(
    impatient: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    saver = ObjectStoreSaver(impatient, prefix=storage.prefix)
    base = await put(saver, config(), x=1)
    plan.add("PUT", *repeat(BUSY, 50))
    with pytest.raises(StorageUnavailable):
        await put(saver, base, x=2)
    plan.heal()
    await saver.aclose()


async def test_runs_end_as_without_faults_or_stop_and_can_be_resumed(
    through_proxy: StorageConfig, storage: StorageConfig, plan: FaultPlan
) -> None:
    reference = await research_graph().compile().ainvoke({"topic": "faults", "notes": []})
    plan.at_random(0.2, seed=random.SystemRandom().randrange(1 << 32))
    ends: list[tuple[Any, bool]] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline or not ends:
        patience = (0.3, 5.0)[len(ends) % 2]  # one in two is likely to stop
        broken = replace(through_proxy, retry_seconds=patience)
        ends.append(await _run_and_resume(broken, storage, f"t{len(ends)}"))
    print(f"{len(ends)} runs, {sum(stopped for _, stopped in ends)} stopped; {len(plan.requests)} requests")  # noqa: T201
    assert [values for values, _ in ends] == [reference] * len(ends)
    assert any(status != 200 for _, status in plan.requests)


async def _run_and_resume(broken: StorageConfig, healthy: StorageConfig, thread: str) -> tuple[Any, bool]:
    """The end of one run, and whether it was stopped and then resumed on a store without faults."""
    stopped = False
    try:
        async with ObjectStoreSaver.from_config(broken) as saver:
            graph = research_graph().compile(checkpointer=saver)
            async with asyncio.timeout(60):
                await graph.ainvoke({"topic": "faults", "notes": []}, config(thread))
    except StorageUnavailable:
        stopped = True
    async with ObjectStoreSaver.from_config(healthy) as saver:
        graph = research_graph().compile(checkpointer=saver)
        state = await graph.aget_state(config(thread))
        unfinished = not state.values or state.tasks
        assert stopped or not unfinished
        if unfinished:
            await graph.ainvoke(
                None if state.values or state.tasks else {"topic": "faults", "notes": []}, config(thread)
            )
        return (await graph.aget_state(config(thread))).values, stopped
