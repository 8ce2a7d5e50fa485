"""The operator itself is killed, in a control plane where no other one does its work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.waiting import wait_until
from support.controlplane import apply_crds, fresh_namespace
from support.nodeless import Json, Nodeless, nodeless
from support.operator_process import OperatorProcess, operator_process

QUICK: Json = {"retries": {"limit": 1, "backoffSeconds": 1}}


@pytest.fixture
def alone() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        apply_crds(plane)
        yield plane


async def test_an_operator_that_was_killed_finds_everything_again(
    alone: ControlPlane, tmp_path: Path
) -> None:
    with operator_process(alone, tmp_path / "log") as operator:
        async with nodeless(alone, fresh_namespace(alone)) as cluster:
            await _life_with_a_death(cluster, operator)


async def _life_with_a_death(cluster: Nodeless, operator: OperatorProcess) -> None:
    await cluster.create_workflow()
    for name in ("paused", "done", "lost", "cancelled"):
        await cluster.create_run(name, **QUICK)
    pods = {name: await cluster.started(name) for name in ("paused", "done", "lost", "cancelled")}
    operator.kill()
    await cluster.ask("paused", state="Paused")
    await cluster.report("paused", "Paused", 80)
    await cluster.report("done", "Succeeded")
    await cluster.gone(pods["lost"])
    await cluster.ask("cancelled", state="Cancelled")
    await cluster.call("DELETE", cluster.url("workflowruns", "done"))
    await cluster.create_run("new")
    await cluster.free_lease()
    operator.start()
    await cluster.phase("paused", "Paused")
    await cluster.started("lost", 2)
    await cluster.deletion_of(pods["cancelled"])
    await cluster.exit(pods["cancelled"], 82)
    await cluster.phase("cancelled", "Cancelled")
    await cluster.started("new")


async def test_two_operators_at_once_do_no_harm(alone: ControlPlane, tmp_path: Path) -> None:
    leases = [{"GRAPHRUN_LEASE_NAME": name} for name in ("one", "two")]  # so that both lead
    with (
        operator_process(alone, tmp_path / "one", **leases[0]) as one,
        operator_process(alone, tmp_path / "two", **leases[1]) as two,
    ):
        assert wait_until(lambda: one.leads() and two.leads(), timeout=10)
        async with nodeless(alone, fresh_namespace(alone)) as cluster:
            await cluster.create_workflow()
            for number in range(5):
                await cluster.create_run(f"run-{number}", **QUICK)
            for number in range(5):
                pod = await cluster.started(f"run-{number}")
                await cluster.exit(pod, 1)
            for number in range(5):
                await cluster.started(f"run-{number}", 2)
                await cluster.report(f"run-{number}", "Succeeded")
                status = await cluster.phase(f"run-{number}", "Succeeded")
                assert (status["attempt"], status["failures"]) == (2, 1)
            assert len(await cluster.listed("jobs")) == 10
