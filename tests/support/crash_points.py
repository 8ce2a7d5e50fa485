"""An operator that is killed at one write after another, with the next one always at hand.

async with relay(plane, folder) as operators:
    operators.arm(3, reached=True)     # the third write from now on is its last
    ...                                # whatever makes it write; meanwhile:
    killed = await operators.replaced()
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from graphrun_devcluster.controlplane import ControlPlane
from support.apiserver_proxy import ApiServerProxy, apiserver_proxy
from support.nodeless import Nodeless
from support.operator_process import OperatorProcess
from support.waiting import eventually


class _Replica:
    """One operator behind a proxy of its own."""

    def __init__(self, proxy: ApiServerProxy, log: Path) -> None:
        self.proxy = proxy
        self.process = OperatorProcess(proxy.kubeconfig, log)


class Relay:
    """A leader, and a standby that takes over as soon as the leader has been killed."""

    def __init__(self, plane: ControlPlane, folder: Path, stack: AsyncExitStack) -> None:
        self._plane, self._folder, self._stack = plane, folder, stack
        self._count = 0
        self.leader = self._begin()
        self._standby = self._begin()

    def _begin(self) -> _Replica:
        self._count += 1
        proxy = self._stack.enter_context(apiserver_proxy(self._plane, self._folder))
        replica = _Replica(proxy, self._folder / f"operator-{self._count}")
        self._stack.callback(replica.process.kill)
        replica.process.start(ready=False)
        return replica

    async def ready(self) -> None:
        """Wait until one leads; the other may still be on its way."""

        async def look() -> bool:
            if self._standby.process.leads():
                self.leader, self._standby = self._standby, self.leader
            return self.leader.process.leads()

        await eventually(look, seconds=40, what="a leader")

    def arm(self, number: int, *, reached: bool) -> None:
        """The leader's `number`-th write from now on is its last; it reaches the API server, or it does not."""
        self.leader.proxy.faults.cut_at(number, reached=reached, then=self.leader.process.kill)

    def disarm(self) -> list[str]:
        """No more of that. Answers the writes that the leader has made since `arm`."""
        self.leader.proxy.faults.heal()
        return list(self.leader.proxy.faults.writes)

    def has_written(self, number: int) -> bool:
        """Whether the leader has begun so many writes since `arm`."""
        return len(self.leader.proxy.faults.writes) >= number

    async def take_over(self, cluster: Nodeless) -> str:
        """Once the leader is killed, let the standby lead. Answers the write at which it was."""

        async def look() -> bool:
            return self.leader.proxy.faults.was_cut.is_set()

        await eventually(look, seconds=120, what="the leader's last write")
        last = self.leader.proxy.faults.writes[-1]
        await cluster.free_lease()
        self.leader, self._standby = self._standby, self._begin()
        return last

    def logs(self) -> str:
        """Of the leader."""
        return self.leader.process.logs()


@asynccontextmanager
async def relay(plane: ControlPlane, folder: Path) -> AsyncIterator[Relay]:
    """Two operators; as many more as are killed."""
    async with AsyncExitStack() as stack:
        operators = Relay(plane, folder, stack)
        await operators.ready()
        yield operators
