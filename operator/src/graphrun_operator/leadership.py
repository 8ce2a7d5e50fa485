"""Who leads: of the replicas, the one that holds a Lease, and renews it. Only it may write.

        free, or not changed for its duration            renewed every RETRY
follow ───────────────────────────────────────▶ lead ────────────────────────▶ lead
                                                 │ not renewed in time, or held by another
                                                 └──────▶ LeadershipLost: the process ends

How long a lease has not changed is measured on this process's own clock, from when it saw the last change: no two
clocks are ever compared.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from graphrun_core import names
from graphrun_operator.cluster import LEASES, Cluster
from graphrun_operator.errors import (
    AlreadyExists,
    ClusterUnavailable,
    Conflict,
    LeadershipLost,
    NotFound,
    OperatorError,
)

Json = dict[str, Any]
_T = TypeVar("_T")
log = logging.getLogger(__name__)

# How soon a free lease is seen by those who wait for it, in seconds.
_FOLLOW_SECONDS: Final = 0.5
# A hand-over in order is not worth more than this, in seconds: the lease runs out by itself. It takes some
# milliseconds, and longer where the API server is busy: the very moment at which nobody should wait for its end.
_RELEASE_SECONDS: Final = 3.0


@dataclass(frozen=True)
class LeaseTimes:
    """In seconds: for how long a lease counts, within what it must be renewed, how often that is tried."""

    duration: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0


class Moment(NamedTuple):
    """One moment on two clocks.

    The monotonic clock stands still while a machine is suspended, and the wall clock may be set back: of the two
    ages of a moment the greater one counts. A wall clock set forward costs a leader its lease, and nothing else.
    """

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> "Moment":
        """This one."""
        return cls(time.monotonic(), time.time())

    def age(self) -> float:
        """How many seconds have passed since."""
        now = Moment.now()
        return max(now.monotonic - self.monotonic, now.wall - self.wall)


class _Seen(NamedTuple):
    """The lease as it was last seen, and since when it has not changed."""

    version: str
    spec: Json
    since: float

    @property
    def holder(self) -> str:
        holder: str = self.spec.get("holderIdentity") or ""
        return holder


class Leadership:
    """Takes, keeps and gives back the Lease `name` in `namespace`, as `identity`."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes = LeaseTimes(),
    ) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self._identity, self._times = identity, times
        self._seen: _Seen | None = None
        self._renewed: Moment | None = None
        # One write to the lease at a time: a renewal under way would make its return a conflict.
        self._writing = asyncio.Lock()
        self._released = False

    @property
    def holds(self) -> bool:
        """Whether this process may write: it leads, and has renewed its lease so lately that no other can."""
        return self._renewed is not None and self._renewed.age() < self._times.renew_deadline

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        while True:
            try:
                if await self._bounded(self._try_to_take):
                    break
            except OperatorError as error:
                log.warning("the lease could not be looked at", extra={"problem": str(error)})
            await asyncio.sleep(self._pause())
        log.info("leading", extra={"lease": self._name, "identity": self._identity})

    async def keep(self) -> None:
        """Renew until cancelled, or until the lease is given back.

        Raises:
            LeadershipLost: another replica leads, or may do so from now on.
        """
        try:
            while True:
                await asyncio.sleep(self._times.retry)
                async with self._writing:
                    if self._released:
                        return
                    await self._renew_in_time()
        except LeadershipLost:
            self._renewed = None
            raise

    async def release(self) -> None:
        """Give the lease back, so that another need not wait for its end. Harmless where it is not held."""
        held, self._released = self.holds, True
        if not held or self._seen is None:
            return
        # As client-go does it: no holder, and a duration that is over at once.
        given_back = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro_time()}
        try:
            async with asyncio.timeout(_RELEASE_SECONDS), self._writing:
                self._renewed = None
                await self._patch(self._seen, given_back)
        except (OperatorError, TimeoutError) as error:
            log.warning("the lease could not be given back", extra={"problem": repr(error)})
        else:
            log.info("lease given back", extra={"lease": self._name})

    # --- following

    def _pause(self) -> float:
        """Until the lease is looked at again: at the latest when it runs out."""
        if self._seen is None:
            return _FOLLOW_SECONDS
        left = self._seen.since + self._duration(self._seen) - time.monotonic()
        return min(_FOLLOW_SECONDS, max(left, 0.01))

    def _duration(self, seen: _Seen) -> float:
        """The duration that its holder has promised to keep within."""
        return float(seen.spec.get("leaseDurationSeconds") or self._times.duration)

    async def _try_to_take(self) -> bool:
        began = Moment.now()
        try:
            seen = self._note(await self._cluster.get(LEASES, self._namespace, self._name))
        except NotFound:
            return await self._create(began)
        free = not seen.holder or seen.holder == self._identity
        if not free and time.monotonic() - seen.since < self._duration(seen):
            return False
        changes = int(seen.spec.get("leaseTransitions") or 0) + 1
        try:
            await self._take(seen, began, {"acquireTime": _micro_time(), "leaseTransitions": changes})
        except Conflict:
            return False
        return True

    async def _create(self, began: Moment) -> bool:
        labels = {names.LABEL_MANAGED_BY: names.OPERATOR_NAME}
        manifest = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace, "labels": labels},
            "spec": {**self._ours(), "acquireTime": _micro_time(), "leaseTransitions": 0},
        }
        try:
            self._note(await self._cluster.create(LEASES, self._namespace, manifest))
        except AlreadyExists:
            return False
        self._renewed = began
        return True

    def _note(self, lease: Json) -> _Seen:
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, lease.get("spec") or {}, time.monotonic())
        return self._seen

    # --- leading

    async def _renew_in_time(self) -> None:
        while True:
            if not self.holds:
                message = f"the lease {self._name} was not renewed within {self._times.renew_deadline:g} s"
                raise LeadershipLost(message)
            try:
                await self._bounded(self._renew)
            except OperatorError as error:
                if isinstance(error, LeadershipLost):
                    raise
                log.warning("the lease could not be renewed", extra={"problem": str(error)})
                await asyncio.sleep(self._times.retry / 4)
            else:
                return

    async def _renew(self) -> None:
        began = Moment.now()
        assert self._seen is not None  # noqa: S101 - for the type checker: it was taken
        try:
            await self._take(self._seen, began, {})
        except Conflict:
            await self._renew_as_found()
        except NotFound:
            if not await self._create(began):
                await self._renew_as_found()

    async def _renew_as_found(self) -> None:
        """Somebody has changed the lease: a person its labels, an own write whose answer was lost, or a new leader."""
        began = Moment.now()
        seen = self._note(await self._cluster.get(LEASES, self._namespace, self._name))
        if seen.holder != self._identity:
            message = f"the lease {self._name} is held by {seen.holder or 'nobody'}"
            raise LeadershipLost(message)
        await self._take(seen, began, {})

    # --- both

    async def _take(self, seen: _Seen, began: Moment, more: Json) -> None:
        """Write the lease as ours, if it still is as it was seen."""
        self._note(await self._patch(seen, {**self._ours(), **more}))
        # Since before the request: the others count from when they see it, which is later.
        self._renewed = began

    async def _patch(self, seen: _Seen, spec: Json) -> Json:
        patch = {"metadata": {"resourceVersion": seen.version}, "spec": spec}
        return await self._cluster.patch(LEASES, self._namespace, self._name, patch)

    def _ours(self) -> Json:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._times.duration,
            "renewTime": _micro_time(),
        }

    async def _bounded(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """A step that may not last so long that there is no time for a second one."""
        try:
            async with asyncio.timeout(self._times.renew_deadline / 3):
                return await step()
        except TimeoutError as error:
            message = "the API server did not answer in time"
            raise ClusterUnavailable(message) from error


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
