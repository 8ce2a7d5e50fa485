"""Who a bearer token stands for, by the cluster's TokenReview."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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


class Tokens:
    """Reviews of tokens for `audiences` (none: the API server's own)."""

    def __init__(self, cluster: Cluster, audiences: Sequence[str] = ()) -> None:
        self._cluster = cluster
        self._audiences = list(audiences)
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
