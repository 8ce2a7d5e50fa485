"""What the savers store in: real servers on loopback, each behind a meter, and what is left in them."""

import asyncio
import contextlib
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import minio
import urllib3

from benchmarks.checkpoints.driver import Measured, Traffic, run_job
from benchmarks.checkpoints.environments import SaverKind
from benchmarks.checkpoints.postgres_meter import Meter, postgres_meter
from benchmarks.checkpoints.savers import Place
from benchmarks.checkpoints.worker import Job, Stage
from support.fault_proxy import FaultPlan, fault_proxy
from support.postgres import Postgres, running_postgres
from support.s3server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Server, running_server

_JOB_SECONDS = 240.0
_FIRST_WRITES = 16
_FIRST_BYTES = 1_000_000

_RELATION_BYTES = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Stored:
    """What is left: objects (none of a database) and bytes."""

    objects: int | None
    bytes: int


class Site:
    """The servers, and how a job is run on them."""

    def __init__(self, s3: S3Server, proxy: FaultPlan, database: "tuple[Postgres, Meter] | None") -> None:
        self._s3 = s3
        self._proxy = proxy
        self._database = database

    def new_place(self, saver: SaverKind) -> Place:
        """Somewhere empty."""
        if saver.store == "postgres":
            server, meter = self._postgres()
            dsn = asyncio.run(server.make_database())
            return Place(dsn=dsn.replace(f":{server.port}/", f":{meter.port}/"))
        return Place(self._proxy.endpoint, BUCKET, uuid.uuid4().hex, REGION, ACCESS_KEY, SECRET_KEY)

    def run(
        self, python: Path, job: Job, *, latency: float = 0.0, seconds: float = _JOB_SECONDS
    ) -> dict[Stage, Measured]:
        """Run a job; `latency` is added to each HTTP request, in seconds.

        Raises:
            SaverFailed: It did not get through.
        """
        meter = _PostgresMeter(self._postgres()[1]) if job.place.dsn else _S3Meter(self._proxy)
        self._proxy.latency = latency
        try:
            return run_job(python, job, meter, seconds=seconds)
        finally:
            self._proxy.latency = 0.0

    def metered(self) -> "_S3Meter":
        """The S3 meter, for what the driver itself asks through `new_place`'s endpoint."""
        return _S3Meter(self._proxy)

    def stored(self, place: Place) -> Stored:
        """What is there under a place now."""
        if place.dsn:
            return Stored(None, asyncio.run(self._ask(place, _RELATION_BYTES)))
        client = _client(self._s3)
        found = [
            each
            for each in client.list_objects(BUCKET, place.prefix + "/", recursive=True)
            if not each.is_dir
        ]
        return Stored(len(found), sum(each.size or 0 for each in found))

    def wal_bytes(self, place: Place) -> int:
        """How much the database server has written to its log since it began."""
        return asyncio.run(self._ask(place, "SELECT (pg_current_wal_lsn() - '0/0')::bigint"))

    def _postgres(self) -> tuple[Postgres, Meter]:
        if self._database is None:
            raise RuntimeError("this site was started without Postgres")
        return self._database

    async def _ask(self, place: Place, query: str) -> int:
        server, _ = self._postgres()
        connection = await asyncpg.connect(server.dsn(place.dsn.rpartition("/")[2]))
        try:
            return int(await connection.fetchval(query))
        finally:
            await connection.close()


@contextlib.contextmanager
def running_site(*, with_postgres: bool) -> Iterator[Site]:
    """SeaweedFS, and Postgres if it is wanted; both end with this process, however it ends."""
    with contextlib.ExitStack() as stack:
        s3 = stack.enter_context(running_server())
        _warm_up(s3)
        proxy = stack.enter_context(fault_proxy(s3.endpoint))
        database = None
        if with_postgres:
            server = stack.enter_context(running_postgres())
            database = (server, stack.enter_context(postgres_meter(server.port)))
        yield Site(s3, proxy, database)


def _warm_up(s3: S3Server) -> None:
    """SeaweedFS makes its volumes at the first writes, which take seconds and belong to no saver."""
    client = _client(s3)
    for number in range(_FIRST_WRITES):
        client.put_object(BUCKET, f"warm-up/{number}", io.BytesIO(bytes(_FIRST_BYTES)), _FIRST_BYTES)


def _client(s3: S3Server) -> minio.Minio:
    pool = urllib3.PoolManager(retries=False, timeout=30.0)
    host = s3.endpoint.removeprefix("http://")
    return minio.Minio(host, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION, http_client=pool)


@dataclass(frozen=True)
class _S3Meter:
    proxy: FaultPlan

    def restart(self) -> Traffic:
        seen = self.proxy.restart_counts()
        return Traffic(
            seen.requests.total(),
            seen.requests["PUT"],
            seen.body_up,
            seen.body_down,
            seen.bytes_up,
            seen.bytes_down,
        )


@dataclass(frozen=True)
class _PostgresMeter:
    meter: Meter

    def restart(self) -> Traffic:
        seen = Traffic(self.meter.turns, 0, self.meter.up, self.meter.down)
        self.meter.restart()
        return replace(seen, whole_up=seen.up, whole_down=seen.down)
