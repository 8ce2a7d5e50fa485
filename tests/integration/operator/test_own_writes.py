"""What is written passes by the lease, whoever wants to write it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from graphrun_operator.cluster import PODS, RUNS, ApiServer, connect
from graphrun_operator.echoes import Echoes
from graphrun_operator.errors import LeadershipLost, NotLeading
from graphrun_operator.leadership import Leadership, LeaseTimes
from graphrun_operator.own_writes import OwnWrites
from support.nodeless import Json, Nodeless
from support.waiting import eventually

SHORT = LeaseTimes(duration=2, renew_deadline=1.0, retry=0.2)


@pytest.fixture
async def server(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    server = await connect({"KUBECONFIG": str(plane.kubeconfig)})
    yield server
    await server.close()


def candidate(server: ApiServer, cluster: Nodeless, identity: str) -> Leadership:
    return Leadership(server, namespace=cluster.namespace, name="lease", identity=identity, times=SHORT)


WRITES: dict[str, Callable[[OwnWrites, str], Awaitable[Json]]] = {
    "create": lambda writes, space: writes.create(RUNS, space, {}),
    "patch": lambda writes, space: writes.patch(RUNS, space, "run", {"spec": {"state": "Cancelled"}}),
    "patch status": lambda writes, space: writes.patch_status(RUNS, space, "run", {"status": {"phase": "x"}}),
    "delete": lambda writes, space: writes.delete(RUNS, space, "run", {}),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("case", ["never led", "was frozen", "has given back"])
async def test_only_a_leader_writes(server: ApiServer, cluster: Nodeless, case: str, write: str) -> None:
    await cluster.create_run("run", state="Pending")
    leadership = candidate(server, cluster, "one")
    if case != "never led":
        await leadership.acquire()
        assert leadership.holds
    if case == "has given back":
        await leadership.release()
    if case == "was frozen":  # its lease is not renewed, and nothing but time tells it

        async def holds() -> bool:
            return leadership.holds

        await eventually(holds, lambda held: not held, seconds=5, what="a lease too old")
    writes = OwnWrites(server, leadership, Echoes())
    with pytest.raises(NotLeading):
        await WRITES[write](writes, cluster.namespace)
    found = await writes.get(RUNS, cluster.namespace, "run")
    assert found["spec"]["state"] == "Pending"
    assert (await writes.list(PODS, cluster.namespace)).items == []


async def test_a_leader_writes_and_the_watch_owes_it(server: ApiServer, cluster: Nodeless) -> None:
    now = 0.0
    await cluster.create_run("run", state="Pending")
    leadership, echoes = candidate(server, cluster, "one"), Echoes(lambda: now)
    await leadership.acquire()
    writes = OwnWrites(server, leadership, echoes)
    await writes.patch(RUNS, cluster.namespace, "run", {"spec": {"state": "Cancelled"}})
    now = 60.0
    assert echoes.overdue() == [RUNS.plural]


async def test_a_lease_given_back_is_taken_at_once_and_its_old_holder_does_not_renew_it(
    server: ApiServer, cluster: Nodeless
) -> None:
    one, two = candidate(server, cluster, "one"), candidate(server, cluster, "two")
    await one.acquire()
    await one.release()
    await two.acquire()
    await one.keep()  # ends by itself
    assert two.holds
    lease = await cluster.call(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{cluster.namespace}/leases/lease"
    )
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("two", 1)


async def test_a_lease_that_somebody_removed_is_made_again_and_one_whose_labels_were_changed_is_kept(
    server: ApiServer, cluster: Nodeless
) -> None:
    leadership = candidate(server, cluster, "one")
    await leadership.acquire()
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{cluster.namespace}/leases/lease"
    await cluster.call("PATCH", lease, {"metadata": {"labels": {"a": "b"}}}, "merge-patch+json")
    await leadership._renew()
    await cluster.call("DELETE", lease)
    await leadership._renew()
    assert (await cluster.call("GET", lease))["spec"]["holderIdentity"] == "one"
    await cluster.call("PATCH", lease, {"spec": {"holderIdentity": "two"}}, "merge-patch+json")
    with pytest.raises(LeadershipLost, match="held by two"):
        await leadership.keep()
    assert not leadership.holds
