"""The status of a run: the resource for what it is, the history for how its nodes stand. Either may be missing."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from graphrun_api import estimates, standing
from graphrun_api.auth.guard import Access
from graphrun_api.errors import HistoryUnavailable, RunNotFound
from graphrun_api.events.reads import HistoryReads
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.progress import NodeState, current_nodes, node_states, progress_of
from graphrun_api.revision_facts import RevisionFacts
from graphrun_api.runs import views
from graphrun_api.runs.run_schemas import RunStatus
from graphrun_api.standing import status_of
from graphrun_core import phases
from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)


class LiveView:
    """Answers `…/status`."""

    def __init__(self, live: LiveRuns, reads: HistoryReads, facts: RevisionFacts) -> None:
        self._live, self._reads, self._facts = live, reads, facts

    async def status(self, access: Access, name: str) -> RunStatus:
        """The live view; without Postgres what the resource tells, marked as degraded.

        Raises:
            RunNotFound: neither the cluster nor the history has it.
        """
        try:
            run = await self._live.get(access.namespace, name)
        except RunNotFound:
            return await self._archived(access, name)
        try:
            return await self._with_history(run)
        except HistoryUnavailable:
            view = views.status_view(run, [], run.status.runner.current_nodes, self._line(run))
            return view.model_copy(update={"degraded": ["history"]})

    async def _with_history(self, run: WorkflowRun) -> RunStatus:
        row = await self._reads.run_row(run.metadata.namespace, run.metadata.name)
        if row is None or row["uid"] != run.metadata.uid:
            return views.status_view(run, [], [], self._line(run)).model_copy(update={"last_seq": 0})
        visited = await self._reads.nodes(run.metadata.uid)
        revision = run.status.revision or row["revision"]
        facts = await self._facts.of(run.metadata.namespace, revision)
        states = node_states(facts.graph, visited, status_of(run), run.attempt)
        view = views.status_view(run, states, current_nodes(visited, run.attempt), self._line(run))
        progress = max(view.progress, row["progress"])
        completion = None
        if view.status not in standing.ENDED:
            now = progress_of(facts.graph, states, row["step"], facts.usual.steps)
            # Kept, so that it never falls, whichever replica is asked next.
            progress = await self._reads.raise_progress(row["uid"], now) if now > progress else progress
            if view.status == standing.RUNNING and run.is_claimed:
                completion = estimates.completion(
                    _course(run, facts.graph, states), facts.usual, facts.timings
                )
        checkpoint = json.loads(row["checkpoint"])["id"] if row["checkpoint"] else view.checkpoint_id
        update = {
            "progress": progress,
            "last_seq": row["last_seq"],
            "checkpoint_id": checkpoint,
            "estimated_completion": completion,
        }
        return view.model_copy(update=update)

    def _line(self, run: WorkflowRun) -> list[WorkflowRun]:
        """The runs of its workflow that wait for their turn, where it is one of them."""
        if run.status.phase != phases.QUEUED:
            return []
        return [
            each
            for each in self._live.cache.all()
            if each.status.phase == phases.QUEUED
            and each.metadata.namespace == run.metadata.namespace
            and each.spec.workflow_ref.name == run.spec.workflow_ref.name
        ]

    async def _archived(self, access: Access, name: str) -> RunStatus:
        row = await self._reads.run_row(access.namespace, name)
        if row is None:
            raise RunNotFound(f"there is no run {name!r} in this project")
        visited = await self._reads.nodes(row["uid"])
        graph = (await self._facts.of(row["namespace"], row["revision"])).graph
        return views.status_of_row(row, node_states(graph, visited, row["status"], row["attempt"]))


def _course(run: WorkflowRun, graph: dict[str, Any] | None, states: list[NodeState]) -> estimates.Course:
    now, claimed = datetime.now(UTC), run.status.runner.claim_time
    under_way = (now - claimed).total_seconds() if claimed else 0.0
    return estimates.Course(graph, states, run.status.active_seconds + max(under_way, 0.0), now)
