"""How each saver is opened, in the environment that has it. Nothing is imported before it is asked for."""

import contextlib
import importlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

Saver = BaseCheckpointSaver[Any]


@dataclass(frozen=True)
class Place:
    """Where a saver keeps its checkpoints: a prefix of a bucket, or a database.

    Attributes:
        endpoint: Of the S3 server, or of the proxy before it.
        bucket: Which is there.
        prefix: Of this thread alone.
        region: As the server has it.
        access_key: For the server.
        secret_key: For the server.
        dsn: Of the database, or of the meter before it.
    """

    endpoint: str = ""
    bucket: str = ""
    prefix: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    dsn: str = ""


def open_saver(name: str, place: Place) -> AbstractAsyncContextManager[Saver]:
    """The saver of that name, which stores what it still holds when its context ends."""
    return _OPENERS[name](place)


@contextlib.asynccontextmanager
async def _ours(place: Place) -> AsyncIterator[Saver]:
    package: Any = importlib.import_module("graphrun_checkpoints")
    storage = package.StorageConfig(
        place.endpoint,
        place.bucket,
        prefix=place.prefix,
        region=place.region,
        credentials=package.Credentials(place.access_key, place.secret_key),
        retry_seconds=10.0,
    )
    async with package.ObjectStoreSaver.from_config(storage) as saver:
        yield saver


@contextlib.asynccontextmanager
async def _postgres(place: Place) -> AsyncIterator[Saver]:
    package: Any = importlib.import_module("langgraph.checkpoint.postgres.aio")
    async with package.AsyncPostgresSaver.from_conn_string(place.dsn) as saver:
        await saver.setup()
        yield saver


@contextlib.asynccontextmanager
async def _objectstorage(place: Place, compression: str = "none") -> AsyncIterator[Saver]:
    package: Any = importlib.import_module("langgraph_checkpoint_objectstorage")
    yield package.ObjectStorageSaver.from_conn_string(
        f"s3://{place.bucket}/{place.prefix}",
        compression=compression,
        key=place.access_key,
        secret=place.secret_key,
        client_kwargs={"endpoint_url": place.endpoint, "region_name": place.region},
    )


def _objectstorage_zstd(place: Place) -> AbstractAsyncContextManager[Saver]:
    return _objectstorage(place, "zstd")


@contextlib.asynccontextmanager
async def _tigris(place: Place) -> AsyncIterator[Saver]:
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = place.access_key, place.secret_key
    package: Any = importlib.import_module("langgraph.checkpoint.tigris.aio")
    yield package.AsyncTigrisSaver(
        place.bucket, prefix=place.prefix, endpoint_url=place.endpoint, region_name=place.region
    )


@contextlib.asynccontextmanager
async def _memory(_: Place) -> AsyncIterator[Saver]:
    yield InMemorySaver()


_OPENERS: dict[str, Callable[[Place], AbstractAsyncContextManager[Saver]]] = {
    "ours": _ours,
    "postgres": _postgres,
    "objectstorage": _objectstorage,
    "objectstorage-zstd": _objectstorage_zstd,
    "tigris": _tigris,
    "memory": _memory,
}
