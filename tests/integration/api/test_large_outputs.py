"""Outputs that are handed on from storage: in a little memory, in ranges, and never a part as if it were the whole."""

import dataclasses
import socket
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from graphrun_checkpoints import MinioStore, StorageConfig
from graphrun_core import storage_keys
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import Api, Project, Rest, now, rest_of, runner_of, running_api, settings_for
from support.fault_proxy import FaultPlan, Made, fault_proxy

Keep = Callable[[bytes], Awaitable[str]]
MIB = 1 << 20
REFUSED = Made(403, b"<Error><Code>AccessDenied</Code></Error>")
PLAIN = {"Accept-Encoding": "identity"}
GZIPPED = {"Accept-Encoding": "gzip"}


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.fixture
async def store(storage: StorageConfig) -> AsyncIterator[MinioStore]:
    """With patience: what is stored here is large."""
    store = MinioStore(dataclasses.replace(storage, retry_seconds=120))
    yield store
    await store.aclose()


@pytest.fixture
def keep(rest: Rest, api: Api, project: Project, store: MinioStore) -> Keep:
    """Makes a run that has left these bytes as its output; answers its id."""

    async def made(output: bytes) -> str:
        run = await rest.create(params={"execute": "true"})
        key = await key_of(project, store, run)
        await store.put(key, output)
        async with runner_of(api, project, await project.pod_for(run)) as runner:
            await runner.claimed()
            outcome = {"result": "Succeeded", "exitCode": 0, "outputRef": key}
            await runner.report(stopped=True, outcome=outcome)
        await project.status(run, phase="Succeeded", attempt=1, completionTime=now())
        await rest.until_status(run, "COMPLETED")
        return run

    return made


async def key_of(project: Project, store: MinioStore, run: str) -> str:
    uid = (await project.run(run))["metadata"]["uid"]
    return storage_keys.output_key(store.config.prefix, uid, 1)


def json_of(size: int) -> bytes:
    """JSON that no compression makes small."""
    return b'"' + (uuid.uuid4().hex * (size // 32 + 1)).encode()[: size - 2] + b'"'


@asynccontextmanager
async def reading(rest: Rest, run: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """An open answer, of which the client's kernel keeps little: else it would take all of it before it is read."""
    small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)]
    transport = httpx.AsyncHTTPTransport(socket_options=small)
    url = f"{rest.http.base_url}/api/projects/{rest.project.name}/workflows/runs/{run}/output"
    sent = {"Authorization": f"Bearer {rest.token}", **headers}
    async with (
        httpx.AsyncClient(transport=transport, timeout=120) as http,
        http.stream("GET", url, headers=sent) as answer,
    ):
        yield answer


@pytest.mark.parametrize("headers", [PLAIN, GZIPPED], ids=["plain", "gzipped"])
async def test_an_output_of_64_mib_passes_through_a_few_mib_of_memory(
    rest: Rest, keep: Keep, headers: dict[str, str]
) -> None:
    run = await keep(json_of(64 * MIB))
    read = 0
    tracemalloc.start()
    try:
        async with reading(rest, run, headers) as answer:
            assert answer.status_code == 200, answer.headers
            async for piece in answer.aiter_bytes():
                read += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert read == 64 * MIB
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers.get("content-length") == str(read)) == (headers is PLAIN)
    # Server, client and this test are one process. As a whole it would be 64 MiB in each.
    assert peak < 16 * MIB


