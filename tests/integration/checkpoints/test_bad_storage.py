"""Storage that cannot work is refused at once, in words that tell what to mend."""

import ssl
import subprocess
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from graphrun_checkpoints import (
    CheckpointError,
    Credentials,
    MinioStore,
    MisconfiguredStore,
    ObjectStoreSaver,
    StorageConfig,
    StorageRefused,
    StorageUnavailable,
)
from support.fault_proxy import Fault, Made, fault_proxy
from support.s3server import ACCESS_KEY, SECRET_KEY, S3Server

# A right classification answers at the first attempt: with patience like this, a wrong one shows as a timeout.
pytestmark = pytest.mark.timeout(60)
PATIENT = 120.0
IGNORED: Fault = "hide refusal"

CALLS: dict[str, Callable[[MinioStore], Awaitable[Any]]] = {
    "put": lambda store: store.put("k", b"x", if_none_match=True),
    "get": lambda store: store.get("k"),
    "list": lambda store: store.list("k"),
    "delete": lambda store: store.delete_many(["k"]),
    "copy": lambda store: store.copy("k", "l"),
}


@asynccontextmanager
async def opened(config: StorageConfig) -> Any:
    store = MinioStore(replace(config, retry_seconds=PATIENT))
    try:
        yield store
    finally:
        await store.aclose()


async def refusal(config: StorageConfig, verb: str) -> CheckpointError:
    async with opened(config) as store:
        with pytest.raises(CheckpointError) as caught:
            await CALLS[verb](store)
    return caught.value


@pytest.fixture(params=["s3_server", "minio_server"])
def strict_server(request: pytest.FixtureRequest) -> S3Server:
    """The servers that look at credentials."""
    server: S3Server = request.getfixturevalue(request.param)
    return server


MISSING_BUCKETS = [
    *(("minio_server", verb) for verb in CALLS),
    # SeaweedFS makes the bucket for an administrator who writes to it.
    *(("s3_server", verb) for verb in CALLS if verb != "put"),
]


@pytest.mark.parametrize(("server", "verb"), MISSING_BUCKETS)
async def test_a_missing_bucket_is_named(request: pytest.FixtureRequest, server: str, verb: str) -> None:
    bucket = f"no-such-bucket-{uuid.uuid4().hex[:8]}"
    error = await refusal(request.getfixturevalue(server).storage(bucket=bucket), verb)
    assert isinstance(error, StorageRefused)
    assert f"'{bucket}' does not exist" in str(error)
    assert "StorageConfig.bucket" in str(error)


@pytest.mark.parametrize("verb", CALLS)
async def test_an_unknown_access_key_and_a_wrong_secret_are_told_apart(
    strict_server: S3Server, verb: str
) -> None:
    good = strict_server.storage()
    error = await refusal(replace(good, credentials=Credentials("nobody", "something")), verb)
    assert isinstance(error, StorageRefused)
    assert "does not know the access key" in str(error)
    error = await refusal(replace(good, credentials=Credentials(ACCESS_KEY, "something")), verb)
    assert isinstance(error, StorageRefused)
    assert "secret key does not belong" in str(error)
    assert "something" not in str(error)


async def test_a_bucket_that_may_only_be_read_names_the_missing_right(minio_server: S3Server) -> None:
    good, reader = minio_server.storage(), Credentials("reader", "reader-secret")
    admin = MinioAdmin(endpoint=good.host, credentials=StaticProvider(ACCESS_KEY, SECRET_KEY), secure=False)
    admin.user_add(reader.access_key, reader.secret_key)
    admin.attach_policy(["readonly"], user=reader.access_key)
    async with opened(good) as store:
        await store.put(f"{good.prefix}/k", b"x")
    async with opened(replace(good, credentials=reader)) as store:
        assert await store.get(f"{good.prefix}/k") == b"x"
        with pytest.raises(StorageRefused, match=r"put .*: allow s3:PutObject; .*AccessDenied"):
            await store.put(f"{good.prefix}/l", b"x", if_none_match=True)
        with pytest.raises(StorageRefused, match=r"delete .*: allow s3:DeleteObject"):
            await store.delete_many([f"{good.prefix}/k"])


class _WebServer(BaseHTTPRequestHandler):
    """What a console or a start page is: success and HTML for whatever is asked."""

    protocol_version = "HTTP/1.1"

    def do_any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        page = b"<!doctype html><html><body>Welcome</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    do_GET = do_PUT = do_POST = do_DELETE = do_any  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Silence."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("handler", [_WebServer, BaseHTTPRequestHandler], ids=["says yes", "says 501"])
