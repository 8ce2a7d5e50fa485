"""Runs that are poison for the operator slow no others."""

import asyncio
import base64
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.controlplane import fresh_namespace
from support.nodeless import Json, Nodeless, nodeless
from support.operator_process import OperatorProcess
from support.waiting import eventually

POISONED = 24  # more than the operator has workers
BACKTRACKS: Json = {"properties": {"a": {"pattern": "^(a+)+$"}}}
DOUBLES: Json = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
    "$ref": "#/$defs/d0",
}
ENDLESS: Json = {"allOf": [{"$ref": "#"}]}
# Seconds until a run has its Job; 0.1 on a machine that does nothing else, and as many as there are poisoned runs
# where they hold up others.
BOUND = 5.0


@pytest.fixture
async def healthy(plane: ControlPlane, operator: OperatorProcess) -> AsyncIterator[Nodeless]:
    """A namespace in which all is well."""
    assert operator.is_healthy()
    async with nodeless(plane, fresh_namespace(plane)) as cluster:
        await cluster.create_workflow()
        await cluster.create_workflow("checked", inputSchema={"properties": {"a": {"pattern": "^a+$"}}})
        yield cluster


async def start_times(cluster: Nodeless, prefix: str, workflow: str = "flow", count: int = 6) -> list[float]:
    """Of runs created one after another, the seconds until each has its Job."""
    taken = []
    for number in range(count):
        began = time.monotonic()
        run = f"{prefix}-{number}"
        await cluster.create_run(run, workflow=workflow, input={"a": "aa"})

        async def jobs(run: str = run) -> list[Json]:
            return await cluster.listed("jobs", labelSelector=f"graphrun.dev/run={run}")

        await eventually(jobs, seconds=30, what=f"the Job of {run}")
        taken.append(time.monotonic() - began)
    return taken


@pytest.mark.parametrize("schema", [BACKTRACKS, DOUBLES], ids=["a pattern", "references"])
async def test_a_schema_that_takes_forever_holds_up_nobody(
    cluster: Nodeless, healthy: Nodeless, schema: Json
) -> None:
    await cluster.create_workflow(inputSchema=schema)
    await asyncio.gather(
        *(
            cluster.create_run(f"poison-{number}", input={"a": "a" * (36 + number) + "b"})
            for number in range(POISONED)
        )
    )
    assert max(await start_times(healthy, "plain")) < BOUND
    assert max(await start_times(healthy, "checked", "checked")) < 2 * BOUND
    status = await cluster.phase("poison-0", "Failed", seconds=60)
    assert status["reason"] == "WorkflowInvalid"
    assert "takes longer than 1 s" in status["message"]


async def test_a_schema_without_end_is_refused(cluster: Nodeless, healthy: Nodeless) -> None:
    await cluster.create_workflow(inputSchema=ENDLESS)
    await cluster.create_run("poison", input={"a": 1})
    status = await cluster.phase("poison", "Failed")
    assert status["reason"] == "WorkflowInvalid"
    assert "it has no end" in status["message"]
    assert max(await start_times(healthy, "plain", "checked", 2)) < BOUND


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose connections are taken and never answered."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for each in held:
        each.close()


async def test_passes_that_hang_hold_up_nobody(
    cluster: Nodeless, healthy: Nodeless, plane: ControlPlane
) -> None:
    """An admission webhook hangs over every Job of one namespace."""
    await cluster.create_workflow()
    with black_hole() as port:
        hook = {
            "name": "hangs.example.test",
            "rules": [
                {
                    "apiGroups": ["batch"],
                    "apiVersions": ["v1"],
                    "resources": ["jobs"],
                    "operations": ["CREATE"],
                }
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
            "clientConfig": {
                "url": f"https://127.0.0.1:{port}/",
                "caBundle": base64.b64encode(plane.ca.read_bytes()).decode(),
            },
            "timeoutSeconds": 10,
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": cluster.namespace},
            "webhooks": [hook],
        }
        kind = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        await cluster.call("POST", kind, configuration)
        try:
            await asyncio.gather(*(cluster.create_run(f"poison-{number}") for number in range(POISONED)))
            assert max(await start_times(healthy, "plain", count=20)) < BOUND
        finally:
            await cluster.call("DELETE", f"{kind}/{cluster.namespace}")
    # It heals with its cause.
    await cluster.pod("poison-0", on_node=False)