async def test_ranges_and_the_size_are_told(rest: Rest, keep: Keep) -> None:
    output = json_of(3 * MIB)
    run = await keep(output)
    size = len(output)

    head = await rest.send("HEAD", f"/runs/{run}/output", headers=PLAIN)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)
    assert head.headers["accept-ranges"] == "bytes"
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        (f"bytes={MIB - 5}-{2 * MIB + 4}", MIB - 5, 2 * MIB + 5),
        (f"bytes={2 * MIB}-", 2 * MIB, size),
        ("bytes=-7", size - 7, size),
        (f"bytes={size - 1}-{size + 50}", size - 1, size),
    ):
        # Also for who takes gzip: a range is one of the bytes as they are stored.
        part = await rest.send("GET", f"/runs/{run}/output", headers={"Range": asked})
        assert part.status_code == 206, asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.content == output[start:end]
    for ignored in ("bytes=5-4", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b"):
        whole = await rest.send("GET", f"/runs/{run}/output", headers={"Range": ignored})
        assert (whole.status_code, whole.content) == (200, output), ignored
    conditional = await rest.send(
        "GET", f"/runs/{run}/output", headers={"Range": "bytes=0-0", "If-Range": '"x"'}
    )
    assert (conditional.status_code, conditional.content) == (200, output)
    problem = await rest.refused(416, "GET", f"/runs/{run}/output", headers={"Range": f"bytes={size}-"})
    assert problem["type"] == "/problems/range-unsatisfiable"


async def test_small_outputs_have_ranges_too(rest: Rest, api: Api, project: Project) -> None:
    run = await rest.create(params={"execute": "true"})
    async with runner_of(api, project, await project.pod_for(run)) as runner:
        await runner.claimed()
        await runner.report(stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "output": [1, 2]})
    await project.status(run, phase="Succeeded", attempt=1, completionTime=now())
    await rest.until_status(run, "COMPLETED")

    part = await rest.send("GET", f"/runs/{run}/output", headers={"Range": "bytes=1-1"})

    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"1", "bytes 1-1/6")
    assert (await rest.send("HEAD", f"/runs/{run}/output")).headers["content-length"] == "6"


async def read_while(
    rest: Rest, run: str, headers: dict[str, str], happens: Callable[[], Awaitable[None]]
) -> bytes:
    """The output, to the rest of which something happens once its first bytes are here."""
    async with reading(rest, run, headers) as answer:
        pieces = answer.aiter_bytes()
        read = [await anext(pieces)]
        await happens()
        read += [piece async for piece in pieces]
    return b"".join(read)


@pytest.mark.parametrize("headers", [PLAIN, GZIPPED], ids=["plain", "gzipped"])
@pytest.mark.parametrize("becomes", [None, json_of(24 * MIB)], ids=["removed", "another"])
async def test_an_output_that_changes_while_it_is_read_never_looks_whole(
    rest: Rest, store: MinioStore, keep: Keep, headers: dict[str, str], becomes: bytes | None
) -> None:
    run = await keep(json_of(24 * MIB))
    key = await key_of(rest.project, store, run)

    async def change() -> None:
        await (store.delete_many([key]) if becomes is None else store.put(key, becomes))

    with pytest.raises(httpx.RemoteProtocolError):
        await read_while(rest, run, headers, change)


@pytest.fixture
def plan(storage: StorageConfig) -> Iterator[FaultPlan]:
    with fault_proxy(storage.endpoint) as plan:
        yield plan


@pytest.fixture
async def behind_faults(
    plane: ControlPlane, database: str, storage: StorageConfig, plan: FaultPlan, project: Project
) -> AsyncIterator[Rest]:
    """At a replica whose way to storage can be broken."""
    settings = settings_for(database, dataclasses.replace(storage, endpoint=plan.endpoint))
    async with running_api(plane, settings) as api, rest_of(api, project) as rest:
        yield rest


async def test_storage_that_breaks_midway_breaks_the_answer_and_one_that_stumbles_does_not(
    behind_faults: Rest, plan: FaultPlan, keep: Keep
) -> None:
    output = json_of(24 * MIB)
    run = await keep(output)

    plan.add("GET", "cut body short", "answer 503", "reset")
    whole = await behind_faults.send("GET", f"/runs/{run}/output", headers=PLAIN)
    assert whole.content == output

    async def refuse() -> None:
        plan.add("GET", *[REFUSED] * 100)

    with pytest.raises(httpx.RemoteProtocolError):
        await read_while(behind_faults, run, PLAIN, refuse)
    plan.heal()

    plan.add("GET", REFUSED)
    problem = await behind_faults.refused(503, "GET", f"/runs/{run}/output")
    assert problem["type"] == "/problems/storage-unavailable"
