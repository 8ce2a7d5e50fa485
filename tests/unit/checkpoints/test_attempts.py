"""An attempt ends in time, in whatever state its time runs out."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import certifi
import pytest
import urllib3
from urllib3.connection import HTTPConnection

from graphrun_checkpoints.s3.attempts import Attempt, AttemptCut, BoundedPool


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as each:
        yield each


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def pool() -> Iterator[BoundedPool]:
    each = BoundedPool(connect=5.0, read=60.0, connections=1, ca_file=certifi.where())
    yield each
    each.clear()


async def test_an_attempt_that_waits_for_an_answer_is_cut(
    threads: ThreadPoolExecutor, pool: BoundedPool, silent: str
) -> None:
    with pytest.raises(AttemptCut, match=r"not done within 0\.2 s"):
        await asyncio.wait_for(Attempt(0.2).run(threads, lambda: pool.urlopen("GET", silent)), 20)


async def test_an_attempt_is_cut_although_nobody_waits_for_it_any_more(
    threads: ThreadPoolExecutor, pool: BoundedPool, silent: str
) -> None:
    ended, failures = threading.Event(), []

    def call() -> None:
        try:
            pool.urlopen("GET", silent)
        except urllib3.exceptions.HTTPError as error:
            failures.append(error)
        ended.set()

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(Attempt(0.5).run(threads, call), 0.1)
    assert await asyncio.to_thread(ended.wait, 20)
    assert failures


async def test_an_attempt_that_ends_after_its_caller_is_not_watched_for_ever(
    threads: ThreadPoolExecutor,
) -> None:
    go_on = threading.Event()
    attempt = Attempt(0.2)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(attempt.run(threads, lambda: go_on.wait(20)), 0.05)
    go_on.set()
    threads.submit(lambda: None).result(20)
    await asyncio.sleep(0.3)  # the look at 0.2 s finds it ended
    attempt.uses(HTTPConnection("127.0.0.1"))  # which it refuses once cut


async def test_waiting_for_a_thread_does_not_count(threads: ThreadPoolExecutor) -> None:
    go_on = threading.Event()
    threads.submit(go_on.wait, 20)
    attempt = Attempt(0.1)
    waiting = asyncio.ensure_future(attempt.run(threads, lambda: attempt.uses(HTTPConnection("127.0.0.1"))))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    go_on.set()
    await asyncio.wait_for(waiting, 20)


def test_an_attempt_cut_before_it_has_a_connection_gets_none() -> None:
    attempt = Attempt(1.0)
    attempt.cut()
    with pytest.raises(AttemptCut):
        attempt.uses(HTTPConnection("127.0.0.1"))


async def test_an_attempt_that_has_ended_cannot_be_cut(threads: ThreadPoolExecutor) -> None:
    ours, theirs = socket.socketpair()
    connection = HTTPConnection("127.0.0.1")
    connection.sock = ours
    attempt = Attempt(1.0)
    await attempt.run(threads, lambda: attempt.uses(connection))
    attempt.cut()  # the connection may serve another by now
    ours.sendall(b"x")
    assert theirs.recv(1) == b"x"
    ours.close()
    theirs.close()
