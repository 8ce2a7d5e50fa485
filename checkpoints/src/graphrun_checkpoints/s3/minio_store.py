"""The store on an S3 API, with the `minio` client in a thread pool.

The client's public calls cannot send a condition, choose the page size of a LIST, or keep a large object in
one PUT; so its private `_execute` is used, which signs and sends. The version is pinned and a canary test watches it.
"""

import asyncio
import logging
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

import certifi
import minio
import urllib3
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject, DeleteRequest
from minio.error import S3Error
from minio.helpers import md5sum_hash
from minio.xml import marshal

from graphrun_checkpoints.config import StorageConfig
from graphrun_checkpoints.errors import (
    CheckpointError,
    MisconfiguredStore,
    SaverClosed,
    StorageRefused,
    StorageUnavailable,
)
from graphrun_checkpoints.s3 import answers as s3_answers
from graphrun_checkpoints.s3.attempts import XML_BYTES, Attempt, BoundedPool
from graphrun_checkpoints.s3.credentials import RenewedCredentials
from graphrun_checkpoints.s3.verdicts import (
    ATTEMPT_ERRORS,
    PRECONDITION_FAILED,
    Request,
    brief,
    lasting_error,
    means_new_credentials,
    seconds_to_wait,
    status_of,
)
from graphrun_checkpoints.store import LIST_LIMIT, Entry, ObjectExists, Part

log = logging.getLogger(__name__)

T = TypeVar("T")

Fields = dict[str, str | list[str] | tuple[str]]
"""Headers or a query, as the client types them."""

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 10.0


