"""Real S3 servers on loopback, for tests: SeaweedFS for all, MinIO and moto where the server matters.

    from support.s3server import s3_server, storage  # fixtures, in a conftest.py
    from support.s3server import any_s3_server, minio_server, moto_server  # and these, for all three

Each starts once a session, on first use, within 5 s; a test that takes `any_s3_server` runs on one after the other. `storage`
is a StorageConfig with a prefix of the test's own, on SeaweedFS. A server runs under a small guardian process that ends
and removes everything as soon as its standard input closes, which also happens when pytest is killed.
"""

import contextlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import minio
import pytest
import urllib3

from graphrun_checkpoints import Credentials, StorageConfig
from graphrun_devcluster.components.build import ensure_components
from graphrun_devcluster.components.catalog import MINIO
from graphrun_devcluster.progress import Progress
from support import s3_launch
from support.guarded import guarded
from support.locked_environment import ensure_environment
from support.s3_launch import Account, Launch

ACCESS_KEY = "graphrun-test"
SECRET_KEY = "graphrun-test-secret"  # noqa: S105 - opens a server that lives as long as the tests
BUCKET = "graphrun-test"
REGION = "us-east-1"

_ACCOUNT = Account(ACCESS_KEY, SECRET_KEY, BUCKET, REGION)
_GUARDIAN = Path(__file__).with_name("s3_guardian.py")
_LAUNCHES: dict[str, Callable[[], Launch]] = {
    "seaweedfs": lambda: s3_launch.seaweedfs(_ACCOUNT),
    "minio": lambda: s3_launch.minio(_ACCOUNT, ensure_components([MINIO], Progress())["minio"]),
    "moto": lambda: s3_launch.moto(ensure_environment("moto", Progress())),
}
S3_KINDS = tuple(_LAUNCHES)
"""The servers there are, by the names that `running_server` and the tests' ids have."""


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
    """SeaweedFS, started by the first test that asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def minio_server() -> Iterator[S3Server]:
    """MinIO, started by the first test that asks for it."""
    with running_server("minio") as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto, started by the first test that asks for it."""
    with running_server("moto") as server:
        yield server


@pytest.fixture(scope="session", params=S3_KINDS)
def any_s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Each of the servers in turn. They stay up when the turn passes on, for others use them too."""
    fixtures = {"seaweedfs": "s3_server", "minio": "minio_server", "moto": "moto_server"}
    server: S3Server = request.getfixturevalue(fixtures[request.param])
    return server


@pytest.fixture
def storage(s3_server: S3Server) -> StorageConfig:
    """A place in the bucket that is this test's own."""
    return s3_server.storage()


@contextlib.contextmanager
def running_server(kind: str = "seaweedfs") -> Iterator[S3Server]:
    """Start a server and end it, outside of pytest fixtures too; `kind` is one of S3_KINDS."""
    account, launch = asdict(_ACCOUNT), asdict(_LAUNCHES[kind]())
    command = [sys.executable, str(_GUARDIAN), json.dumps(account), json.dumps(launch)]
    with guarded(command, kind) as answer:
        yield S3Server(**answer)
