"""The store and its client on real servers: what is sent, in how many requests, in which threads."""

import inspect
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import minio
import pytest
from minio.error import InvalidResponseError

from graphrun_checkpoints import (
    CheckpointError,
    Credentials,
    MinioStore,
    MisconfiguredStore,
    ObjectExists,
    StorageConfig,
    StorageUnavailable,
)
from support.fault_proxy import FaultPlan, Made, fault_proxy
from support.s3server import ACCESS_KEY, SECRET_KEY, S3Server

UPGRADED = (
    "minio was upgraded and its private _execute changed: read it anew (condition, page size and body of a request "
    "go through it), mend MinioStore._execute, then this test"
)


@pytest.fixture
def plan(storage: StorageConfig) -> Iterator[FaultPlan]:
    with fault_proxy(storage.endpoint) as each:
        yield each


@pytest.fixture
async def store(storage: StorageConfig, plan: FaultPlan) -> AsyncIterator[MinioStore]:
    each = MinioStore(replace(storage, endpoint=plan.endpoint))
    yield each
    await each.aclose()


def test_the_pinned_client_has_the_private_parts_that_are_used() -> None:
    execute = getattr(minio.Minio, "_execute", None)
    assert execute is not None, UPGRADED
    taken = inspect.signature(execute).parameters
    used = ("method", "bucket_name", "object_name", "body", "headers", "query_params")
    assert tuple(taken)[1 : len(used) + 1] == used, UPGRADED
    assert InvalidResponseError(502, "text/html", "")._code == 502, UPGRADED


async def test_the_pinned_client_still_sends_conditions(any_s3_server: S3Server) -> None:
    """Public calls of minio turn the header into user metadata, and the server overwrites."""
    storage = any_s3_server.storage()
    with fault_proxy(storage.endpoint) as plan:
        store = MinioStore(replace(storage, endpoint=plan.endpoint))
        await store.put(f"{storage.prefix}/canary", b"first", if_none_match=True)
        with pytest.raises(ObjectExists):
            await store.put(f"{storage.prefix}/canary", b"second", if_none_match=True)
        assert await store.get(f"{storage.prefix}/canary") == b"first"
        await store.aclose()
        assert [status for _, status in plan.requests] == [200, 412, 200], UPGRADED
        assert all(b"\r\nif-none-match: *\r\n" in head.lower() for head in list(plan.heads)[:2]), UPGRADED


