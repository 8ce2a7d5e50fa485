"""Watches that fall silent, are cut, are told that their place is gone; an API server that is away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_operator.handlers import INACTIVITY_SECONDS
from graphrun_operator.resync import PERIOD
from support.apiserver_proxy import ApiServerProxy, apiserver_proxy
from support.controlplane import fresh_namespace
from support.nodeless import Json, Nodeless, nodeless
from support.operator_process import OperatorProcess
from support.waiting import eventually

KINDS = 4


@dataclass(frozen=True)
class Behind:
    """An operator behind a proxy."""

    proxy: ApiServerProxy
    operator: OperatorProcess


@pytest.fixture
async def cluster(alone: ControlPlane) -> AsyncIterator[Nodeless]:
    async with nodeless(alone, fresh_namespace(alone)) as cluster:
        await cluster.create_workflow()
        yield cluster
        await cluster.free_lease()


@pytest.fixture
async def behind(alone: ControlPlane, cluster: Nodeless, tmp_path: Path) -> AsyncIterator[Behind]:
    with apiserver_proxy(alone, tmp_path) as proxy:
        operator = OperatorProcess(proxy.kubeconfig, tmp_path / "log")
        try:
            await asyncio.to_thread(operator.start)

            async def watching() -> bool:
                return operator.leads() and proxy.open_watches() == KINDS

            await eventually(watching, seconds=20, what="a leader with its watches")
            # It works, and its watches tell.
            await cluster.create_run("first")
            await cluster.started("first")
            yield Behind(proxy, operator)
        finally:
            operator.kill()


async def job_of(cluster: Nodeless, run: str, seconds: float) -> None:
    async def jobs() -> list[Json]:
        return await cluster.listed("jobs", labelSelector=f"graphrun.dev/run={run}")

    await eventually(jobs, seconds=seconds, what=f"the Job of {run}")


async def test_a_silent_watch_is_opened_anew_long_before_the_next_full_look(
    behind: Behind, cluster: Nodeless
) -> None:
    behind.proxy.silence_open_watches()
    await cluster.create_run("second")
    await job_of(cluster, "second", PERIOD / 2)
    assert behind.operator.metric("graphrun_operator_relists_total") == 0, "it went on where it was"


async def test_a_cut_watch_goes_on_at_once(behind: Behind, cluster: Nodeless) -> None:
    behind.proxy.cut_watches()
    await cluster.create_run("second")
    await job_of(cluster, "second", INACTIVITY_SECONDS - 3)


async def test_what_was_deleted_while_a_watch_had_lost_its_place_is_noticed(
    behind: Behind, cluster: Nodeless
) -> None:
    """After a 410 Kopf lists anew, and tells what there is: not what is not there any more."""
    [pod] = await cluster.listed("pods")
    behind.proxy.faults.watches = "gone in stream"
    behind.proxy.cut_watches()
    await cluster.gone(pod)
    await cluster.ask("first", retries={"limit": 1, "backoffSeconds": 0})

    async def asked_again() -> bool:
        return len(behind.proxy.faults.watches_opened) > 2 * KINDS

    await eventually(asked_again, seconds=10, what="watches that were told 410")
    behind.proxy.faults.heal()
    await cluster.started("first", 2)
    assert behind.operator.metric("graphrun_operator_relists_total") > 0
    assert behind.operator.is_healthy()


async def test_an_api_server_that_was_away_finds_the_leader_at_work(
    behind: Behind, cluster: Nodeless
) -> None:
    behind.proxy.faults.away = True
    behind.proxy.cut_all()
    await cluster.create_run("second")
    await cluster.ask("first", state="Cancelled")
    await asyncio.sleep(6)  # within the lease
    behind.proxy.faults.heal()
    await job_of(cluster, "second", 30)
    await cluster.phase("first", "Cancelling", seconds=5)
    assert behind.operator.is_running()


async def test_a_watch_that_is_refused_for_good_ends_the_process(behind: Behind, cluster: Nodeless) -> None:
    """410 as the answer itself, which Kopf does not take for an invitation to list: the next process lists."""
    behind.proxy.faults.watches = "gone"
    behind.proxy.cut_watches()
    assert await asyncio.to_thread(behind.operator.exit_code, 20) == 1
    told = [line["message"] for line in behind.operator.lines()]
    assert {"lease given back", "operator ends: its watches did"} <= set(told)
    await cluster.create_run("second")
    behind.proxy.faults.heal()
    await asyncio.to_thread(behind.operator.start)
    await job_of(cluster, "second", 30)


async def _later(items: list[str], since: int) -> list[str]:
    return items[since:]


async def test_a_quiet_cluster_is_not_listed_again_and_again(behind: Behind) -> None:
    faults = behind.proxy.faults

    async def opened_anew(since: int) -> list[str]:
        """Each kind every 15 s, where no bookmark came."""
        return await eventually(
            lambda: _later(faults.watches_opened, since), lambda opened: len(opened) >= KINDS, seconds=120
        )

    await opened_anew(len(faults.watches_opened))  # what its start still looked at is over by then
    known = len(faults.listings)
    opened = await opened_anew(len(faults.watches_opened))
    assert len(faults.listings) == known
    assert all("resourceVersion=" in target for target in opened), "from where the last one ended"
    assert behind.operator.is_healthy()
