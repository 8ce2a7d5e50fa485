"""Two replicas: one leads and the other stands by, whatever becomes of the first."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_operator.leadership import LeaseTimes
from support.apiserver_proxy import apiserver_proxy
from support.controlplane import fresh_namespace
from support.handover import hand_over_seconds
from support.nodeless import Json, Nodeless, nodeless
from support.operator_process import OperatorProcess
from support.waiting import eventually

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/graphrun-operator"
# For tests in which the times of the lease are not what is tested.
SHORT = {
    "GRAPHRUN_LEASE_SECONDS": "3",
    "GRAPHRUN_LEASE_RENEW_SECONDS": "2",
    "GRAPHRUN_LEASE_RETRY_SECONDS": "0.5",
}


@dataclass(frozen=True)
class Pair:
    leader: OperatorProcess
    standby: OperatorProcess


@contextmanager
def two_replicas(plane: ControlPlane, folder: Path, **settings: str) -> Iterator[Pair]:
    """Two that are healthy; the first leads."""
    with ExitStack() as stack:
        replicas = []
        for name in ("one", "two"):
            replica = OperatorProcess(plane.kubeconfig, folder / name, **settings)
            stack.callback(replica.kill)
            replica.start()
            replicas.append(replica)
        yield Pair(*replicas)


@pytest.fixture
async def cluster(alone: ControlPlane) -> AsyncIterator[Nodeless]:
    async with nodeless(alone, fresh_namespace(alone)) as cluster:
        await cluster.create_workflow()
        yield cluster
        if (await cluster._http.get(LEASE)).is_success:
            await cluster.free_lease()


async def leads(replica: OperatorProcess, seconds: float = 10) -> None:
    async def look() -> bool:
        return replica.leads()

    await eventually(look, seconds=seconds, what="leadership")


async def test_only_the_leader_writes_and_the_standby_is_healthy(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    with two_replicas(alone, tmp_path) as pair:
        await leads(pair.leader)
        for number in range(3):
            await cluster.create_run(f"run-{number}")
            pod = await cluster.started(f"run-{number}")
            await cluster.report(f"run-{number}", "Succeeded")
            await cluster.phase(f"run-{number}", "Succeeded")
            await cluster.gone(pod)
        assert pair.leader.metric("graphrun_operator_attempts_total") == 3
        assert not pair.standby.leads()
        assert pair.standby.is_healthy()
        assert "graphrun_operator_writes_total{" not in pair.standby.metrics()
        assert pair.standby.metric("graphrun_operator_reconcile_seconds_count") == 0


async def test_a_killed_leader_is_followed_within_twenty_seconds(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    with two_replicas(alone, tmp_path) as pair:
        await leads(pair.leader)
        await cluster.create_run("live")
        await cluster.started("live")

        async def kill() -> None:
            pair.leader.kill()

        assert await hand_over_seconds(cluster, kill) < 20
        await cluster.report("live", "Succeeded")
        await cluster.phase("live", "Succeeded", seconds=2)


async def test_sigterm_hands_over_long_before_the_lease_runs_out(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    with two_replicas(alone, tmp_path) as pair:
        await leads(pair.leader)
        ended: list[tuple[int, float]] = []

        async def stop() -> None:
            stopping.append(asyncio.create_task(asyncio.to_thread(lambda: ended.append(pair.leader.stop()))))

        stopping: list[asyncio.Task[None]] = []
        assert await hand_over_seconds(cluster, stop) < LeaseTimes().duration / 2
        await asyncio.gather(*stopping)
        [(code, seconds)] = ended
        assert code == 0, pair.leader.logs()
        assert seconds < LeaseTimes().duration / 2
        assert [line["message"] for line in pair.leader.lines()][-2:] == [
            "lease given back",
            "operator stopped",
        ]


async def test_a_frozen_leader_that_wakes_up_writes_nothing_and_ends(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    with two_replicas(alone, tmp_path, **SHORT) as pair:
        await leads(pair.leader)
        await cluster.create_run("cancelled")
        await cluster.create_run("retried", retries={"limit": 1, "backoffSeconds": 1})
        pods = {name: await cluster.started(name) for name in ("cancelled", "retried")}
        known = len(pair.leader.lines())
        # It has been told of both, and has not acted: the two meet it when it wakes up.
        pair.leader.freeze()
        await cluster.ask("cancelled", state="Cancelled")
        await cluster.gone(pods["retried"])
        await leads(pair.standby)
        await cluster.report("cancelled", None)
        await cluster.phase("cancelled", "Cancelled")
        await cluster.started("retried", 2)
        before = [await cluster.run(name) for name in pods]
        pair.leader.thaw()
        assert await asyncio.to_thread(pair.leader.exit_code, 10) == 1
        told = [line["message"] for line in pair.leader.lines()[known:]]
        assert told[-1] == "operator ends: it does not lead any more"
        assert not {"phase changed", "job created", "pod deletion asked for"} & set(told)
        assert [await cluster.run(name) for name in pods] == before
        assert len(await cluster.listed("jobs", labelSelector="graphrun.dev/run=retried")) <= 2


@pytest.mark.usefixtures("cluster")
async def test_a_leader_without_the_api_server_ends_before_its_lease_does(
    alone: ControlPlane, tmp_path: Path
) -> None:
    with apiserver_proxy(alone, tmp_path) as proxy:
        replica = OperatorProcess(proxy.kubeconfig, tmp_path / "log", **SHORT)
        try:
            await asyncio.to_thread(replica.start)
            await leads(replica)
            proxy.faults.away = True
            proxy.cut_all()
            assert await asyncio.to_thread(replica.exit_code, 5) == 1
            assert "was not renewed within 2 s" in replica.lines()[-1]["problem"]
        finally:
            replica.kill()


async def test_a_lease_taken_away_ends_the_leader(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    with two_replicas(alone, tmp_path) as pair:
        await leads(pair.leader)
        await cluster.call("PATCH", LEASE, {"spec": {"holderIdentity": "somebody"}}, "merge-patch+json")
        assert await asyncio.to_thread(pair.leader.exit_code, 5) == 1
        assert "is held by somebody" in pair.leader.lines()[-1]["problem"]


async def test_a_lease_is_judged_by_when_it_was_seen_to_change_not_by_the_time_in_it(
    alone: ControlPlane, cluster: Nodeless, tmp_path: Path
) -> None:
    """Its holder's clock is wrong by years, and it renews: it leads. Then it stops."""

    def lease(second: int) -> Json:
        renewed = f"2001-01-01T00:00:{second:02d}.000000Z"
        return {"holderIdentity": "elsewhere", "leaseDurationSeconds": 3, "renewTime": renewed}

    manifest = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "graphrun-operator"},
        "spec": lease(0),
    }
    await cluster.call("POST", LEASE.rpartition("/")[0], manifest)
    replica = OperatorProcess(alone.kubeconfig, tmp_path / "log", **SHORT)
    try:
        await asyncio.to_thread(replica.start)
        for second in range(1, 4):
            await asyncio.sleep(1.5)
            assert not replica.leads()
            await cluster.call("PATCH", LEASE, {"spec": lease(second)}, "merge-patch+json")
        await leads(replica, seconds=5)
        found = await cluster.call("GET", LEASE)
        assert found["spec"]["leaseTransitions"] == 1, json.dumps(found["spec"])
    finally:
        replica.kill()
