"""A real S3 server (SeaweedFS) on loopback, for tests.

    from support.s3server import s3_server, storage  # noqa: F401 - fixtures, in a conftest.py

`s3_server` starts once a session, on first use, in about 4 s; `storage` is a StorageConfig with a prefix of the test's own.
The server runs under a small guardian process that ends and removes everything as soon as its standard input
closes, which also happens when pytest is killed.
"""

import contextlib
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import minio
import pytest
import urllib3

from graphrun_checkpoints import Credentials, StorageConfig
from support.guarded import guarded

ACCESS_KEY = "graphrun-test"
SECRET_KEY = "graphrun-test-secret"  # noqa: S105 - opens a server that lives as long as the tests
BUCKET = "graphrun-test"
REGION = "us-east-1"

_GUARDIAN = Path(__file__).with_name("s3_guardian.py")


@dataclass(frozen=True)
class S3Server:
    """Where the server listens, and what may be asked of it."""

    endpoint: str

    def storage(
        self, *, bucket: str = BUCKET, prefix: str | None = None, retry_seconds: float = 5.0
    ) -> StorageConfig:
        """Settings with short patience and, if none is given, a prefix that nobody else uses."""
        return StorageConfig(
            self.endpoint,
            bucket,
            prefix=uuid.uuid4().hex if prefix is None else prefix,
            region=REGION,
            credentials=Credentials(ACCESS_KEY, SECRET_KEY),
            retry_seconds=retry_seconds,
        )

    def make_bucket(self) -> str:
        """A bucket of one's own. Slower than a prefix: take it only where the bucket itself matters."""
        name = f"test-{uuid.uuid4().hex[:16]}"
        pool = urllib3.PoolManager(retries=False, timeout=10.0)
        host = self.endpoint.removeprefix("http://")
        minio.Minio(host, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION, http_client=pool).make_bucket(
            name
        )
        return name


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server, started by the first test that asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture
def storage(s3_server: S3Server) -> StorageConfig:
    """A place in the bucket that is this test's own."""
    return s3_server.storage()


@contextlib.contextmanager
def running_server() -> Iterator[S3Server]:
    """Start a server and end it, outside of pytest fixtures too."""
    with guarded(
        [sys.executable, str(_GUARDIAN), ACCESS_KEY, SECRET_KEY, BUCKET, REGION], "SeaweedFS"
    ) as answer:
        yield S3Server(**answer)
