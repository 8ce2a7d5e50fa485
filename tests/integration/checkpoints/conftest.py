from collections.abc import AsyncIterator

import pytest

from graphrun_checkpoints import MinioStore, StorageConfig
from support.s3server import any_s3_server, minio_server, moto_server, s3_server, storage

__all__ = ["any_s3_server", "minio_server", "moto_server", "s3_server", "storage"]


@pytest.fixture
async def s3_store(storage: StorageConfig) -> AsyncIterator[MinioStore]:
    store = MinioStore(storage)
    yield store
    await store.aclose()
