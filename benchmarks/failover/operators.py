"""Takes the leading operator away, and times the next decision that comes true."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.cluster.site import Site
from benchmarks.cluster.watching import TooSlow
from benchmarks.failover.system import Pod, pods_of, program_of, remove_pod
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.faults import Faults
from graphrun_devcluster.processes.identity import ProcessIdentity, send_signal
from graphrun_devcluster.stack.names import SYSTEM_NAMESPACE

DEPLOYMENT = "graphrun-operator"
LEASE = "graphrun-operator"
DECISION_SECONDS = 120


def kill(_: Faults, operator: ProcessIdentity) -> None:
    """SIGKILL."""
    send_signal(operator, signal.SIGKILL)


def terminate(_: Faults, operator: ProcessIdentity) -> None:
    """SIGTERM, as an eviction or a rollout sends it."""
    send_signal(operator, signal.SIGTERM)


def freeze(faults: Faults, operator: ProcessIdentity) -> None:
    """SIGSTOP."""
    faults.freeze_process(operator)


FAULTS: dict[str, Callable[[Faults, ProcessIdentity], None]] = {
    "SIGKILL": kill,
    "SIGTERM": terminate,
    "SIGSTOP": freeze,
}


@dataclass(frozen=True)
class HandOver:
    """Seconds from the fault on.

    Attributes:
        decision: a run created right after the fault has its Job.
        lease: the Lease shows another holder; None where there is no Lease, or the same holder came back.
    """

    decision: float
    lease: float | None


async def hand_over(site: Site, faults: Faults, fault: str) -> HandOver:
    """Break the leader, time the next decision, and mend.

    Raises:
        TooSlow: no operator decided anything within DECISION_SECONDS.
    """
    await site.until_ready(DEPLOYMENT)
    leader = await leading_pod(site)
    program = program_of(site, leader)
    began = time.monotonic()
    FAULTS[fault](faults, program)
    following = asyncio.create_task(_lease_moves(site, leader.name, began), name="lease")
    run = await site.kube.create_run("blocking", site.name("probe"))
    try:
        decided = await site.jobs.until(f"{run}-1", lambda _: True, DECISION_SECONDS)
        # Two operators at most: the Lease has moved before the new leader decided, or never will.
        lease = await asyncio.wait_for(following, 2) if (await holder(site)) is not None else None
    except TimeoutError:
        lease = None
    finally:
        following.cancel()
        faults.thaw_all()
        await remove_pod(site, leader)  # else its container's restarts are put off longer and longer
        await site.kube.patch_run(run, state="Cancelled")
    return HandOver(decided - began, lease)


async def leading_pod(site: Site) -> Pod:
    """Return the pod that holds the Lease; the only one where there is no Lease.

    Raises:
        DevClusterError: several operators and no leader.
    """
    pods = await pods_of(site, "operator")
    name = await holder(site)
    leaders = [pod for pod in pods if name is None or name.startswith(pod.name)]
    if len(leaders) != 1:
        raise DevClusterError(f"operators {[pod.name for pod in pods]}, and the Lease is held by {name!r}")
    return leaders[0]


async def holder(site: Site) -> str | None:
    """Return who holds the Lease; None where there is none."""
    text = await asyncio.to_thread(
        site.tools.kubectl,
        *("get", "lease", LEASE, f"--namespace={SYSTEM_NAMESPACE}", "--ignore-not-found", "--output=json"),
    )
    lease: dict[str, Any] = json.loads(text) if text else {}
    found = lease.get("spec", {}).get("holderIdentity")
    return str(found) if found is not None else None


async def _lease_moves(site: Site, old: str, began: float) -> float:
    """Return the seconds until another one holds the Lease."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/{LEASE}"
    while True:
        found = str((await site.kube.call("GET", path)).get("spec", {}).get("holderIdentity") or "")
        if found and not found.startswith(old):
            return time.monotonic() - began
        await asyncio.sleep(0.05)


__all__ = ["FAULTS", "HandOver", "TooSlow", "hand_over"]
