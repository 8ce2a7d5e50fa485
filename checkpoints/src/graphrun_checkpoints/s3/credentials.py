"""Where keys come from: the environment, a web identity (IRSA, MinIO STS), EKS Pod Identity, or a caller's function.

All sources are plain functions that answer `Credentials`. They are asked in the client's worker threads.
The client library's own providers are not used for identities: one puts the token into the text of its errors
and all ask without a time limit.
"""

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import certifi
import urllib3
from minio.credentials.credentials import Credentials as MinioCredentials
from minio.credentials.providers import Provider

from graphrun_checkpoints.config import Credentials, CredentialSource, credentials_from_environment
from graphrun_checkpoints.errors import (
    CheckpointError,
    MisconfiguredStore,
    StorageRefused,
    StorageUnavailable,
)
from graphrun_checkpoints.s3.attempts import BoundedPool, current_attempt

_RENEW_BEFORE = timedelta(seconds=60)
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 10.0
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429
_OK = 200


def web_identity_credentials(
    role_arn: str | None,
    token_file: str | Path,
    sts_endpoint: str,
    *,
    session_name: str = "graphrun",
    duration: timedelta = timedelta(hours=1),
) -> CredentialSource:
    """Keys for the identity of a service account: AssumeRoleWithWebIdentity, as IRSA and MinIO understand it.

    Args:
        role_arn: The role to assume; MinIO with one identity provider does without.
        token_file: The projected token. Read at each renewal: Kubernetes replaces it.
        sts_endpoint: `https://sts.<region>.amazonaws.com`, or MinIO's own address.
        session_name: Shown in the provider's logs.
        duration: How long the keys are to last; STS allows 15 minutes to 12 hours.

    Returns:
        A source for `StorageConfig.credentials`. It raises `MisconfiguredStore` without a readable token,
        `StorageRefused` where STS refuses it, and `StorageUnavailable` where STS does not answer.
    """
    pool = _pool()

    def ask() -> Credentials:
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "WebIdentityToken": _read_token(token_file),
            "DurationSeconds": str(int(duration.total_seconds())),
            "RoleSessionName": session_name,
            **({"RoleArn": role_arn} if role_arn else {}),
        }
        answer = _ask(
            pool,
            "POST",
            f"{sts_endpoint.rstrip('/')}/",
            # In the body, not the query: addresses end up in access logs.
            body=urlencode(form),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/xml"},
        )
        return _from_sts(answer.data, sts_endpoint)

    return ask


