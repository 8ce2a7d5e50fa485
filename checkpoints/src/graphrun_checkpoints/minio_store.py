"""The store on an S3 API, with the `minio` client in a thread pool.

The client's public calls cannot send a condition, choose the page size of a LIST, or keep a large object in
one PUT; so three private methods are used. The version is pinned and a canary test watches them.
"""

import asyncio
import itertools
import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import certifi
import minio
import urllib3
from minio.commonconfig import CopySource
from minio.credentials.credentials import Credentials as MinioCredentials
from minio.credentials.providers import Provider
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from graphrun_checkpoints.config import Credentials, StorageConfig, credentials_from_environment
from graphrun_checkpoints.errors import (
    CheckpointError,
    MisconfiguredStore,
    StorageRefused,
    StorageUnavailable,
)
from graphrun_checkpoints.store import LIST_LIMIT, Entry, ObjectExists

log = logging.getLogger(__name__)

T = TypeVar("T")

_SERVER_ERRORS = 500
_RETRIED_STATUS = frozenset({408, 409, 425, 429})
"""409 is the answer of AWS to two conditional PUTs at once; the second try is decided."""
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"})
_PRECONDITION_FAILED = 412
_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 10.0
_RENEW_BEFORE = timedelta(seconds=60)


class MinioStore:
    """An S3 bucket. Making one does no I/O; it may be used from any event loop."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self._credentials = _RenewedCredentials(config.credentials)
        self._threads = ThreadPoolExecutor(config.threads, thread_name_prefix="graphrun-s3")
        self._client = minio.Minio(
            config.host,
            secure=config.secure,
            region=config.region,
            credentials=self._credentials,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=config.connect_timeout, read=config.read_timeout),
                maxsize=config.threads,
                retries=False,  # ours count time, not attempts, and know which answers to trust
                ca_certs=certifi.where(),
            ),
        )

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        """One PUT, never multipart, so that the condition holds for the whole object."""

        def send() -> None:
            headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": "application/octet-stream"}
            if if_none_match:
                headers["If-None-Match"] = "*"
            self._client._put_object(self.config.bucket, key, data, headers)

        try:
            await self._request("put", key, send)
        except _ConditionFailed as error:
            raise ObjectExists(key) from error

    async def get(self, key: str) -> bytes | None:
        """The whole object; a truncated answer counts as a failed attempt."""

        def fetch() -> bytes | None:
            try:
                return bytes(self._client._execute("GET", self.config.bucket, key).data)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise

        return await self._request("get", key, fetch)

    async def list(
        self, prefix: str, *, max_keys: int = LIST_LIMIT, start_after: str = ""
    ) -> Sequence[Entry]:
        """One LIST with its own page size, more only where the server returns short pages."""

        def page() -> Sequence[Entry]:
            found = self._client._list_objects(
                self.config.bucket,
                prefix=prefix,
                max_keys=min(max_keys, LIST_LIMIT),
                start_after=start_after or None,
            )
            # Some servers list folders as objects with a slash at the end.
            names = ((each.object_name or "", each.size or 0) for each in found)
            entries = (Entry(name, size) for name, size in names if not name.endswith("/"))
            return list(itertools.islice(entries, max_keys))

        return await self._request("list", prefix, page)

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Requests of up to 1,000 keys, one after the other."""
        for first in range(0, len(keys), LIST_LIMIT):
            batch = [DeleteObject(key) for key in keys[first : first + LIST_LIMIT]]

            def remove(batch: Sequence[DeleteObject] = batch) -> None:
                failed = list(self._client.remove_objects(self.config.bucket, batch))
                if failed:
                    raise _DeleteIncomplete(f"{failed[0].code}: {failed[0].message}")

            await self._request("delete", keys[first], remove)

    async def copy(self, source: str, target: str) -> None:
        """Server-side copy, or GET and PUT where the server refuses it (AWS does, under enforced conditions)."""
        try:
            await self._request(
                "copy",
                source,
                lambda: self._client.copy_object(
                    self.config.bucket, target, CopySource(self.config.bucket, source)
                ),
            )
        except StorageRefused:
            data = await self.get(source)
            if data is None:
                raise CheckpointError(f"cannot copy {source}: there is no such object") from None
            await self.put(target, data)

    async def aclose(self) -> None:
        """Close connections; requests that still run end with their timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client._http.clear()

    async def _request(self, verb: str, key: str, call: Callable[[], T]) -> T:
        """Run one blocking call in the pool until it succeeds, is refused, or time is up."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.config.retry_seconds
        backoff = _FIRST_BACKOFF
        while True:
            try:
                return await loop.run_in_executor(self._threads, call)
            except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._raise_unless_worth_retrying(error, verb, key)
                if loop.time() + backoff > give_up:
                    raise StorageUnavailable(
                        f"object storage at {self.config.endpoint} did not answer: {verb} {key}: {_brief(error)}"
                    ) from error
                log.warning("object storage retry", extra={"verb": verb, "key": key, "error": _brief(error)})
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _raise_unless_worth_retrying(self, error: Exception, verb: str, key: str) -> None:
        """Return for a passing failure; raise what the caller can act on for any other."""
        status = _status(error)
        if status == _PRECONDITION_FAILED:
            raise _ConditionFailed from error
        if isinstance(error, S3Error) and error.code in _EXPIRED and self._credentials.forget():
            return
        if isinstance(error, ValueError):  # the client's own checks: bucket name, key, keys without a secret
            raise MisconfiguredStore(f"{verb} {key}: {error}") from error
        if status is not None and status < _SERVER_ERRORS and status not in _RETRIED_STATUS:
            raise StorageRefused(f"{verb} {key} in bucket {self.config.bucket!r}: {_brief(error)}") from error


class _ConditionFailed(Exception):
    """The server found the key taken."""


class _DeleteIncomplete(MinioException):
    """The server could not delete some of the keys; deleting again is harmless."""


class _RenewedCredentials(Provider):
    """Hands the client its keys; asks a callable again when they are about to expire."""

    def __init__(self, source: Credentials | Callable[[], Credentials] | None) -> None:
        self._source = source
        self._current: Credentials | None = source if isinstance(source, Credentials) else None
        self._lock = threading.Lock()

    def retrieve(self) -> MinioCredentials:
        """Called by the client in its worker thread, once per request."""
        with self._lock:
            if self._current is None or self._expires_soon(self._current):
                self._current = self._ask()
            current = self._current
        return MinioCredentials(current.access_key, current.secret_key, current.session_token)

    def forget(self) -> bool:
        """Whether new keys can be had after these were refused as expired."""
        if not callable(self._source):
            return False
        with self._lock:
            self._current = None
        return True

    def _ask(self) -> Credentials:
        if isinstance(self._source, Credentials):
            return self._source
        return self._source() if self._source is not None else credentials_from_environment()

    @staticmethod
    def _expires_soon(credentials: Credentials) -> bool:
        return credentials.expires_at is not None and credentials.expires_at - _RENEW_BEFORE < datetime.now(
            UTC
        )


def _status(error: Exception) -> int | None:
    """The HTTP status behind an error; None where there was no answer at all."""
    if isinstance(error, S3Error):
        return int(error.response.status) if error.response is not None else None
    if isinstance(error, ServerError):
        return int(error.status_code)
    if isinstance(error, InvalidResponseError):
        code: Any = error._code
        return int(code)
    return None


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
