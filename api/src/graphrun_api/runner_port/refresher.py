"""Keeps status.runner's checkpoint, progress and current nodes fresh for kubectl, at most once in 10 s a run.

A run that ends within its first 10 s costs no such write at all.
"""

import asyncio
import json
import logging
from typing import Any, Final

from graphrun_api.errors import ApiError, Superseded
from graphrun_api.events.reads import HistoryReads
from graphrun_api.kube.errors import Conflict
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.progress import current_nodes, node_states, progress_of
from graphrun_api.revision_facts import RevisionFacts
from graphrun_api.runner_port import runner_status
from graphrun_api.runner_port.bindings import Binding
from graphrun_api.runner_port.holders import Holders
from graphrun_api.standing import status_of
from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 10.0
_CONFLICTS: Final = 3


class Refresher:
    """One waiting task a run that sends events to this replica."""

    def __init__(
        self, live: LiveRuns, reads: HistoryReads, facts: RevisionFacts, seconds: float = REFRESH_SECONDS
    ) -> None:
        self._live, self._reads, self._facts = live, reads, facts
        self._seconds = seconds
        self._holders = Holders(live)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def touch(self, binding: Binding) -> None:
        """Events came: refresh this pod's run when it is due, unless that is planned already."""
        if binding.pod_uid in self._tasks:
            return
        task = asyncio.create_task(self._refresh_when_due(binding), name=f"refresh {binding.run}")
        self._tasks[binding.pod_uid] = task
        task.add_done_callback(lambda _: self._tasks.pop(binding.pod_uid, None))

    async def aclose(self) -> None:
        """Drop what is planned: the next events plan it anew."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh_when_due(self, binding: Binding) -> None:
        await asyncio.sleep(self._seconds)
        try:
            for _ in range(_CONFLICTS):
                run = await self._holders.run_of(binding)
                if not self._is_running(run):
                    return
                after = await self._fresh(run)
                if after == runner_status.whole(run.status.runner):
                    return
                try:
                    await self._live.apply_runner(run, after)
                except Conflict:
                    await self._live.fetch(binding.namespace, binding.run)
                    continue
                return
        except Superseded:
            return
        except ApiError as error:
            # Only a convenience is lost; the next events try again.
            log.info("runner status stays as it is", extra={"run": binding.run, "error": str(error)})

    def _is_running(self, run: WorkflowRun) -> bool:
        runner = run.status.runner
        return runner.outcome is None and runner.stopped_time is None and not run.is_finished

    async def _fresh(self, run: WorkflowRun) -> dict[str, Any]:
        meta = run.metadata
        row = await self._reads.run_row(meta.namespace, meta.name)
        if row is None or row["uid"] != meta.uid:
            return runner_status.whole(run.status.runner)
        visited = await self._reads.nodes(meta.uid)
        revision = run.status.revision or row["revision"]
        facts = await self._facts.of(meta.namespace, revision)
        states = node_states(facts.graph, visited, status_of(run), run.attempt)
        progress = max(row["progress"], progress_of(facts.graph, states, row["step"], facts.usual.steps))
        progress = await self._reads.raise_progress(meta.uid, progress)
        checkpoint = json.loads(row["checkpoint"]) if row["checkpoint"] else None
        return runner_status.refreshed(
            run.status.runner, checkpoint, progress, current_nodes(visited, run.attempt)
        )