@pytest.mark.parametrize("verb", CALLS)
async def test_an_endpoint_that_is_no_s3_server_is_named(
    storage: StorageConfig, handler: type[BaseHTTPRequestHandler], verb: str
) -> None:
    with served(handler) as endpoint:
        error = await refusal(replace(storage, endpoint=endpoint), verb)
    assert isinstance(error, MisconfiguredStore)
    assert f"{endpoint} does not answer as an S3 server does" in str(error)
    assert "StorageConfig.endpoint" in str(error)


async def test_tls_to_a_plain_port_is_told(storage: StorageConfig) -> None:
    error = await refusal(replace(storage, endpoint=storage.endpoint.replace("http:", "https:")), "list")
    assert isinstance(error, MisconfiguredStore)
    assert "does not speak TLS; write http://" in str(error)


async def test_plain_words_to_a_tls_port_are_told(storage: StorageConfig) -> None:
    """As Go's servers say it: MinIO, SeaweedFS and most proxies of clusters."""
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    with fault_proxy(storage.endpoint) as plan:
        plan.add("LIST", Made(400, said, {"Content-Type": "text/plain"}))
        error = await refusal(replace(storage, endpoint=plan.endpoint), "list")
    assert isinstance(error, MisconfiguredStore)
    assert "https:// if that speaks TLS" in str(error)
    assert said.decode().strip() in str(error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 in one file, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=s3"]
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *name, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both


async def test_a_certificate_of_ones_own_is_refused_until_its_authority_is_named(
    storage: StorageConfig, certificate: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with fault_proxy(storage.endpoint, tls=tls) as plan:
        over_tls = replace(storage, endpoint=plan.endpoint, attempt_seconds=1.0)
        error = await refusal(over_tls, "list")
        assert isinstance(error, MisconfiguredStore)
        assert "is not trusted" in str(error)
        assert "StorageConfig.ca_file" in str(error)
        error = await refusal(replace(over_tls, ca_file="/nowhere.pem"), "list")
        assert isinstance(error, MisconfiguredStore)
        assert "ca_file" in str(error)
        async with opened(replace(over_tls, ca_file=str(certificate))) as store:
            plan.add("PUT", "drip")  # an attempt can be cut over TLS too
            await store.put(f"{storage.prefix}/k", b"x")
            assert await store.get(f"{storage.prefix}/k") == b"x"


async def test_a_host_without_an_address_is_named(storage: StorageConfig) -> None:
    store = MinioStore(replace(storage, endpoint="http://nowhere.invalid:9000", retry_seconds=0.3))
    with pytest.raises(StorageUnavailable, match=r"nowhere\.invalid.* list k"):
        await store.list("k")
    await store.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        Made(
            301,
            b"<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.example</Endpoint></Error>",
            {"Content-Type": "application/xml", "x-amz-bucket-region": "eu-west-1"},
        ),
        Made(
            307,
            b"<Error><Code>TemporaryRedirect</Code></Error>",
            {
                "Content-Type": "application/xml",
                "x-amz-bucket-region": "eu-west-1",
                "Location": "http://127.0.0.1:9/",  # not followed: the signature holds for one host
            },
        ),
        Made(
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message>"
            b"<Region>eu-west-1</Region></Error>",
        ),
    ],
    ids=["permanent redirect", "temporary redirect", "signature"],
)
async def test_a_bucket_in_another_region_names_it(storage: StorageConfig, answer: Made) -> None:
    with fault_proxy(storage.endpoint) as plan:
        plan.add("PUT", answer)
        error = await refusal(replace(storage, endpoint=plan.endpoint), "put")
    assert isinstance(error, MisconfiguredStore)
    assert "StorageConfig.region to 'eu-west-1'" in str(error)


async def test_a_clock_that_is_wrong_is_named(storage: StorageConfig) -> None:
    with fault_proxy(storage.endpoint) as plan:
        plan.add("GET", Made(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>"))
        error = await refusal(replace(storage, endpoint=plan.endpoint), "get")
    assert isinstance(error, StorageRefused)
    assert "clock" in str(error)


async def test_a_store_that_ignores_conditions_is_refused_before_anything_is_kept_there(
    storage: StorageConfig,
) -> None:
    with fault_proxy(storage.endpoint) as plan:
        plan.add("PUT", *repeat(IGNORED, 20))
        async with ObjectStoreSaver.from_config(replace(storage, endpoint=plan.endpoint)) as saver:
            with pytest.raises(MisconfiguredStore, match="If-None-Match"):
                await saver.aopen("t", fence=1, owner="run")


async def test_a_closed_store_says_so(storage: StorageConfig) -> None:
    store = MinioStore(storage)
    await store.aclose()
    await store.aclose()
    with pytest.raises(CheckpointError, match="closed"):
        await store.get("k")
