"""One worker a key, merged events, backoff."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from graphrun_operator.errors import ClusterUnavailable
from graphrun_operator.model import Requeue, RunKey
from graphrun_operator.queue import KeyedQueue, WhileLeading

A, B = RunKey("n", "a"), RunKey("n", "b")
Work = Callable[[RunKey], Awaitable[Requeue | None]]


@asynccontextmanager
async def running(work: Work, workers: int = 4, pass_seconds: float = 30) -> AsyncIterator[KeyedQueue]:
    queue = KeyedQueue(work, workers=workers, jitter=lambda: 1.0, pass_seconds=pass_seconds)
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_key_has_one_worker_and_what_comes_meanwhile_is_merged_into_one_more_pass() -> None:
    passes, at_once, most = 0, 0, 0
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(_: RunKey) -> None:
        nonlocal passes, at_once, most
        begun.set()
        passes, at_once = passes + 1, at_once + 1
        most = max(most, at_once)
        await go.wait()
        at_once -= 1
        if passes == 2:
            done.set()

    async with running(work) as queue:
        queue.add(A)
        await asyncio.wait_for(begun.wait(), 5)
        for _ in range(5):
            queue.add(A)
            await asyncio.sleep(0)  # the queue sees each of them while the first pass is under way
        go.set()
        await asyncio.wait_for(done.wait(), 5)
        await asyncio.sleep(0.05)
    assert (passes, most) == (2, 1)


async def test_other_keys_do_not_wait_for_a_slow_one() -> None:
    stuck, quick = asyncio.Event(), asyncio.Event()

    async def work(key: RunKey) -> None:
        if key == A:
            await stuck.wait()
        quick.set()

    async with running(work) as queue:
        queue.add(A)
        queue.add(B)
        await asyncio.wait_for(quick.wait(), 5)
        assert len(queue) == 0
        assert queue.oldest_wait() >= 0


async def test_no_more_keys_than_workers_are_worked_on() -> None:
    at_once, most, left = 0, 0, 6
    done = asyncio.Event()

    async def work(_: RunKey) -> None:
        nonlocal at_once, most, left
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        left -= 1
        if not left:
            done.set()

    async with running(work, workers=2) as queue:
        for number in range(6):
            queue.add(RunKey("n", str(number)))
        await asyncio.wait_for(done.wait(), 5)
    assert most == 2


@pytest.mark.parametrize("problem", [ClusterUnavailable("away"), RuntimeError("a bug")])
async def test_a_failed_pass_is_repeated_after_a_growing_while(problem: Exception) -> None:
    moments: list[float] = []
    done = asyncio.Event()

    async def work(_: RunKey) -> None:
        moments.append(asyncio.get_running_loop().time())
        if len(moments) < 4:
            raise problem
        done.set()

    async with running(work) as queue:
        queue.add(A)
        await asyncio.wait_for(done.wait(), 10)
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert waits == [pytest.approx(wait, abs=0.06) for wait in (0.075, 0.15, 0.3)]


async def test_a_pass_is_repeated_when_it_says_so_and_an_event_replaces_that() -> None:
    passes = 0
    done = asyncio.Event()

    async def work(_: RunKey) -> Requeue | None:
        nonlocal passes
        passes += 1
        if passes == 1:
            return Requeue(0.01, "again")
        done.set()
        return Requeue(3600, "much later")

    async with running(work) as queue:
        queue.add(A)
        await asyncio.wait_for(done.wait(), 5)
        done.clear()
        queue.add(A)
        await asyncio.wait_for(done.wait(), 5)
    assert passes == 3


async def test_a_pass_that_lasts_makes_room_for_others() -> None:
    """However many there are of them: as over objects that an admission webhook holds up."""
    stuck, quick = asyncio.Event(), asyncio.Event()

    async def work(key: RunKey) -> None:
        if key == B:
            quick.set()
        else:
            await stuck.wait()

    async with running(work, workers=2) as queue:
        for number in range(4):
            queue.add(RunKey("n", str(number)))
        queue.add(B)
        await asyncio.wait_for(quick.wait(), 4)


async def test_a_pass_is_cut_in_the_end_and_repeated() -> None:
    passes = 0
    again = asyncio.Event()

    async def work(_: RunKey) -> None:
        nonlocal passes
        passes += 1
        if passes == 2:
            again.set()
        await asyncio.Event().wait()

    async with running(work, pass_seconds=0.05) as queue:
        queue.add(A)
        await asyncio.wait_for(again.wait(), 5)


async def test_keys_that_fail_get_a_share_of_the_workers_only() -> None:
    at_work, most = 0, 0
    failed: set[RunKey] = set()
    seen_again = asyncio.Event()

    async def work(key: RunKey) -> None:
        nonlocal at_work, most
        if key not in failed:
            failed.add(key)
            raise ClusterUnavailable("away")
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.3)
        at_work -= 1
        seen_again.set()

    async with running(work, workers=8) as queue:
        for number in range(8):
            queue.add(RunKey("n", str(number)))
        await asyncio.wait_for(seen_again.wait(), 5)
    assert most == 2


async def test_what_hardly_needs_a_pass_waits_for_everything_else() -> None:
    order: list[RunKey] = []
    done = asyncio.Event()

    async def work(key: RunKey) -> None:
        order.append(key)
        if len(order) == 4:
            done.set()

    late = [RunKey("late", name) for name in "xy"]
    async with running(work, workers=1) as queue:
        queue.add_later(late[0])
        queue.add_later(late[1])
        queue.add(A)
        queue.add(B)
        await asyncio.wait_for(done.wait(), 5)
        queue.add_later(A)
        queue.add(A)
        assert len(queue) == 1, "asked for at once: then not later once more"
    assert order == [A, B, *late]


async def test_in_the_end_passes_under_way_are_waited_for_and_none_is_begun() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    done: list[RunKey] = []

    async def work(key: RunKey) -> None:
        begun.set()
        await go.wait()
        done.append(key)

    async with running(work) as queue:
        queue.add(A)
        await asyncio.wait_for(begun.wait(), 5)
        ending = asyncio.create_task(queue.finish(5))
        await asyncio.sleep(0.02)
        assert not ending.done()
        queue.add(B)
        go.set()
        await asyncio.wait_for(ending, 5)
        await asyncio.sleep(0.05)
    assert done == [A]


async def test_what_does_not_end_is_not_waited_for_forever() -> None:
    begun = asyncio.Event()

    async def work(_: RunKey) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running(work) as queue:
        queue.add(A)
        await asyncio.wait_for(begun.wait(), 5)
        await asyncio.wait_for(queue.finish(0.05), 5)


async def test_a_standby_takes_no_keys() -> None:
    leads = False
    passes: list[RunKey] = []

    async def work(key: RunKey) -> None:
        passes.append(key)

    async with running(work) as queue:
        entrance = WhileLeading(queue, lambda: leads)
        entrance.add(A)
        entrance.add_later(A)
        assert len(queue) == 0
        leads = True
        entrance.add(B)
        await asyncio.sleep(0.05)
    assert passes == [B]