class MinioStore:
    """An S3 bucket. Making one does no I/O; it may be used from any event loop.

    Raises:
        MisconfiguredStore: The client cannot make sense of the endpoint.
    """

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self._credentials = RenewedCredentials(config.credentials)
        self._threads = ThreadPoolExecutor(config.threads, thread_name_prefix="graphrun-s3")
        self._running: set[Attempt] = set()
        self._closed = False
        self._etags_are_md5 = True
        self._pool = BoundedPool(
            connect=config.connect_timeout,
            read=config.read_timeout,
            connections=config.threads,
            ca_file=config.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        try:
            self._client = minio.Minio(
                config.host,
                secure=config.secure,
                region=config.region,
                credentials=self._credentials,
                http_client=self._pool,
            )
        except ValueError as error:
            raise MisconfiguredStore(
                f"endpoint {config.endpoint!r} or region {config.region!r}: {error}"
            ) from error

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        """One PUT, never multipart, so that the condition holds for the whole object."""

        def send() -> None:
            headers: Fields = {
                "Content-Type": "application/octet-stream",
                # Not every server compares the digest that is part of the signature.
                "Content-MD5": str(md5sum_hash(data)),
            }
            if if_none_match:
                headers["If-None-Match"] = "*"
            s3_answers.check_stored(self._execute("PUT", key, body=data, headers=headers))

        try:
            await self._request(Request("put", key), send)
        except _ConditionFailed as error:
            raise ObjectExists(key) from error

    async def get(self, key: str) -> bytes | None:
        """The whole object; an answer that is truncated, or not what its ETag says, counts as a failed attempt."""
        odd: bytes | None = None

        def fetch() -> bytes | None:
            nonlocal odd
            answer = self._found(key)
            if answer is None:
                return None
            data = s3_answers.check_object(answer)
            if self._etags_are_md5 and not s3_answers.matches_etag(answer, data):
                if data != odd:
                    odd = data
                    raise s3_answers.NonsenseAnswer("content that its ETag does not fit")
                self._etags_are_md5 = False  # twice the same: here ETags mean something else
            return data

        return await self._request(Request("get", key), fetch, max_bytes=self.config.max_object_bytes)

    async def read_part(self, key: str, offset: int, size: int) -> Part | None:
        """Up to `size` bytes from `offset` on, which must lie within the object. Not held against the ETag."""

        def fetch() -> Part | None:
            answer = self._found(key, {"Range": f"bytes={offset}-{offset + size - 1}"})
            return None if answer is None else s3_answers.check_part(answer, offset, size)

        return await self._request(Request("get", key), fetch, max_bytes=max(size, XML_BYTES))

    async def list(
        self, prefix: str, *, max_keys: int = LIST_LIMIT, start_after: str = ""
    ) -> Sequence[Entry]:
        """One LIST with its own page size, more only where the server returns short pages."""
        found: list[Entry] = []
        token: str | None = None
        while len(found) < max_keys:
            query: Fields = {
                "list-type": "2",
                "prefix": prefix,
                "delimiter": "",  # sent empty because bucket policies may ask for it
                "max-keys": str(min(max_keys - len(found), LIST_LIMIT)),
                **(
                    {"continuation-token": token}
                    if token
                    else {"start-after": start_after}
                    if start_after
                    else {}
                ),
            }

            def page(query: Fields = query) -> s3_answers.Page:
                return s3_answers.read_page(self._execute("GET", query=query), prefix)

            got = await self._request(Request("list", prefix), page)
            found.extend(got.entries)
            if not got.truncated:
                break
            if got.token == token and not got.entries:
                raise StorageUnavailable(f"list {prefix}: the store repeats the same empty page")
            token, start_after = got.token, got.last_key
        return found[:max_keys]

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Requests of up to 1,000 keys, one after the other."""
        for first in range(0, len(keys), LIST_LIMIT):
            body = marshal(
                DeleteRequest([DeleteObject(key) for key in keys[first : first + LIST_LIMIT]], quiet=True)
            )

            def remove(body: bytes = body) -> None:
                headers: Fields = {"Content-MD5": str(md5sum_hash(body))}
                answer = self._execute("POST", body=body, headers=headers, query={"delete": ""})
                s3_answers.check_deleted(answer)

            await self._request(Request("delete", keys[first]), remove)

    async def copy(self, source: str, target: str) -> None:
        """Server-side copy, or GET and PUT where the server refuses it (AWS does, under enforced conditions)."""

        def duplicate() -> bool:
            try:
                headers = CopySource(self.config.bucket, source).gen_copy_headers()
                s3_answers.check_copied(self._execute("PUT", target, headers=dict(headers)))
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return False
                raise
            return True

        try:
            copied = await self._request(Request("copy", source), duplicate)
        except (StorageRefused, MisconfiguredStore):
            data = await self.get(source)
            copied = data is not None
            if data is not None:
                await self.put(target, data)
        if not copied:
            raise CheckpointError(f"cannot copy {source}: there is no such object")

    async def aclose(self) -> None:
        """Close connections; requests that still run are cut."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for attempt in list(self._running):
            attempt.cut()
        self._pool.clear()

    def _found(self, key: str, headers: Fields | None = None) -> urllib3.BaseHTTPResponse | None:
        try:
            return self._execute("GET", key, headers=headers)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def _execute(
        self,
        method: str,
        key: str | None = None,
        *,
        body: bytes | None = None,
        headers: Fields | None = None,
        query: Fields | None = None,
    ) -> urllib3.BaseHTTPResponse:
        return self._client._execute(
            method, self.config.bucket, key, body=body, headers=headers, query_params=query
        )

    async def _request(self, request: Request, call: Callable[[], T], *, max_bytes: int = XML_BYTES) -> T:
        """Run one blocking call in the pool until it succeeds, is refused, or time is up."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.config.retry_seconds
        backoff, renewed = _FIRST_BACKOFF, False
        failure: Exception
        while True:
            attempt = Attempt(self.config.attempt_seconds, max_bytes)
            try:
                return await self._attempt(attempt, call)
            except ATTEMPT_ERRORS as error:
                renew = (
                    means_new_credentials(error)
                    and not renewed
                    and self._credentials.forget(attempt.credentials)
                )
                if not renew:
                    self._raise_if_lasting(error, request)
                renewed, failure = renewed or renew, error
            except CheckpointError as error:
                if not error.retryable:
                    raise type(error)(f"{request}: {error}") from error
                failure = error
            jittered = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            wait = seconds_to_wait(jittered, attempt.retry_after, datetime.now(UTC))
            if loop.time() + wait > give_up:
                raise self._unavailable(request, failure) from failure
            log.warning(
                "object storage retry",
                extra={"verb": request.verb, "key": request.key, "error": brief(failure)},
            )
            await asyncio.sleep(wait)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    async def _attempt(self, attempt: Attempt, call: Callable[[], T]) -> T:
        if self._closed:
            raise SaverClosed("the store was closed; make a new one")
        self._running.add(attempt)
        try:
            return await attempt.run(self._threads, call)
        finally:
            self._running.discard(attempt)

    def _raise_if_lasting(self, error: Exception, request: Request) -> None:
        if status_of(error) == PRECONDITION_FAILED:
            raise _ConditionFailed from error
        lasting = lasting_error(error, request, self.config)
        if lasting is not None:
            raise lasting from error

    def _unavailable(self, request: Request, failure: Exception) -> StorageUnavailable:
        where = f"object storage at {self.config.endpoint}"
        return StorageUnavailable(
            f"{where} did not answer {request} within {self.config.retry_seconds:g} s: {brief(failure)}"
        )


class _ConditionFailed(Exception):
    """The server found the key taken."""
