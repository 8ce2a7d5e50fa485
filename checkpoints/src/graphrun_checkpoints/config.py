"""Where checkpoints are kept and how patient the client is. Plain values; nothing here opens a connection."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from graphrun_checkpoints.errors import MisconfiguredStore


@dataclass(frozen=True)
class Credentials:
    """Keys for an S3 API. `expires_at` (aware) makes a callable be asked again a minute before.

    Raises:
        MisconfiguredStore: One of the keys is empty, or `expires_at` has no time zone.
    """

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.access_key or not self.secret_key:
            raise MisconfiguredStore("credentials: access_key and secret_key must not be empty")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise MisconfiguredStore("credentials: expires_at must have a time zone, such as datetime.UTC")

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r}, …)"


CredentialSource = Callable[[], Credentials]

# Wider than S3's rule, as some servers are; but nothing that would change the address.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,62}")


@dataclass(frozen=True)
class StorageConfig:
    """An S3-compatible bucket, and how patient to be with it.

    A call lasts at most `retry_seconds` + `attempt_seconds`, and keeps at most `threads` others from starting.

    Attributes:
        endpoint: `http://host:port` or `https://…`, without a path.
        bucket: An existing bucket; it is never created here.
        prefix: The tree in the bucket that is graphrun's; no slash at either end; may be empty.
        region: Sent with every signature. Never guessed: a guess costs one more request.
        credentials: Static keys; a function that is asked again a minute before they expire, or when they are
            refused as expired or unknown (see `web_identity_credentials`); or None for what the environment
            names: keys, a web identity or a pod identity (see `default_credentials`).
        connect_timeout: Seconds for one connection attempt. A host of the same network answers in milliseconds;
            five outlast one lost packet and its repetitions.
        read_timeout: Seconds without a byte until one attempt is given up. Longer than a busy server thinks.
        attempt_seconds: One attempt is cut after this long, however steadily bytes drip. Enough for 32 MB
            at 0.5 MB/s.
        retry_seconds: No attempt begins later than this after the first one's begin. Long enough for a server to
            be restarted.
        threads: Requests at a time, and connections kept open; each may hold one object in memory.
        max_object_bytes: Larger objects are refused unread, so that a wrong endpoint cannot fill the memory.
        ca_file: PEM file with the authorities that may vouch for the endpoint; None for `SSL_CERT_FILE`, or else
            Mozilla's list.
    """

    endpoint: str
    bucket: str
    prefix: str = "graphrun"
    region: str = "us-east-1"
    credentials: Credentials | CredentialSource | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    attempt_seconds: float = 60.0
    retry_seconds: float = 60.0
    threads: int = 16
    max_object_bytes: int = 1 << 30
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if not _is_endpoint(self.endpoint):
            raise MisconfiguredStore(
                f"endpoint {self.endpoint!r} is not a URL like http://host:port; give scheme, host and port alone"
            )
        if not _BUCKET.fullmatch(self.bucket):
            raise MisconfiguredStore(
                f"bucket {self.bucket!r} is no bucket's name: letters, digits, dots and dashes, 63 at most"
            )
        if self.prefix != self.prefix.strip("/"):
            raise MisconfiguredStore(f"prefix {self.prefix!r} must not begin or end with a slash")
        if not self.region:
            raise MisconfiguredStore("region must not be empty; servers without regions take us-east-1")
        if self.threads < 1:
            raise MisconfiguredStore("threads must be at least 1")
        for name in ("connect_timeout", "read_timeout", "attempt_seconds", "max_object_bytes"):
            if getattr(self, name) <= 0:
                raise MisconfiguredStore(f"{name} must be above 0")

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return urlsplit(self.endpoint).netloc

    @property
    def secure(self) -> bool:
        """Whether the endpoint is spoken to over TLS."""
        return urlsplit(self.endpoint).scheme == "https"


def _is_endpoint(text: str) -> bool:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - looks at it
    except ValueError:  # brackets or a port that are none
        return False
    more_than_a_place = url.username is not None or url.path.strip("/") or url.query or url.fragment
    return url.scheme in {"http", "https"} and bool(url.hostname) and not more_than_a_place


def credentials_from_environment() -> Credentials:
    """The usual AWS variables.

    Raises:
        MisconfiguredStore: One of the two keys is not set.
    """
    access = os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access or not secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise MisconfiguredStore(f"no storage credentials: the environment variable {missing} is not set")
    return Credentials(access, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
