"""Which failures of a request pass by themselves, and what is to be mended after the others."""

import email.utils
import ssl
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from graphrun_checkpoints.config import StorageConfig
from graphrun_checkpoints.errors import CheckpointError, MisconfiguredStore, StorageRefused
from graphrun_checkpoints.s3.answers import NoS3Server
from graphrun_checkpoints.s3.attempts import AnswerTooLarge

ATTEMPT_ERRORS = (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError, ET.ParseError)
"""What one attempt can raise besides errors of ours."""

PRECONDITION_FAILED = 412

_SERVER_ERRORS = 500
_NOT_IMPLEMENTED = 501
_LONGEST_RETRY_AFTER = 30.0
"""Seconds. A server may ask for more; a run that waits that long looks dead."""
_PASSING_STATUS = frozenset({408, 409, 425, 429})
"""409 is the answer of AWS to two conditional PUTs at once; the second try is decided."""
_PASSING_CODES = frozenset(
    {
        # The upload was slow, or damaged on its way: all of these come with status 400.
        "RequestTimeout",
        "IncompleteBody",
        "BadDigest",
        "XAmzContentSHA256Mismatch",
        "MalformedXML",
        # In the body of a success, where the status tells nothing.
        "InternalError",
        "ServiceUnavailable",
        "SlowDown",
    }
)
_CREDENTIAL_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"}
)
_REGION_CODES = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)
_RIGHTS = {
    "put": "s3:PutObject",
    "get": "s3:GetObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
    "copy": "s3:GetObject and s3:PutObject",
}


@dataclass(frozen=True)
class Request:
    """What was asked: one of the verbs put, get, list, delete, copy, and the first or only key."""

    verb: str
    key: str

    def __str__(self) -> str:
        return f"{self.verb} {self.key}"


def status_of(error: Exception) -> int | None:
    """The HTTP status behind an error; None where there was no answer at all, or a success that made no sense."""
    if isinstance(error, S3Error):
        return int(error.response.status) if error.response is not None else None
    if isinstance(error, ServerError):
        return int(error.status_code)
    if isinstance(error, InvalidResponseError):
        return int(error._code)
    return None


def means_new_credentials(error: Exception) -> bool:
    """Whether the keys themselves were refused, so that newer ones may be accepted."""
    return isinstance(error, S3Error) and error.code in _CREDENTIAL_CODES


def seconds_to_wait(backoff: float, retry_after: str | None, now: datetime) -> float:
    """What the server asks for (seconds or a date), within limits, but never less than our own `backoff`."""
    if retry_after is None:
        return backoff
    if retry_after.strip().isdecimal():
        asked = float(retry_after)
    else:
        try:
            asked = (email.utils.parsedate_to_datetime(retry_after) - now).total_seconds()
        except (TypeError, ValueError):  # no date, or one without a zone
            return backoff
    return max(backoff, min(asked, _LONGEST_RETRY_AFTER))


def lasting_error(error: Exception, request: Request, config: StorageConfig) -> CheckpointError | None:
    """What to raise at once, or None for a failure that may have passed at the next attempt."""
    if isinstance(error, NoS3Server):
        return _no_s3(error, request, config)
    if isinstance(error, AnswerTooLarge):
        return MisconfiguredStore(f"{request}: {brief(error)}; is {config.endpoint} an S3 server?")
    if isinstance(error, (OSError, urllib3.exceptions.HTTPError)):
        return _tls_error(error, request, config)
    if isinstance(error, S3Error):
        return _s3_error(error, request, config)
    if isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError):  # the client's own checks
        return MisconfiguredStore(f"{request}: {error}")
    return _error_without_xml(error, request, config)


def _s3_error(error: S3Error, request: Request, config: StorageConfig) -> CheckpointError | None:
    code, status = error.code or "", status_of(error) or 0
    if code in _REGION_CODES:
        return _other_region(error, request, config)
    if code in _PASSING_CODES or status in _PASSING_STATUS:
        return None
    if code == "NotImplemented" or status == _NOT_IMPLEMENTED:
        return MisconfiguredStore(
            f"{request}: the store at {config.endpoint} does not implement this: {brief(error)}"
        )
    if status >= _SERVER_ERRORS:
        return None
    return StorageRefused(
        f"{request} in bucket {config.bucket!r}: {_mend(code, request, config)}{brief(error)}"
    )


