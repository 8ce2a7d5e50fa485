"""The runs of a Workflow with maxConcurrentRuns as they stand in line, from the cache.

One operator leads, and decides on one view at a time; a turn that is being written down counts as taken. So the limit
is kept, except for the moment in which a new leader's first view lacks a write of the old one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from graphrun_core.resources import WorkflowRun
from graphrun_operator.cache import Cache, ObjectKey
from graphrun_operator.model import Contender, Line, RunKey
from graphrun_operator.priorities import Priorities
from graphrun_operator.views import WorkflowView


class Lines:
    """Who stands in line."""

    def __init__(self, cache: Cache, priorities: Priorities) -> None:
        self._cache, self._priorities = cache, priorities
        self._taking: set[RunKey] = set()

    async def prepare(self, run: WorkflowRun, workflow: WorkflowView | None) -> None:
        """Have at hand what `line_of` needs.

        Raises:
            OperatorError: the API server could not be asked for the PriorityClasses.
        """
        if workflow and workflow.max_concurrent_runs is not None:
            await self._priorities.refresh(_priority_class(run, workflow))

    def line_of(self, workflow_key: ObjectKey) -> Line | None:
        """Everybody in line at a Workflow; None where it has no limit."""
        workflow = self._cache.workflows.get(workflow_key)
        if workflow is None or workflow.max_concurrent_runs is None:
            return None
        return Line(workflow.max_concurrent_runs, tuple(self._contenders(workflow_key.namespace, workflow)))

    @contextmanager
    def taking(self, key: RunKey) -> Iterator[None]:
        """While it is being written down that it is this run's turn, nobody else takes it."""
        self._taking.add(key)
        try:
            yield
        finally:
            self._taking.discard(key)

    def _contenders(self, namespace: str, workflow: WorkflowView) -> Iterator[Contender]:
        for key in self._cache.runs_of(ObjectKey(namespace, workflow.name)):
            run = self._cache.runs.get(ObjectKey(*key))
            if run is not None and not run.is_finished:
                yield self._contender(key, run, workflow)

    def _contender(self, key: RunKey, run: WorkflowRun, workflow: WorkflowView) -> Contender:
        return Contender(
            run=run,
            priority=self._priorities.value_of(_priority_class(run, workflow)),
            has_job=any(
                job.attempt == run.attempt and job.owner_uid == run.metadata.uid and not job.finished_at
                for job in self._cache.jobs.of(key)
            ),
            taking=key in self._taking,
        )


def _priority_class(run: WorkflowRun, workflow: WorkflowView) -> str:
    """As in options.effective_options, of the Workflow as it is now."""
    own = run.spec.priority_class_name
    return own if own is not None else workflow.priority_class_name
