"""The run that a pod holds: from the cache while that says so, else from the API server, and refused if not even that does."""

from graphrun_api.errors import RunNotFound, Superseded
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runner_port.bindings import Binding
from graphrun_core.resources import WorkflowRun


class Holders:
    """Answers for the claimers of current attempts alone."""

    def __init__(self, live: LiveRuns) -> None:
        self._live = live

    async def run_of(self, binding: Binding) -> WorkflowRun:
        """The run whose current attempt this pod holds.

        Raises:
            Superseded: it does not, or the run is gone.
        """
        cached = self._live.cache.get(binding.namespace, binding.run)
        if cached is not None and holds(cached, binding):
            return cached
        # The cache may lag behind a claim that another replica has just granted.
        return await self.fetched_run_of(binding)

    async def fetched_run_of(self, binding: Binding) -> WorkflowRun:
        """The same on the API server's word alone: for who has just met a conflict.

        Raises:
            Superseded: this pod does not hold the current attempt, or the run is gone.
        """
        try:
            run = await self._live.fetch(binding.namespace, binding.run)
        except RunNotFound as error:
            raise Superseded("the run is gone") from error
        if not holds(run, binding):
            raise Superseded
        return run


def holds(run: WorkflowRun, binding: Binding) -> bool:
    """Whether this pod has claimed the run's current attempt."""
    runner = run.status.runner
    return (
        run.metadata.uid == binding.run_uid
        and run.attempt == binding.attempt == runner.attempt
        and runner.pod_uid == binding.pod_uid
    )
