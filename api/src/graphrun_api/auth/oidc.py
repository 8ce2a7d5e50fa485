"""Who a token of an OpenID Connect issuer stands for: as kube-apiserver would say, with the same prefixes.

The issuer's keys are read from where its discovery document says, kept, and read again when a token names one that is
not known, at most once in ten seconds: keys are changed without a word. While they cannot be read, a token whose key is
not known can be neither believed nor refused.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import jwt

from graphrun_api.auth.tokens import Identity
from graphrun_api.errors import IssuerUnavailable

log = logging.getLogger(__name__)

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
_KEEP_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 10.0
# An issuer that is away is not asked by every request anew: each would wait for it.
_AWAY_SECONDS: Final = 2.0
# Asymmetric ones alone: with a shared secret, whoever checks tokens could make them.
_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
_LEEWAY_SECONDS: Final = 10
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
_RESERVED: Final = "system:"
Json = dict[str, Any]


@dataclass(frozen=True)
class OidcSettings:
    """One issuer, and how its claims become a user and groups; the words are those of kube-apiserver's flags."""

    issuer: str
    audience: str
    username_claim: str = "sub"
    username_prefix: str = ""
    groups_claim: str = "groups"
    groups_prefix: str = ""


class Oidc:
    """Checks tokens of one issuer."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._is_away = False
        self._reading = asyncio.Lock()

    def is_of(self, token: str) -> bool:
        """Whether a token claims to be of this issuer; nothing is checked yet."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, RecursionError):
            return False
        return bool(claims.get("iss") == self._settings.issuer)

    async def identify(self, token: str) -> tuple[Identity, float] | None:
        """Who it stands for and the moment at which it ends, in seconds of the epoch; None where it is not valid.

        Raises:
            IssuerUnavailable: its keys are not known, and cannot be read.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(str(header.get("kid") or ""))
            if key is None or header.get("alg") not in _ALGORITHMS:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            log.info("token refused", extra={"problem": str(error)})
            return None
        who = identity_of(claims, self._settings)
        return (who, float(claims["exp"])) if who else None

    async def _key(self, name: str) -> jwt.PyJWK | None:
        async with self._reading:
            age = self._clock() - self._read_at
            patience = _AWAY_SECONDS if self._is_away else _AGAIN_SECONDS
            if age > _KEEP_SECONDS or (self._named(name) is None and age > patience):
                await self._read_keys()
        key = self._named(name)
        if key is None and self._is_away:
            raise IssuerUnavailable
        return key

    def _named(self, name: str) -> jwt.PyJWK | None:
        if not name and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(name)

    async def _read_keys(self) -> None:
        self._read_at = self._clock()
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as http:
                base = self._settings.issuer.rstrip("/")
                found = await _get(http, f"{base}/.well-known/openid-configuration")
                if found.get("issuer") != self._settings.issuer:
                    message = f"the issuer calls itself {found.get('issuer')!r}"
                    raise ValueError(message)  # noqa: TRY301 - as wrong as a document that cannot be read
                keys = await _get(http, str(found["jwks_uri"]))
                self._keys = _usable_keys(keys["keys"])
        except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
            log.warning("the issuer's keys cannot be read", extra={"error": repr(error)})
            self._is_away = True
        else:
            self._is_away = False


def identity_of(claims: Mapping[str, Any], settings: OidcSettings) -> Identity | None:
    """User and groups of valid claims; None where they name no user."""
    name = claims.get(settings.username_claim)
    if not isinstance(name, str) or not name:
        return None
    if settings.username_claim == "email" and claims.get("email_verified", True) is not True:
        return None
    told = claims.get(settings.groups_claim)
    listed = told if isinstance(told, list) else [told]
    named = [f"{settings.groups_prefix}{each}" for each in listed if isinstance(each, str)]
    username = f"{settings.username_prefix}{name}"
    # Kubernetes' own names are not an issuer's to give.
    if username.startswith(_RESERVED):
        return None
    kept = [each for each in named if not each.startswith(_RESERVED)]
    # As the API server does for everybody who is not anonymous.
    return Identity(username, "", (*kept, "system:authenticated"))


def _usable_keys(told: list[Json]) -> dict[str, jwt.PyJWK]:
    found = ((str(each.get("kid") or ""), _usable(each)) for each in told if isinstance(each, dict))
    return {name: key for name, key in found if key is not None}


def _usable(told: Json) -> jwt.PyJWK | None:
    # A shared secret that everybody can read would let everybody make tokens, by whatever algorithm they name.
    if told.get("kty") not in _KEY_TYPES or told.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(told)
    except jwt.PyJWTError:
        return None  # of a kind that nobody here would accept


async def _get(http: aiohttp.ClientSession, url: str) -> Json:
    async with http.get(url) as answer:
        answer.raise_for_status()
        found = await answer.json(content_type=None)
        if not isinstance(found, dict):
            message = f"{url} is no JSON object"
            raise TypeError(message)
        return found
