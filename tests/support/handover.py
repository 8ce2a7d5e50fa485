"""How long runs are without an operator when the leader goes."""

import time
import uuid
from collections.abc import Awaitable, Callable

from support.nodeless import Json, Nodeless
from support.waiting import eventually


async def hand_over_seconds(
    cluster: Nodeless, end_leader: Callable[[], Awaitable[None]], *, seconds: float = 40
) -> float:
    """From the moment at which `end_leader` is called until a run that is created right afterwards has its Job.

    There must be a Workflow `flow`. The run is left as it is.
    """
    name = f"probe-{uuid.uuid4().hex[:8]}"
    began = time.monotonic()
    await end_leader()
    await cluster.create_run(name)

    async def jobs() -> list[Json]:
        return await cluster.listed("jobs", labelSelector=f"graphrun.dev/run={name}")

    await eventually(jobs, seconds=seconds, what=f"the Job of {name}")
    return time.monotonic() - began
