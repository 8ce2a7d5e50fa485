"""Where checkpoints are kept and how patient the client is. Plain values; nothing here opens a connection."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from graphrun_checkpoints.errors import MisconfiguredStore


@dataclass(frozen=True)
class Credentials:
    """Keys for an S3 API. `expires_at` (aware) makes a callable be asked again a minute before."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r}, …)"


CredentialSource = Callable[[], Credentials]


@dataclass(frozen=True)
class StorageConfig:
    """An S3-compatible bucket.

    Attributes:
        endpoint: `http://host:port` or `https://…`, without a path.
        bucket: An existing bucket; it is never created here.
        prefix: The tree in the bucket that is graphrun's; no slash at either end; may be empty.
        region: Sent with every signature. Never guessed: a guess costs one more request.
        credentials: Static keys; a callable that is asked again when they expire or are refused as
            expired; or None for `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
        connect_timeout: Seconds for one connection attempt.
        read_timeout: Seconds without a byte until one attempt is given up.
        retry_seconds: One request is retried until this long after its start.
        threads: Requests at a time, and connections kept open.
    """

    endpoint: str
    bucket: str
    prefix: str = "graphrun"
    region: str = "us-east-1"
    credentials: Credentials | CredentialSource | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    retry_seconds: float = 60.0
    threads: int = 16

    def __post_init__(self) -> None:
        url = urlsplit(self.endpoint)
        if url.scheme not in {"http", "https"} or not url.netloc or url.path.strip("/"):
            raise MisconfiguredStore(
                f"endpoint {self.endpoint!r} is not a URL like http://host:port; give scheme, host and port alone"
            )
        if self.prefix != self.prefix.strip("/"):
            raise MisconfiguredStore(f"prefix {self.prefix!r} must not begin or end with a slash")
        if self.threads < 1:
            raise MisconfiguredStore("threads must be at least 1")

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return urlsplit(self.endpoint).netloc

    @property
    def secure(self) -> bool:
        """Whether the endpoint is spoken to over TLS."""
        return urlsplit(self.endpoint).scheme == "https"


def credentials_from_environment() -> Credentials:
    """The usual AWS variables.

    Raises:
        MisconfiguredStore: One of the two keys is not set.
    """
    access = os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access or not secret:
        raise MisconfiguredStore(
            "no storage credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or StorageConfig.credentials"
        )
    return Credentials(access, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