def pod_identity_credentials(uri: str, token_file: str | Path) -> CredentialSource:
    """Keys from the agent of EKS Pod Identity, or of another that answers as a container's agent does.

    Args:
        uri: The agent's address (`AWS_CONTAINER_CREDENTIALS_FULL_URI`).
        token_file: The projected token (`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`). Read at each renewal.

    Returns:
        A source for `StorageConfig.credentials`, with the errors of `web_identity_credentials`.
    """
    pool = _pool()

    def ask() -> Credentials:
        answer = _ask(pool, "GET", uri, headers={"Authorization": _read_token(token_file)})
        try:
            told = json.loads(answer.data)
            return Credentials(
                told["AccessKeyId"],
                told["SecretAccessKey"],
                told["Token"],
                datetime.fromisoformat(told["Expiration"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StorageUnavailable(
                f"no credentials in the answer of {uri}: {type(error).__name__}"
            ) from error

    return ask


def default_credentials() -> CredentialSource:
    """What the environment names: keys, else a web identity, else a pod identity. Looked up at each renewal.

    Returns:
        A source; it raises `MisconfiguredStore` naming the variables where none is set.
    """
    made: dict[tuple[str, ...], CredentialSource] = {}

    def ask() -> Credentials:
        environ = os.environ
        if environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_SECRET_ACCESS_KEY"):
            return credentials_from_environment()
        token_file, role_arn = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
        if token_file and role_arn:
            sts_endpoint, session_name = _sts_endpoint(), _session_name()
            web = (role_arn, token_file, sts_endpoint, session_name)
            if web not in made:
                made[web] = web_identity_credentials(*web[:3], session_name=session_name)
            return made[web]()
        uri = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        token_file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if uri and token_file:
            if (uri, token_file) not in made:
                made[uri, token_file] = pod_identity_credentials(uri, token_file)
            return made[uri, token_file]()
        raise MisconfiguredStore(
            "no storage credentials: give StorageConfig.credentials, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
        )

    return ask


class RenewedCredentials(Provider):
    """Hands the client its keys, and renews them a minute before they expire.

    One thread renews; the others go on with the keys they have for as long as those are valid, and wait for the same
    renewal otherwise. A renewal that fails while the old keys are valid is tried again with the next request.
    """

    def __init__(self, source: Credentials | CredentialSource | None) -> None:
        self._static = isinstance(source, Credentials)
        self._current = source if isinstance(source, Credentials) else None
        self._ask = source if callable(source) else default_credentials()
        self._renewing = threading.Lock()
        self._failed: CheckpointError | None = None
        self._failures = 0

    def retrieve(self) -> MinioCredentials:
        """Called by the client in its worker thread, once per attempt.

        Raises:
            CheckpointError: There are no keys, and why.
        """
        current = self._valid(soon=_RENEW_BEFORE) or self._renew()
        attempt = current_attempt()
        if attempt is not None:
            attempt.credentials = current
        return MinioCredentials(current.access_key, current.secret_key, current.session_token)

    def forget(self, refused: Credentials | None) -> bool:
        """Whether there may be other keys than these, which the store refused."""
        if self._static or refused is None:
            return False
        with self._renewing:
            if self._current is refused:
                self._current = None
        return True

    def _renew(self) -> Credentials:
        still_valid, failures = self._valid(), self._failures
        if still_valid is None:
            self._renewing.acquire()
        elif not self._renewing.acquire(blocking=False):
            return still_valid
        try:
            renewed = self._valid(soon=_RENEW_BEFORE)  # by the thread that we waited for
            if renewed is not None:
                return renewed
            if self._failures != failures and self._failed is not None:
                raise self._failed  # that thread's failure is ours: not each one waits for a server that is away
            self._current = _ask_caller(self._ask)
        except CheckpointError as error:
            self._failed, self._failures = error, self._failures + 1
            still_valid = self._valid()
            if still_valid is None:
                raise
            return still_valid
        else:
            return self._current
        finally:
            self._renewing.release()

    def _valid(self, *, soon: timedelta = timedelta(0)) -> Credentials | None:
        """The keys we have, unless they expire within `soon`. Static ones are used until they are refused."""
        current = self._current
        if current is None or self._static or current.expires_at is None:
            return current
        return current if current.expires_at - soon > datetime.now(UTC) else None


def _ask_caller(source: Callable[[], Credentials]) -> Credentials:
    try:
        return source()
    except CheckpointError:
        raise
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise StorageUnavailable(
            f"the credential source did not answer: {type(error).__name__}: {error}"
        ) from error
    except Exception as error:  # the edge to a caller's function, which may raise anything
        raise MisconfiguredStore(
            f"StorageConfig.credentials was called and failed: {type(error).__name__}: {error}"
        ) from error


def _sts_endpoint() -> str:
    """As the AWS SDKs choose it."""
    named = os.environ.get("AWS_ENDPOINT_URL_STS")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    china = ".cn" if region and region.startswith("cn-") else ""
    return named or (f"https://sts.{region}.amazonaws.com{china}" if region else "https://sts.amazonaws.com")


def _session_name() -> str:
    return os.environ.get("AWS_ROLE_SESSION_NAME") or "graphrun"


def _pool() -> BoundedPool:
    return BoundedPool(
        connect=_CONNECT_SECONDS,
        read=_READ_SECONDS,
        connections=1,
        ca_file=os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )


def _read_token(token_file: str | Path) -> str:
    try:
        token = Path(token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MisconfiguredStore(f"no identity token: {token_file} cannot be read: {error}") from error
    if not token:
        raise MisconfiguredStore(f"no identity token: {token_file} is empty")
    return token


def _ask(
    pool: BoundedPool, method: str, url: str, *, headers: dict[str, str], body: str | None = None
) -> urllib3.BaseHTTPResponse:
    try:
        answer = pool.urlopen(method, url, body=body, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise StorageUnavailable(
            f"no credentials: {url} did not answer: {type(error).__name__}: {error}"
        ) from error
    if answer.status == _OK:
        return answer
    what = f"no credentials: {url} answered HTTP {answer.status}: {_told(answer.data)}"
    if answer.status >= _SERVER_ERRORS or answer.status == _TOO_MANY_REQUESTS:
        raise StorageUnavailable(what)
    raise StorageRefused(what)


def _told(data: bytes) -> str:
    return " ".join(data[:600].decode(errors="replace").split())


def _from_sts(data: bytes, sts_endpoint: str) -> Credentials:
    try:
        root = ET.fromstring(data)  # noqa: S314 - Python's expat bounds entities itself
        found = {each.tag.rpartition("}")[2]: each.text or "" for each in root.iter()}
        return Credentials(
            found["AccessKeyId"],
            found["SecretAccessKey"],
            found["SessionToken"],
            datetime.fromisoformat(found["Expiration"]),
        )
    except (ET.ParseError, KeyError, ValueError) as error:
        raise StorageUnavailable(
            f"no credentials in the answer of {sts_endpoint}: {type(error).__name__}: {error}"
        ) from error
