"""The pods of graphrun itself, and their processes on this machine."""

import asyncio
import json
from dataclasses import dataclass

from benchmarks.cluster.site import ROLLOUT_SECONDS, Site
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.faults import processes_of_pod
from graphrun_devcluster.processes.identity import ProcessIdentity
from graphrun_devcluster.stack.names import SYSTEM_NAMESPACE
from support.waiting import eventually


@dataclass(frozen=True)
class Pod:
    """A pod of graphrun that is Ready."""

    name: str
    uid: str


async def pods_of(site: Site, component: str) -> list[Pod]:
    """Return the pods of a component that are Ready and stay."""
    text = await asyncio.to_thread(
        site.tools.kubectl,
        *("get", "pods", f"--namespace={SYSTEM_NAMESPACE}", "--output=json"),
        f"--selector=app.kubernetes.io/component={component}",
    )
    return [
        Pod(pod["metadata"]["name"], pod["metadata"]["uid"])
        for pod in json.loads(text)["items"]
        if "deletionTimestamp" not in pod["metadata"]
        and {"type": "Ready", "status": "True"}.items()
        <= next((c for c in pod["status"].get("conditions", []) if c["type"] == "Ready"), {}).items()
    ]


async def until_whole(site: Site, component: str) -> None:
    """Wait until a component has as many pods that are Ready as it is to have.

    `Site.until_ready` is not enough right after a pod has gone: the Deployment does not know it yet.
    """
    wanted = await site.replicas(f"graphrun-{component}")
    await eventually(
        lambda: pods_of(site, component),
        lambda pods: len(pods) == wanted,
        seconds=ROLLOUT_SECONDS,
        what=f"{wanted} pods of {component} are Ready",
    )


def program_of(site: Site, pod: Pod) -> ProcessIdentity:
    """Return the first process of a pod's only container.

    Raises:
        DevClusterError: none runs on this machine.
    """
    for process in processes_of_pod(site.cluster, pod.uid):
        if process.inner_pid == 1:
            return process.identity
    raise DevClusterError(f"no process of pod {pod.name} runs on this machine")


async def remove_pod(site: Site, pod: Pod) -> None:
    """Remove a pod; its Deployment makes another one."""
    where = f"--namespace={SYSTEM_NAMESPACE}"
    await asyncio.to_thread(
        site.tools.kubectl, "delete", "pod", pod.name, where, "--ignore-not-found", "--grace-period=1"
    )
