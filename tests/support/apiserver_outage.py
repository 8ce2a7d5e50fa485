"""The cluster's own API server away: killed and brought back as `up` does it, or frozen."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from graphrun_devcluster.processes.identity import ProcessIdentity, send_signal
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import choose_cluster
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.stack.installing import cluster_name
from support.kube_access import KubeAccess
from support.waiting import eventually


@asynccontextmanager
async def apiserver_killed(access: KubeAccess) -> AsyncIterator[None]:
    """SIGKILL; whoever comes meanwhile finds nobody. At the end it is started again, with etcd as it is."""
    send_signal(_apiserver(), signal.SIGKILL)
    try:
        yield
    finally:
        await asyncio.to_thread(choose_cluster(cluster_name(), Progress()).up)
        await _until_it_answers(access)


@asynccontextmanager
async def apiserver_frozen(access: KubeAccess) -> AsyncIterator[None]:
    """SIGSTOP: connections stay open, and nothing answers."""
    process = _apiserver()
    send_signal(process, signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(process, signal.SIGCONT)
        await _until_it_answers(access)


def _apiserver() -> ProcessIdentity:
    layout = Layout(cluster_name())
    record = Ledger(layout.processes, layout.logs).record("kube-apiserver")
    assert record, "kube-apiserver does not run as a process of a local cluster"
    return record.identity


async def _until_it_answers(access: KubeAccess) -> None:
    async def answers() -> bool:
        try:
            return (await access.send("GET", "/readyz")).is_success
        except httpx.TransportError:
            return False

    await eventually(answers, seconds=60, what="the API server is ready")