async def test_the_pinned_client_still_sends_the_page_size(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    for number in range(5):
        await store.put(f"{storage.prefix}/{number}", b"")
    plan.requests.clear()
    assert len(await store.list(f"{storage.prefix}/", max_keys=3)) == 3
    assert plan.requests == [("LIST", 200)], UPGRADED
    assert b"max-keys=3&" in plan.heads[-1], UPGRADED


async def test_each_call_is_one_request(store: MinioStore, storage: StorageConfig, plan: FaultPlan) -> None:
    """No look for the bucket's region, no HEAD before a copy, one PUT however large."""
    await store.put(f"{storage.prefix}/a", b"x" * 6_000_000)
    await store.copy(f"{storage.prefix}/a", f"{storage.prefix}/b")
    await store.get(f"{storage.prefix}/b")
    await store.list(f"{storage.prefix}/")
    await store.delete_many([f"{storage.prefix}/a", f"{storage.prefix}/b"])
    assert plan.requests == [(each, 200) for each in ("PUT", "COPY", "GET", "LIST", "DELETE")]


async def test_short_pages_are_followed_until_there_are_enough_keys(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    """A server may return less than it was asked for, and only folders at that."""

    def page(token: str, *keys: str) -> Made:
        contents = "".join(
            f"<Contents><Key>{storage.prefix}/{key}</Key><Size>1</Size></Contents>" for key in keys
        )
        more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        truncated = str(bool(token)).lower()
        return Made(
            200,
            f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{contents}{more}</ListBucketResult>".encode(),
        )

    plan.add("LIST", page("one", "a"), page("two", "b/"), page("three", "b/c", "b/d"), page("", "e", "f"))
    listed = await store.list(f"{storage.prefix}/", max_keys=4)
    assert [each.key for each in listed] == [f"{storage.prefix}/{key}" for key in ("a", "b/c", "b/d", "e")]
    assert [b"continuation-token=" in head for head in plan.heads] == [False, True, True, True]
    assert b"max-keys=1&" in plan.heads[-1]


async def test_a_list_that_never_ends_is_given_up(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    same = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
    )
    plan.add("LIST", *(Made(200, same) for _ in range(9)))
    with pytest.raises(CheckpointError, match=f"list {storage.prefix}/"):
        await store.list(f"{storage.prefix}/")


async def test_a_copy_that_the_server_refuses_is_done_by_reading_and_writing(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    """As AWS does in buckets that enforce conditional writes."""
    await store.put(f"{storage.prefix}/a", b"content")
    plan.add("COPY", Made(403, b"<Error><Code>AccessDenied</Code></Error>"))
    await store.copy(f"{storage.prefix}/a", f"{storage.prefix}/b")
    assert await store.get(f"{storage.prefix}/b") == b"content"


async def test_a_copy_of_nothing_is_an_error_whichever_way_it_is_done(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    for refused in ((), (Made(403, b"<Error><Code>AccessDenied</Code></Error>"),)):
        plan.add("COPY", *refused)
        with pytest.raises(CheckpointError, match=f"{storage.prefix}/absent: there is no such object"):
            await store.copy(f"{storage.prefix}/absent", f"{storage.prefix}/b")


async def test_a_copy_that_fails_after_its_success_was_told_is_done_again(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    await store.put(f"{storage.prefix}/a", b"content")
    plan.add("COPY", Made(200, b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"))
    await store.copy(f"{storage.prefix}/a", f"{storage.prefix}/b")
    assert await store.get(f"{storage.prefix}/b") == b"content"


async def test_keys_that_could_not_be_deleted_are_not_passed_over(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    kept = b"<DeleteResult><Error><Key>k</Key><Code>InternalError</Code></Error></DeleteResult>"
    await store.put(f"{storage.prefix}/a", b"")
    plan.add("DELETE", Made(200, kept), Made(200, kept))
    await store.delete_many([f"{storage.prefix}/a"])
    assert await store.get(f"{storage.prefix}/a") is None
    plan.add("DELETE", Made(200, kept.replace(b"InternalError", b"AccessDenied")))
    with pytest.raises(CheckpointError, match=r"delete .*s3:DeleteObject"):
        await store.delete_many([f"{storage.prefix}/a"])


async def test_an_etag_that_is_no_digest_costs_one_more_read_once(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    odd = Made(200, b"content", {"ETag": '"00112233445566778899aabbccddeeff"'})
    plan.add("GET", odd, odd, odd)
    assert await store.get(f"{storage.prefix}/a") == b"content"
    assert await store.get(f"{storage.prefix}/a") == b"content"
    assert len(plan.requests) == 3


@pytest.mark.parametrize(("limit", "whole"), [(10, False), (32, True)])
async def test_an_object_in_chunks_is_read_up_to_the_limit(
    storage: StorageConfig, plan: FaultPlan, limit: int, *, whole: bool
) -> None:
    chunks = b"10\r\n" + b"x" * 16 + b"\r\n10\r\n" + b"y" * 16 + b"\r\n0\r\n\r\n"
    plan.add("GET", Made(200, chunks, {"Transfer-Encoding": "chunked"}))
    store = MinioStore(replace(storage, endpoint=plan.endpoint, max_object_bytes=limit))
    if whole:
        assert await store.get("k") == b"x" * 16 + b"y" * 16
    else:
        with pytest.raises(MisconfiguredStore, match="more than 10 bytes"):
            await store.get("k")
    await store.aclose()


async def test_a_store_that_is_away_is_unavailable_within_the_limit(
    storage: StorageConfig, unused_port: int
) -> None:
    store = MinioStore(replace(storage, endpoint=f"http://127.0.0.1:{unused_port}", retry_seconds=0.5))
    with pytest.raises(StorageUnavailable, match=rf"127\.0\.0\.1:{unused_port} .*get x") as caught:
        await store.get("x")
    assert caught.value.retryable
    await store.aclose()


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        yield each.getsockname()[1]


async def test_credentials_are_asked_for_again_before_they_expire(storage: StorageConfig) -> None:
    asked: list[int] = []
    threads: list[threading.Thread] = []

    def ask() -> Credentials:
        asked.append(len(asked))
        threads.append(threading.current_thread())
        return Credentials(
            ACCESS_KEY,
            SECRET_KEY,
            expires_at=datetime.now(UTC) + timedelta(seconds=30 if len(asked) == 1 else 600),
        )

    store = MinioStore(replace(storage, credentials=ask))
    for _ in range(3):
        await store.list("x", max_keys=1)
    assert len(asked) == 2  # the first were about to expire, the second last
    assert threading.main_thread() not in threads
    await store.aclose()


async def test_parts_make_up_the_object_and_name_one_content(any_s3_server: S3Server) -> None:
    storage = any_s3_server.storage()
    store, key = MinioStore(storage), f"{storage.prefix}/large"
    try:
        await store.put(key, b"0123456789")
        parts = [await store.read_part(key, offset, 4) for offset in (0, 4, 8)]
        whole = await store.read_part(key, 0, 99)
        await store.put(key, b"0123456780")
        other = await store.read_part(key, 0, 4)
        missing = await store.read_part(f"{key}-not", 0, 4)
        with pytest.raises(CheckpointError):
            await store.read_part(key, 10, 4)
    finally:
        await store.aclose()

    assert [part and part.data for part in parts] == [b"0123", b"4567", b"89"]
    assert whole is not None
    assert whole.data == b"0123456789"
    assert {part and part.total for part in (*parts, whole)} == {10}
    assert {part and part.etag for part in parts} == {whole.etag}
    assert other is not None
    assert other.etag != whole.etag
    assert missing is None


async def test_a_part_that_is_cut_on_its_way_is_read_again(
    store: MinioStore, storage: StorageConfig, plan: FaultPlan
) -> None:
    await store.put(f"{storage.prefix}/a", b"0123456789")
    plan.add("GET", "cut body short", "shorten body", "answer 503")

    part = await store.read_part(f"{storage.prefix}/a", 2, 6)

    assert part is not None
    assert part.data == b"234567"