def _mend(code: str, request: Request, config: StorageConfig) -> str:
    """What to do about a refusal, or nothing where the server's own words must do."""
    return {
        "NoSuchBucket": f"the bucket {config.bucket!r} does not exist at {config.endpoint}: "
        "create it or set StorageConfig.bucket; ",
        "InvalidAccessKeyId": "the store does not know the access key: check StorageConfig.credentials; ",
        "SignatureDoesNotMatch": "the secret key does not belong to the access key: check StorageConfig.credentials; ",
        "AccessDenied": "the credentials lack rights or the bucket's policy forbids it: "
        f"allow {_RIGHTS.get(request.verb, request.verb)}; ",
        "RequestTimeTooSkewed": "this machine's clock differs from the store's: set it; ",
    }.get(code, "the credentials are refused as expired; " if code in _CREDENTIAL_CODES else "")


def _error_without_xml(error: Exception, request: Request, config: StorageConfig) -> CheckpointError | None:
    """Errors of proxies and of servers that are no S3; answers damaged on the way have no status and may pass."""
    status = status_of(error)
    if status is None or status in _PASSING_STATUS:
        return None
    if status >= _SERVER_ERRORS and status != _NOT_IMPLEMENTED:
        return None
    return _no_s3(error, request, config)


def _no_s3(error: Exception, request: Request, config: StorageConfig) -> MisconfiguredStore:
    return MisconfiguredStore(
        f"{request}: {config.endpoint} does not answer as an S3 server does; set StorageConfig.endpoint to "
        f"its S3 port, with https:// if that speaks TLS: {brief(error)}"
    )


def _other_region(error: S3Error, request: Request, config: StorageConfig) -> MisconfiguredStore:
    root = ET.fromstring(error.response.data)  # noqa: S314 - the client has parsed it already
    told = {each.tag.rpartition("}")[2]: each.text for each in root}
    region = error.response.headers.get("x-amz-bucket-region") or told.get("Region")
    mend = [f"StorageConfig.region to {region!r}"] if region else []
    if told.get("Endpoint"):
        mend.append(f"StorageConfig.endpoint to {told['Endpoint']!r}")
    return MisconfiguredStore(
        f"{request}: the bucket {config.bucket!r} is not in region {config.region!r} of {config.endpoint}; "
        f"set {' and '.join(mend) or 'StorageConfig.region'}: {brief(error)}"
    )


def _tls_error(error: Exception, request: Request, config: StorageConfig) -> MisconfiguredStore | None:
    """Broken handshakes pass; wrong protocols and unknown authorities do not."""
    cause = _cause_of(error, ssl.SSLError)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return MisconfiguredStore(
            f"{request}: the certificate of {config.endpoint} is not trusted ({cause.verify_message}); "
            "set StorageConfig.ca_file (or SSL_CERT_FILE) to the authority that signed it"
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "RECORD_LAYER_FAILURE",
    }:
        return MisconfiguredStore(
            f"{request}: {config.endpoint} does not speak TLS; write http:// in StorageConfig.endpoint"
        )
    if _cause_of(error, FileNotFoundError) is not None:
        return MisconfiguredStore(
            f"{request}: StorageConfig.ca_file (or SSL_CERT_FILE) is not there: {brief(error)}"
        )
    return None


def _cause_of(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    seen = 0
    while error is not None and not isinstance(error, kind) and seen < 10:  # noqa: PLR2004 - no endless chain
        error = _next_cause(error)
        seen += 1
    return error if isinstance(error, kind) else None


def _next_cause(error: BaseException) -> BaseException | None:
    wrapped = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
    return wrapped or error.__cause__ or error.__context__


def brief(error: Exception) -> str:
    """One line of an error, for logs and messages."""
    if isinstance(error, S3Error):
        status = f"HTTP {error.response.status} " if error.response is not None else ""
        return f"{status}{error.code}: {(error.message or '')[:200]}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:240]}"
