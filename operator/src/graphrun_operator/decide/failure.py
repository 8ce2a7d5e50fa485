"""Failure: what a failed attempt means for the run, and when the next one may start."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from graphrun_core import phases
from graphrun_core.resources import RunOptions
from graphrun_operator.decide.attempt import AttemptEnd
from graphrun_operator.decide.situation import Situation
from graphrun_operator.model import Plan

# Backoff doubles with each counted failure, up to this.
BACKOFF_MAX: Final = timedelta(minutes=10)
# Failures of the run itself that no further attempt can mend.
_NEVER_RETRIED: Final = {
    "LoadFailed",
    "IncompatibleRevision",
    "CheckpointNotFound",
    "CheckpointUnreadable",
    "FenceLost",
    "ActiveTimeout",
    "InputInvalid",
}
_COUNTED: Final = {"Crashed", "Failed", "Cancelled"}


@dataclass(frozen=True)
class Verdict:
    """What follows from an attempt's end: the failures counted now, and either a final reason or a wait."""

    failures: int
    final: str = ""
    message: str = ""
    wait: timedelta = timedelta(0)


def judge(situation: Situation, end: AttemptEnd) -> Verdict:
    """Whether another attempt is owed after `end`, and how soon."""
    failures = situation.run.status.failures
    if end.kind not in _COUNTED:
        # Without a wait, so that timeouts.startSeconds bounds attempts that come to nothing again and again.
        return Verdict(failures)
    failures += 1
    allowed = _allowed(situation.options, end)
    if failures <= allowed:
        return Verdict(failures, wait=_backoff(situation.options, failures))
    if end.kind == "Failed" or allowed == 0:
        return Verdict(failures, final=end.reason, message=end.message)
    message = f"attempt {situation.attempt.number} ended by {end.reason}: {end.message}"
    return Verdict(failures, final="RetriesExhausted", message=message)


def _allowed(options: RunOptions, end: AttemptEnd) -> int:
    """How many counted failures may be followed by an attempt, one of this kind being the last."""
    limit = options.retries.limit or 0
    if end.kind != "Failed":
        return limit
    return 0 if end.reason in _NEVER_RETRIED else min(limit, options.retries.on_graph_error or 0)


def _backoff(options: RunOptions, failures: int) -> timedelta:
    first = timedelta(seconds=options.retries.backoff_seconds or 0)
    doublings = min(failures - 1, 20)
    return min(first * (1 << doublings), BACKOFF_MAX)


def fail_by_itself(situation: Situation) -> Plan | None:
    """The run's own failure, with no further attempt owed, beats a cancel or pause that came later (rule 5)."""
    end = situation.attempt.end
    return _fail(situation, end) if end and end.kind == "Failed" else None


def fail_for_good(situation: Situation) -> Plan | None:
    """Crashes and lost pods end the run once its retries are used up."""
    end = situation.attempt.end
    return _fail(situation, end) if end else None


def _fail(situation: Situation, end: AttemptEnd) -> Plan | None:
    if situation.settled:
        return None
    verdict = judge(situation, end)
    if not verdict.final:
        return None
    status = situation.status(
        phase=phases.FAILED,
        reason=verdict.final,
        message=verdict.message,
        failures=verdict.failures,
        **situation.ending_facts(),
    )
    return Plan(rule="", status=status)
