"""The parts of the installed product, to be broken and healed: each context heals what it broke, whatever happens inside."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from support.kube_access import DEPLOYMENTS, LEASES, PODS, SERVICES, KubeAccess
from support.node_processes import ContainerProcess, frozen_processes, processes_of, signal_all
from support.waiting import eventually

SYSTEM: Final = "graphrun-system"
DEPENDENCIES: Final = "graphrun-deps"
HEAL_SECONDS: Final = 120.0
_NOBODY: Final = {"app": "nobody"}


@dataclass(frozen=True)
class Part:
    """A Deployment of the control plane, or of what it depends on."""

    access: KubeAccess
    name: str
    selector: str

    async def pods(self) -> list[dict[str, Any]]:
        """Its pods that are not on their way out."""
        found = await self.access.items(PODS, self.selector)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def processes(self) -> list[ContainerProcess]:
        """All processes of its containers."""
        uids = {pod["metadata"]["uid"] for pod in await self.pods()}
        return [process for process in processes_of(uids) if not process.is_sandbox]

    async def servers(self) -> list[ContainerProcess]:
        """The first process of each container."""
        return [process for process in await self.processes() if process.is_supervisor]

    async def until_ready(self) -> None:
        """Wait until as many pods as wanted are Ready, each with a process that runs."""
        await eventually(self._is_ready, seconds=HEAL_SECONDS, what=f"{self.name} is ready")

    async def scale(self, replicas: int) -> int:
        """Set the number of replicas, until `unscale`; the number before."""
        deployment = await self.access.get(DEPLOYMENTS, self.name)
        assert deployment, f"there is no Deployment {self.name}"
        before: int = deployment["spec"]["replicas"]
        await self.access.change(DEPLOYMENTS, self.name, {"spec": {"replicas": replicas}})
        return before

    async def unscale(self, replicas: int) -> None:
        """Set it back, and wait until it is so."""
        await self.access.restore(DEPLOYMENTS, self.name, {"spec": {"replicas": replicas}})
        await self.until_ready()

    async def _is_ready(self) -> bool:
        deployment = await self.access.get(DEPLOYMENTS, self.name)
        pods = await self.pods()
        wanted = deployment["spec"]["replicas"] if deployment else 1
        return len(pods) == wanted and all(map(_pod_is_ready, pods))


def _pod_is_ready(pod: dict[str, Any]) -> bool:
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", [])}
    runs = any(process.is_supervisor for process in processes_of({pod["metadata"]["uid"]}))
    return conditions.get("Ready") == "True" and runs


@dataclass(frozen=True)
class Parts:
    """All of them."""

    operator: Part
    api: Part
    postgres: Part
    storage: Part


def parts_of(access: KubeAccess) -> Parts:
    """The parts of the product that is installed on the cluster."""
    system, dependencies = access.of(SYSTEM), access.of(DEPENDENCIES)
    return Parts(
        operator=Part(system, "graphrun-operator", "app.kubernetes.io/component=operator"),
        api=Part(system, "graphrun-api", "app.kubernetes.io/component=api"),
        postgres=Part(dependencies, "postgres", "app=postgres"),
        storage=Part(dependencies, "s3", "app=s3"),
    )


async def leader(part: Part) -> list[ContainerProcess]:
    """The operator that leads, by the holder of its Lease; the only one there is, where there is no Lease."""
    lease = await part.access.get(LEASES, part.name)
    holder = (lease or {}).get("spec", {}).get("holderIdentity", "")
    pods = [pod["metadata"] for pod in await part.pods()]
    led = {meta["uid"] for meta in pods if not holder or holder.startswith(meta["name"])}
    return [process for process in await part.servers() if process.pod_uid in led]


@asynccontextmanager
async def frozen(part: Part, chosen: list[ContainerProcess] | None = None) -> AsyncIterator[None]:
    """Stop its processes where they are: connections stay open and nothing answers. Those `chosen`, or all."""
    held = await part.processes() if chosen is None else chosen
    assert held, f"{part.name} has no process to freeze"
    try:
        with frozen_processes(held):
            yield
    finally:
        await part.until_ready()


@asynccontextmanager
async def killed(part: Part, chosen: list[ContainerProcess] | None = None) -> AsyncIterator[None]:
    """Kill its servers; the kubelet starts them again."""
    victims = await part.servers() if chosen is None else chosen
    assert victims, f"{part.name} has no process to kill"
    signal_all(victims, signal.SIGKILL)
    try:
        yield
    finally:
        await eventually(
            lambda: _others(part, victims), seconds=HEAL_SECONDS, what=f"{part.name} is restarted"
        )
        await part.until_ready()


async def _others(part: Part, victims: list[ContainerProcess]) -> bool:
    gone = {victim.identity for victim in victims}
    servers = await part.servers()
    return bool(servers) and not any(server.identity in gone for server in servers)


@asynccontextmanager
async def scaled_away(part: Part) -> AsyncIterator[None]:
    """No replica at all, and at once; only for parts that keep nothing."""
    servers = await part.servers()
    before = await part.scale(0)
    signal_all(servers, signal.SIGKILL)
    try:
        await eventually(lambda: _is_gone(part), seconds=HEAL_SECONDS, what=f"{part.name} is gone")
        yield
    finally:
        await part.unscale(before)


async def _is_gone(part: Part) -> bool:
    return not await part.access.items(PODS, part.selector)


@asynccontextmanager
async def cut_off(part: Part) -> AsyncIterator[None]:
    """Killed, and unreachable when it is back: connections are refused. Its data stay, unlike with no replica."""
    service = await part.access.get(SERVICES, part.name)
    assert service, f"there is no Service {part.name}"
    selector = service["spec"]["selector"]
    await part.access.change(SERVICES, part.name, {"spec": {"selector": _NOBODY}})
    try:
        async with killed(part):
            yield
    finally:
        await part.access.restore(SERVICES, part.name, {"spec": {"selector": selector}})


@asynccontextmanager
async def several(part: Part, replicas: int) -> AsyncIterator[None]:
    """At least so many replicas."""
    before = await part.scale(replicas)
    try:
        await part.until_ready()
        yield
    finally:
        await part.unscale(before)
