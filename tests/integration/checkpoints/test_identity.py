"""Keys for identities: STS as moto has it, and an agent like that of EKS Pod Identity."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path

import pytest

from graphrun_checkpoints import (
    Credentials,
    MinioStore,
    MisconfiguredStore,
    StorageConfig,
    StorageRefused,
    StorageUnavailable,
    default_credentials,
    pod_identity_credentials,
    web_identity_credentials,
)
from support.fault_proxy import Fault, FaultPlan, Made, fault_proxy
from support.s3server import ACCESS_KEY, SECRET_KEY, S3Server

AWAY: Fault = "answer 500"
ROLE = "arn:aws:iam::123456789012:role/graphrun"
TOKEN = "header.payload-that-nobody-else-may-see.signature"  # noqa: S105 - moto takes any


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """As Kubernetes projects it."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


@pytest.fixture
def plan(moto_server: S3Server) -> Iterator[FaultPlan]:
    with fault_proxy(moto_server.endpoint) as each:
        yield each


async def test_a_web_identity_gets_keys_that_expire_and_work(moto_server: S3Server, token_file: Path) -> None:
    source = web_identity_credentials(ROLE, token_file, moto_server.endpoint, duration=timedelta(minutes=20))
    keys = source()
    assert keys.session_token
    assert keys.expires_at is not None
    assert timedelta(minutes=15) < keys.expires_at - datetime.now(UTC) < timedelta(minutes=25)
    storage = replace(moto_server.storage(), credentials=source)
    store = MinioStore(storage)
    await store.put(f"{storage.prefix}/k", b"x")
    assert await store.get(f"{storage.prefix}/k") == b"x"
    await store.aclose()


async def test_the_variables_that_kubernetes_sets_are_enough(
    moto_server: S3Server, plan: FaultPlan, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", plan.endpoint)
    source = default_credentials()
    assert source() != source()  # asked anew each time: keeping keys is the store's work
    plan.requests.clear()
    store = MinioStore(replace(moto_server.storage(), credentials=None))
    for _ in range(3):
        await store.list("x")
    assert plan.requests == [("POST", 200)]  # one renewal serves all requests
    await store.aclose()


async def test_an_sts_that_passes_out_is_asked_again(
    moto_server: S3Server, plan: FaultPlan, token_file: Path
) -> None:
    plan.add("POST", "answer 500", "reset", "cut body short", "flip bytes")
    store = MinioStore(
        replace(
            moto_server.storage(retry_seconds=30.0),
            credentials=web_identity_credentials(ROLE, token_file, plan.endpoint),
        )
    )
    assert await store.list("x") == []
    assert len(plan.requests) == 5
    await store.aclose()


async def test_an_sts_that_stays_away_is_unavailable_and_named(
    moto_server: S3Server, plan: FaultPlan, token_file: Path
) -> None:
    plan.add("POST", *repeat(AWAY, 50))
    store = MinioStore(
        replace(
            moto_server.storage(retry_seconds=0.5),
            credentials=web_identity_credentials(ROLE, token_file, plan.endpoint),
        )
    )
    with pytest.raises(StorageUnavailable, match=rf"get x .*{plan.endpoint}"):
        await store.get("x")
    await store.aclose()


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_a_refusal_tells_what_sts_said_and_never_the_token(
    plan: FaultPlan, token_file: Path, status: int
) -> None:
    plan.add(
        "POST",
        Made(status, b"<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>"),
    )
    expected = StorageRefused if status < 500 else StorageUnavailable
    with pytest.raises(expected, match="InvalidIdentityToken") as caught:
        web_identity_credentials(ROLE, token_file, plan.endpoint)()
    assert TOKEN not in str(caught.value)


def test_the_token_travels_in_the_body_and_never_in_the_address(plan: FaultPlan, token_file: Path) -> None:
    """Addresses end up in access logs."""
    web_identity_credentials(ROLE, token_file, plan.endpoint)()
    assert plan.traffic.body_up > len(TOKEN)
    assert TOKEN.encode() not in plan.heads[0]


class _Agent(BaseHTTPRequestHandler):
    """A fake of the agent, which runs on EKS nodes alone; it answers as AWS documents it."""

    asked: list[str | None]

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Authorization"))
        keys = {
            "AccessKeyId": ACCESS_KEY,
            "SecretAccessKey": SECRET_KEY,
            "Token": "",
            "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
            "AccountId": "123456789012",
        }
        body = json.dumps(keys).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


@contextmanager
def agent() -> Iterator[tuple[str, list[str | None]]]:
    asked: list[str | None] = []
    handler = type("Agent", (_Agent,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/credentials", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_pod_identity_shows_the_token_of_its_file(
    storage: StorageConfig, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library mixes token and file up; ours sends the content."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with agent() as (uri, asked):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token_file))
        source = default_credentials()
        assert source().access_key == source().access_key == ACCESS_KEY
        asked.clear()
        store = MinioStore(replace(storage, credentials=None))
        assert await store.list(f"{storage.prefix}/") == []
        await store.aclose()
    assert asked == [TOKEN]


@pytest.mark.parametrize("answer", [b"{}", b"<html/>", b"[]"])
def test_an_agent_that_gives_no_keys_is_named(plan: FaultPlan, token_file: Path, answer: bytes) -> None:
    plan.add("GET", Made(200, answer))
    with pytest.raises(StorageUnavailable, match=f"no credentials in the answer of {plan.endpoint}"):
        pod_identity_credentials(f"{plan.endpoint}/v1/credentials", token_file)()


def test_a_pod_identity_reads_its_token_anew_at_each_renewal(token_file: Path) -> None:
    with agent() as (uri, asked):
        source = pod_identity_credentials(uri, token_file)
        assert source().access_key == ACCESS_KEY
        token_file.write_text("another")
        source()
    assert asked == [TOKEN, "another"]


async def test_expired_keys_are_asked_for_again_once_and_then_refused(storage: StorageConfig) -> None:
    expired = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    asked: list[int] = []

    def ask() -> Credentials:
        asked.append(1)
        return Credentials(ACCESS_KEY, SECRET_KEY)

    with fault_proxy(storage.endpoint) as plan:
        store = MinioStore(replace(storage, endpoint=plan.endpoint, credentials=ask, retry_seconds=60.0))
        plan.add("LIST", Made(400, expired))
        assert await store.list(f"{storage.prefix}/") == []
        assert len(asked) == 2
        plan.add("LIST", *repeat(Made(400, expired), 5))
        with pytest.raises(StorageRefused, match="expired"):
            await store.list(f"{storage.prefix}/")
        assert len(asked) == 3
        await store.aclose()


async def test_a_token_that_is_missing_stops_a_call_at_once(storage: StorageConfig, tmp_path: Path) -> None:
    source = web_identity_credentials(ROLE, tmp_path / "absent", storage.endpoint)
    store = MinioStore(replace(storage, credentials=source, retry_seconds=60.0))
    with pytest.raises(MisconfiguredStore, match=r"put k: .*absent cannot be read"):
        await store.put("k", b"")
    await store.aclose()
