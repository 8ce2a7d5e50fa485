"""Which failures pass, and how long to wait for that."""

from datetime import UTC, datetime

import pytest
import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError

from graphrun_checkpoints import MisconfiguredStore, StorageConfig, StorageRefused
from graphrun_checkpoints.s3.answers import NonsenseAnswer, NoS3Server
from graphrun_checkpoints.s3.verdicts import Request, brief, lasting_error, seconds_to_wait

CONFIG = StorageConfig("http://store:1", "bucket")
PUT = Request("put", "some/key")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def s3(status: int, code: str) -> S3Error:
    return S3Error(urllib3.HTTPResponse(b"<Error/>", status=status), code, "in words", None, None, None)


@pytest.mark.parametrize(
    "error",
    [
        s3(500, "InternalError"),
        s3(503, "SlowDown"),
        s3(507, "XMinioStorageFull"),
        s3(429, "TooManyRequests"),
        s3(409, "ConditionalRequestConflict"),
        s3(409, "OperationAborted"),
        s3(408, "RequestTimeout"),
        s3(400, "RequestTimeout"),
        s3(400, "BadDigest"),
        s3(400, "IncompleteBody"),
        s3(200, "InternalError"),
        InvalidResponseError(502, "text/html", "<h1>Bad Gateway</h1>"),
        InvalidResponseError(429, "text/plain", "slowly"),
        ServerError("server failed", 503),
        NonsenseAnswer("half a list"),
        ConnectionResetError(),
        urllib3.exceptions.ProtocolError("cut"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "damaged"),
    ],
    ids=brief,
)
def test_failures_that_may_pass_are_tried_again(error: Exception) -> None:
    assert lasting_error(error, PUT, CONFIG) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (s3(403, "AccessDenied"), StorageRefused),
        (s3(404, "NoSuchBucket"), StorageRefused),
        (s3(400, "InvalidRequest"), StorageRefused),
        (s3(200, "AccessDenied"), StorageRefused),
        (s3(501, "NotImplemented"), MisconfiguredStore),
        (s3(400, "NotImplemented"), MisconfiguredStore),
        (s3(301, "PermanentRedirect"), MisconfiguredStore),
        (InvalidResponseError(404, "text/html", "<h1>not found</h1>"), MisconfiguredStore),
        (InvalidResponseError(501, "text/html", ""), MisconfiguredStore),
        (InvalidResponseError(302, "text/html", ""), MisconfiguredStore),
        (ServerError("server failed", 400), MisconfiguredStore),
        (NoS3Server("welcome"), MisconfiguredStore),
        (ValueError("object name must not be empty"), MisconfiguredStore),
    ],
    ids=lambda each: brief(each) if isinstance(each, Exception) else "",
)
def test_failures_that_stay_are_raised_with_verb_key_and_what_the_server_said(
    error: Exception, kind: type[Exception]
) -> None:
    lasting = lasting_error(error, PUT, CONFIG)
    assert type(lasting) is kind
    assert "put some/key" in str(lasting)
    assert brief(error).partition(": ")[2] in str(lasting)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (None, 0.5),
        ("0", 0.5),
        ("7", 7.0),
        ("3600", 30.0),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("Thu, 01 Jan 2026 01:00:00 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.5),
        ("Thu, 01 Jan 2026 00:00:09", 0.5),  # of which place?
        ("soon", 0.5),
        ("-7", 0.5),
        ("", 0.5),
    ],
)
def test_a_server_may_ask_for_more_patience_than_ours_within_limits(asked: str | None, waited: float) -> None:
    assert seconds_to_wait(0.5, asked, NOW) == waited
