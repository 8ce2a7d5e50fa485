import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from graphrun_checkpoints import (
    Credentials,
    MinioStore,
    ObjectExists,
    StorageConfig,
    StorageRefused,
    StorageUnavailable,
)
from support.s3server import ACCESS_KEY, SECRET_KEY, S3Server
from support.store_contract import StoreContract


class TestMinioStoreOnSeaweedFS(StoreContract):
    @pytest.fixture
    async def store(self, s3_store: MinioStore, storage: StorageConfig) -> MinioStore:
        self.prefix = f"{storage.prefix}/contract/"
        return s3_store


async def test_the_pinned_client_still_sends_conditions(s3_store: MinioStore, storage: StorageConfig) -> None:
    """The canary of section 6: public calls of minio turn the header into user metadata and overwrite."""
    key = f"{storage.prefix}/canary"
    await s3_store.put(key, b"first", if_none_match=True)
    with pytest.raises(ObjectExists):
        await s3_store.put(key, b"second", if_none_match=True)
    assert await s3_store.get(key) == b"first"


async def test_wrong_keys_are_refused_at_once(storage: StorageConfig) -> None:
    store = MinioStore(replace(storage, credentials=Credentials("nobody", "nothing-at-all")))
    with pytest.raises(StorageRefused, match="bucket"):
        await store.put("x", b"")
    await store.aclose()


async def test_a_missing_bucket_is_refused_and_named(s3_server: S3Server) -> None:
    store = MinioStore(s3_server.storage(bucket="no-such-bucket-here"))
    with pytest.raises(StorageRefused, match="no-such-bucket-here"):
        await store.list("x")
    await store.aclose()


async def test_a_store_that_is_away_is_unavailable_within_the_limit(
    storage: StorageConfig, unused_port: int
) -> None:
    store = MinioStore(replace(storage, endpoint=f"http://127.0.0.1:{unused_port}", retry_seconds=0.5))
    with pytest.raises(StorageUnavailable) as caught:
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
