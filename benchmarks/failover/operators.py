"""Takes the leading operator away, and times the next decision that comes true."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.cluster.site import Site
from benchmarks.failover.system import Pod, pods_of, program_of, remove_pod, until_whole
from graphrun_devcluster.faults import Faults
from graphrun_devcluster.processes.identity import ProcessIdentity, send_signal
from graphrun_devcluster.stack.names import SYSTEM_NAMESPACE
from support.waiting import eventually

DEPLOYMENT = "graphrun-operator"
LEASE = "graphrun-operator"
DECISION_SECONDS = 120
LEADER_SECONDS = 60
LEASE_SECONDS = 2


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
    leader = await settled_leader(site)
    old, program = await holder(site), program_of(site, leader)
    began = time.monotonic()
    FAULTS[fault](faults, program)
    following = asyncio.create_task(_lease_moves(site, old, began), name="lease")
    run = await site.kube.create_run("blocking", site.name("probe"))
    try:
        decided = await site.jobs.until(f"{run}-1", lambda _: True, DECISION_SECONDS)
        # A new leader has the Lease before it decides anything: it has moved by now, or never will.
        lease = await asyncio.wait_for(following, LEASE_SECONDS) if old is not None else None
    except TimeoutError:
        lease = None
    finally:
        following.cancel()
        faults.thaw_all()
        await remove_pod(site, leader)  # else its container's restarts are put off longer and longer
        await site.kube.patch_run(run, state="Cancelled")
    return HandOver(decided - began, lease)


async def settled_leader(site: Site) -> Pod:
    """Wait until all operators are Ready, and return the one that holds the Lease."""
    await until_whole(site, "operator")
    found = await eventually(
        lambda: leading_pods(site),
        lambda pods: len(pods) == 1,
        seconds=LEADER_SECONDS,
        what="one operator leads",
    )
    return found[0]


async def leading_pods(site: Site) -> list[Pod]:
    """Return the pod that holds the Lease, if it is there; all where there is no Lease."""
    name = await holder(site)
    return [pod for pod in await pods_of(site, "operator") if name is None or name.startswith(f"{pod.name}_")]


async def holder(site: Site) -> str | None:
    """Return who holds the Lease; None where there is none."""
    text = await asyncio.to_thread(
        site.tools.kubectl,
        *("get", "lease", LEASE, f"--namespace={SYSTEM_NAMESPACE}", "--ignore-not-found", "--output=json"),
    )
    lease: dict[str, Any] = json.loads(text) if text else {}
    found = lease.get("spec", {}).get("holderIdentity")
    return str(found) if found is not None else None


async def _lease_moves(site: Site, old: str | None, began: float) -> float:
    """Return the seconds until another one holds the Lease."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/{LEASE}"
    while True:
        found = str((await site.kube.call("GET", path)).get("spec", {}).get("holderIdentity") or "")
        if found and found != old:
            return time.monotonic() - began
        await asyncio.sleep(0.05)
