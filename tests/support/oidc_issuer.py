"""An OpenID Connect issuer on loopback: a discovery document, keys that can be changed, tokens of any claims."""

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
AUDIENCE = "graphrun"


class Issuer:
    """What the issuer says of itself, and signs.

    Attributes:
        url: by which it calls itself.
        name: of its present key.
        asked: how often somebody has asked for its discovery document.
        away: whether it answers nothing of use.
        discovery: instead of its own document, where that is not "own".
        keys_document: instead of its keys, where that is not "own".
    """

    def __init__(self) -> None:
        self.url, self.name, self.asked, self.away = "", "", 0, False
        self.discovery: Any = "own"
        self.keys_document: Any = "own"
        self._keys: list[Json] = []
        self._names = itertools.count(1)
        self.rotate()

    def rotate(self, *, published: bool = True, name: str = "") -> None:
        """Take another key, and tell of it alone; or keep it from everybody."""
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.name = name or f"key-{next(self._names)}"
        if published:
            told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._private.public_key()))
            self._keys = [{**told, "kid": self.name, "use": "sig"}]

    def publish(self, key: Json) -> None:
        """Tell of one more key."""
        self._keys.append(key)

    def public_pem(self) -> bytes:
        """The present key, as everybody may have it."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **changed: Any) -> Json:
        """Claims of a valid token; None leaves one out."""
        now = int(time.time())
        plain = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300}
        return {key: value for key, value in {**plain, **changed}.items() if value is not None}

    def token(self, **changed: Any) -> str:
        """A token with these claims."""
        claims = self.claims(**changed)
        # what the library would rather not sign, an attacker does
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, self._private, algorithm="ES256", headers={"kid": self.name})

    async def describe(self, _: web.Request) -> web.Response:
        """The discovery document."""
        self.asked += 1
        if self.away:
            return web.Response(status=502)
        own = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return web.json_response(own if self.discovery == "own" else self.discovery)

    async def keys(self, _: web.Request) -> web.Response:
        """The keys."""
        return web.json_response({"keys": self._keys} if self.keys_document == "own" else self.keys_document)


@asynccontextmanager
async def serving() -> AsyncIterator[Issuer]:
    """An issuer that is there for as long as inside."""
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.describe)
    app.router.add_get("/keys", issuer.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        [address] = runner.addresses
        issuer.url = f"http://127.0.0.1:{address[1]}"
        yield issuer
    finally:
        await runner.cleanup()
