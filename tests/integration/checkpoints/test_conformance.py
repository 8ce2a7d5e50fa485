"""LangGraph's own suite for savers, on every S3 server that there is."""

import uuid
from collections.abc import AsyncGenerator

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from graphrun_checkpoints import MinioStore, ObjectStoreSaver
from support.s3server import S3Server

BASE = {"put": 17, "put_writes": 10, "get_tuple": 10, "list": 16, "delete_thread": 5}
EXTENDED = {"delete_for_runs": 7, "copy_thread": 8, "prune": 8}


@pytest.mark.timeout(180)
async def test_all_81_tests_of_the_suite_pass(any_s3_server: S3Server) -> None:
    @checkpointer_test(name="ObjectStoreSaver")
    async def factory() -> AsyncGenerator[ObjectStoreSaver, None]:
        store = MinioStore(any_s3_server.storage())
        async with ObjectStoreSaver(store, prefix=uuid.uuid4().hex) as saver:
            yield saver
        await store.aclose()

    report = await validate(factory)
    failures = [each for result in report.results.values() for each in result.failures or []]
    assert failures == []
    passed = {name: result.tests_passed for name, result in report.results.items() if result.detected}
    assert passed == BASE | EXTENDED
