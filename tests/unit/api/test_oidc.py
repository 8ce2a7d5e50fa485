"""Tokens of an OpenID Connect issuer, checked against a real one on loopback."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from graphrun_api.auth.oidc import Oidc, OidcSettings, identity_of
from graphrun_api.errors import IssuerUnavailable
from support.oidc_issuer import AUDIENCE, Issuer, serving

Json = dict[str, Any]


class Clock:
    """A clock that tests wind on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with serving() as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def oidc(issuer: Issuer, clock: Clock) -> Oidc:
    return Oidc(OidcSettings(issuer=issuer.url, audience=AUDIENCE), clock)


async def test_a_valid_token_names_user_and_groups_until_it_ends(issuer: Issuer, oidc: Oidc) -> None:
    found = await oidc.identify(issuer.token(sub="ada", groups=["dev", 5], exp=int(time.time()) + 60))

    assert found is not None
    who, until = found
    assert who.username == "ada"
    assert who.groups == ("dev", "system:authenticated")
    assert until <= time.time() + 60


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"aud": "another"},
        {"iss": "http://127.0.0.1:9"},
        {"nbf": 2**40},
        {"sub": "system:admin"},
        {"sub": ""},
        {"sub": 5},
    ],
)
async def test_a_token_that_is_not_for_here_or_now_is_refused(
    issuer: Issuer, oidc: Oidc, claims: Json
) -> None:
    assert await oidc.identify(issuer.token(**claims)) is None


@pytest.mark.parametrize("missing", ["exp", "aud", "iss", "sub"])
async def test_a_token_without_a_claim_that_is_needed_is_refused(
    issuer: Issuer, oidc: Oidc, missing: str
) -> None:
    assert await oidc.identify(issuer.token(**{missing: None})) is None


async def test_a_token_signed_by_somebody_else_is_refused(issuer: Issuer, oidc: Oidc) -> None:
    assert await oidc.identify(issuer.token()) is not None
    issuer.rotate(published=False, name=issuer.name)

    assert await oidc.identify(issuer.token()) is None


async def test_algorithms_that_prove_nothing_are_refused(issuer: Issuer, oidc: Oidc) -> None:
    head = {"kid": issuer.name}
    unsigned = jwt.encode(issuer.claims(), "", algorithm="none", headers=head)
    # by hand: the library itself refuses to sign with a public key
    shared = _signed_with_the_public_key(issuer)
    issuer.publish(
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXRoYXQtZXZlcnlib2R5LWtub3dzLTEyMzQ", "alg": "HS256"}
    )
    known = jwt.encode(
        issuer.claims(), b"secret-that-everybody-knows-1234", algorithm="HS256", headers={"kid": "shared"}
    )
    renamed = _with_header(known, {"alg": "RS256", "kid": "shared", "typ": "JWT"})

    for token in (unsigned, shared, known, renamed):
        assert await oidc.identify(token) is None


async def test_a_new_key_is_found_without_a_word_but_not_asked_for_by_every_token(
    issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    old = issuer.token()
    assert await oidc.identify(old) is not None
    issuer.rotate()
    new = issuer.token()

    at_once = await oidc.identify(new)
    asked = issuer.asked
    clock.now += 11
    later = await oidc.identify(new)

    assert at_once is None
    assert asked == 1
    assert later is not None
    assert issuer.asked == 2
    assert await oidc.identify(old) is None


async def test_while_the_issuer_is_away_known_keys_go_on_and_unknown_ones_are_neither_believed_nor_refused(
    issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    issuer.away = True
    with pytest.raises(IssuerUnavailable):
        await oidc.identify(issuer.token())
    with pytest.raises(IssuerUnavailable):
        await oidc.identify(issuer.token())
    assert issuer.asked == 1  # not by every request
    issuer.away, clock.now = False, clock.now + 3
    known = issuer.token()
    assert await oidc.identify(known) is not None

    issuer.rotate()
    issuer.away, clock.now = True, clock.now + 4000

    assert await oidc.identify(known) is not None
    with pytest.raises(IssuerUnavailable):
        await oidc.identify(issuer.token())


@pytest.mark.parametrize("answer", [[], {"issuer": "http://other"}, {}, "text", None])
async def test_an_issuer_that_answers_nonsense_counts_as_away(
    issuer: Issuer, oidc: Oidc, answer: Any
) -> None:
    issuer.discovery = answer

    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            await oidc.identify(issuer.token())


@pytest.mark.parametrize("keys", [{"keys": "none"}, {}, [], {"keys": [1, {"kty": "RSA"}, {}]}])
async def test_keys_that_are_none_let_nobody_in(issuer: Issuer, oidc: Oidc, keys: Any) -> None:
    issuer.keys_document = keys
    try:
        assert await oidc.identify(issuer.token()) is None
    except IssuerUnavailable:
        assert keys != {"keys": [1, {"kty": "RSA"}, {}]}


def test_only_tokens_that_say_so_are_of_the_issuer(issuer: Issuer, oidc: Oidc) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=")

    assert oidc.is_of(issuer.token())
    for token in ("", "x", "a.b.c", issuer.token(iss="http://127.0.0.1:9"), f"e30.{deep}.x"):
        assert not oidc.is_of(token)


@pytest.mark.parametrize(
    ("claims", "settings", "expected"),
    [
        ({"sub": "ada", "groups": "dev"}, {}, ("ada", ("dev",))),
        ({"sub": "ada", "groups": {"dev": 1}}, {}, ("ada", ())),
        ({"sub": "ada", "groups": 5}, {}, ("ada", ())),
        ({"sub": "ada", "groups": ["system:masters", "dev"]}, {}, ("ada", ("dev",))),
        (
            {"sub": "system:x", "groups": ["system:masters"]},
            {"username_prefix": "oidc:", "groups_prefix": "oidc:"},
            ("oidc:system:x", ("oidc:system:masters",)),
        ),
        ({"sub": "x:ada"}, {"username_prefix": "system:"}, None),
        ({"email": "a@b.c", "email_verified": True}, {"username_claim": "email"}, ("a@b.c", ())),
        ({"email": "a@b.c"}, {"username_claim": "email"}, ("a@b.c", ())),
        ({"email": "a@b.c", "email_verified": False}, {"username_claim": "email"}, None),
        ({"email": "a@b.c", "email_verified": "false"}, {"username_claim": "email"}, None),
        ({"roles": ["r"], "sub": "ada"}, {"groups_claim": "roles"}, ("ada", ("r",))),
    ],
)
def test_claims_become_user_and_groups_as_kube_apiserver_has_it(
    claims: Json, settings: dict[str, str], expected: tuple[str, tuple[str, ...]] | None
) -> None:
    who = identity_of(claims, OidcSettings("https://issuer", AUDIENCE, **settings))

    assert expected == ((who.username, who.groups[:-1]) if who else None)


def _with_header(token: str, header: Json) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return ".".join([head, *token.split(".")[1:]])


def _signed_with_the_public_key(issuer: Issuer) -> str:
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = {"alg": "HS256", "typ": "JWT", "kid": issuer.name}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (head, issuer.claims())
    ]
    signature = algorithm.sign(".".join(parts).encode(), issuer.public_pem())
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])
