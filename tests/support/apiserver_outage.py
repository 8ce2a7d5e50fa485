"""The cluster's own API server away: killed and brought back as `up` does it, or frozen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from graphrun_devcluster.faults import Faults
from graphrun_devcluster.stack.installing import cluster_name
from support.kube_access import KubeAccess
from support.waiting import eventually

_PART = "kube-apiserver"


@asynccontextmanager
async def apiserver_killed(access: KubeAccess) -> AsyncIterator[None]:
    """SIGKILL; whoever comes meanwhile finds nobody. At the end it is started again, with etcd as it is."""
    faults = Faults(cluster_name())
    faults.kill_part(_PART)
    try:
        yield
    finally:
        await asyncio.to_thread(faults.revive_part, _PART)
        await _until_it_answers(access)


@asynccontextmanager
async def apiserver_frozen(access: KubeAccess) -> AsyncIterator[None]:
    """SIGSTOP: connections stay open, and nothing answers."""
    faults = Faults(cluster_name())
    with faults.frozen_process(faults.part(_PART)):
        yield
    await _until_it_answers(access)


async def _until_it_answers(access: KubeAccess) -> None:
    async def answers() -> bool:
        try:
            return (await access.send("GET", "/readyz")).is_success
        except httpx.TransportError:
            return False

    await eventually(answers, seconds=60, what="the API server is ready")
