"""Who a bearer token stands for, by the cluster's TokenReview."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from graphrun_api.auth.expiring import ExpiringAnswers, Kept
from graphrun_api.errors import NotAuthenticated
from graphrun_api.kube.cluster import Cluster

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
# A revoked token may be believed for this long, in seconds.
_KEEP_GOOD: Final = 60.0
_KEEP_BAD: Final = 5.0
# Tokens are headers; what is longer is no token.
_MAX_TOKEN: Final = 16384


@dataclass(frozen=True)
class Identity:
    """Someone whom the cluster knows."""

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


class Issuer(Protocol):
    """Someone whose tokens can be checked without the cluster."""

    def is_of(self, token: str) -> bool:
        """Whether a token claims to be of this issuer."""

    async def identify(self, token: str) -> tuple[Identity, float] | None:
        """Who a token stands for, and when it ends in seconds of the epoch; None where it is not valid."""


class Tokens:
    """Reviews of tokens for `audiences` (none: the API server's own)."""

    def __init__(
        self, cluster: Cluster, audiences: Sequence[str] = (), issuer: "Issuer | None" = None
    ) -> None:
        self._cluster = cluster
        self._audiences = list(audiences)
        self._issuer = issuer
        # Digests are kept, so that a memory dump gives no tokens away.
        self._known: ExpiringAnswers[bytes, Identity | None] = ExpiringAnswers()

    async def identify(self, token: str) -> Identity:
        """Who this is.

        Raises:
            NotAuthenticated: the token is missing, wrong, expired, or for another audience.
        """
        if not token or len(token) > _MAX_TOKEN:
            raise NotAuthenticated
        digest = hashlib.sha256(token.encode()).digest()
        identity = await self._known.get(digest, lambda: self._review(token))
        if identity is None:
            raise NotAuthenticated(
                "the token is not valid here: it is wrong, has expired, or is for another audience"
            )
        return identity

    async def _review(self, token: str) -> Kept[Identity | None]:
        if self._issuer is not None and self._issuer.is_of(token):
            found = await self._issuer.identify(token)
            if found is None:
                return Kept(None, _KEEP_BAD)
            who, until = found
            return Kept(who, min(_KEEP_GOOD, max(until - time.time(), 0.0)))
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = self._audiences
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        status = (await self._cluster.create(_PATH, body)).get("status") or {}
        fits = not self._audiences or bool(set(self._audiences) & set(status.get("audiences") or ()))
        if not status.get("authenticated") or not fits:
            return Kept(None, _KEEP_BAD)
        return Kept(_identity(status.get("user") or {}), _KEEP_GOOD)


def _identity(user: Mapping[str, Any]) -> Identity:
    extra = {key: tuple(values) for key, values in (user.get("extra") or {}).items()}
    return Identity(user["username"], user.get("uid", ""), tuple(user.get("groups") or ()), extra)


def bearer_of(header: str) -> str:
    """The token of an Authorization header; empty where there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
