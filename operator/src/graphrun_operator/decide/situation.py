"""What every policy starts from: the observation, the current attempt judged, the options that apply."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from graphrun_core import phases
from graphrun_core.options import effective_options
from graphrun_core.resources import AttemptEndStatus, RunOptions, WorkflowRun, WorkflowSpec
from graphrun_operator.decide.attempt import AttemptState, attempt_state, ended_at
from graphrun_operator.decide.status import NODE_NAME_MAX, status_patch
from graphrun_operator.model import Json, Observation


@dataclass(frozen=True)
class Situation:
    """One observation with what follows from it. Built anew in every pass."""

    seen: Observation

    @property
    def run(self) -> WorkflowRun:
        """The run."""
        return self.seen.run

    @property
    def now(self) -> datetime:
        """The moment of the observation."""
        return self.seen.now

    @cached_property
    def attempt(self) -> AttemptState:
        """The current attempt."""
        return attempt_state(self.seen)

    @property
    def phase(self) -> str:
        """The phase as the status shows it; empty for a run that has none yet."""
        return self.run.status.phase

    @property
    def settled(self) -> bool:
        """Whether the end of the current attempt has been dealt with (paused, awaiting input)."""
        return self.phase in phases.SETTLED

    @cached_property
    def pinned(self) -> str:
        """The revision that the run is pinned to; empty before its first Job."""
        job = self.attempt.job
        return self.run.status.revision or (job.revision if job else "")

    @cached_property
    def options(self) -> RunOptions:
        """The run's options over its revision's defaults over the product's."""
        revision = self.seen.revisions.get(self.pinned)
        workflow = self.seen.workflow
        spec = revision.spec if revision else workflow.spec if workflow else {}
        return effective_options(_defaults(spec), self.run.spec.options())

    def status(self, *, phase: str, reason: str, message: str = "", **fields: object) -> Json | None:
        """The patch to that status, or None where it stands already."""
        return status_patch(self.run, self.now, phase=phase, reason=reason, message=message, **fields)

    def facts(self) -> dict[str, Any]:
        """Status fields that hold as soon as an attempt is known to run, or to have run."""
        job, runner = self.attempt.job, self.run.status.runner
        facts: dict[str, Any] = {"attempt": self.attempt.number}
        if self.pinned:
            facts["revision"] = self.pinned
        if job:
            facts["job_name"] = job.name
        if self.attempt.claimed:
            facts["start_time"] = self.run.status.start_time or runner.claim_time
        return facts

    def closing_facts(self) -> dict[str, Any]:
        """The same for an attempt that has ended: its claimed time is added up, once."""
        facts = self.facts()
        claimed = self.run.status.runner.claim_time
        if self.attempt.claimed and claimed and not self.settled and not self.run.is_finished:
            ended = ended_at(self.seen, self.attempt)
            spent = (ended - claimed).total_seconds()
            facts["active_seconds"] = round(self.run.status.active_seconds + max(spent, 0.0), 3)
            facts["last_attempt"] = self._last_attempt()
        return facts | {"next_attempt_time": None}

    def _last_attempt(self) -> AttemptEndStatus:
        pod, outcome, end = self.attempt.pod, self.run.status.runner.outcome, self.attempt.end
        code = pod.terminated.exit_code if pod and pod.terminated else outcome.exit_code if outcome else None
        return AttemptEndStatus(
            number=self.attempt.number,
            reason=end.reason if end else "",
            exit_code=code,
            node_name=pod.node[:NODE_NAME_MAX] if pod else "",
        )

    def ending_facts(self) -> dict[str, Any]:
        """The same for a run that has ended."""
        return self.closing_facts() | {"completion_time": self.now}


def _defaults(spec: Json) -> RunOptions:
    try:
        return WorkflowSpec.model_validate(spec).defaults
    except ValidationError:
        return RunOptions()  # acceptance refuses such a Workflow, with the reason
