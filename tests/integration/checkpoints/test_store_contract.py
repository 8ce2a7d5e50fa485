"""The store keeps its contract on every S3 server that there is."""

from collections.abc import AsyncIterator

import pytest

from graphrun_checkpoints import MinioStore
from support.s3server import S3Server
from support.store_contract import StoreContract


class TestMinioStore(StoreContract):
    @pytest.fixture
    async def store(self, any_s3_server: S3Server) -> AsyncIterator[MinioStore]:
        storage = any_s3_server.storage()
        self.prefix = f"{storage.prefix}/contract/"
        store = MinioStore(storage)
        yield store
        await store.aclose()
