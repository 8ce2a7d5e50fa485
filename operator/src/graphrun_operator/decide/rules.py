"""The ordered rules: the first that applies decides, and says in one line why it stands where it stands."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from graphrun_operator.decide import cancel, clocks, failure, finish, outcome, pause, resume, run, start
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.tidy import tidy
from graphrun_operator.model import Observation, Plan, soonest


@dataclass(frozen=True)
class Rule:
    """A policy and its place: `why` it comes before those below it."""

    name: str
    apply: Callable[[Situation], Plan | None]
    why: str


RULES: Final = (
    Rule("leave", finish.leave, "a run on its way out gets nothing but its work stopped"),
    Rule("rest", finish.rest, "a terminal phase is final"),
    Rule("succeed", outcome.succeed, "a success that was reached beats what was asked for later (rule 5)"),
    Rule("fail-by-itself", failure.fail_by_itself, "so does a failure of the run's own (rule 5)"),
    Rule("cancel", cancel.cancel, "a cancel beats everything that would go on, retries included"),
    Rule("fail-for-good", failure.fail_for_good, "with no retry left there is nothing to pause or to resume"),
    Rule("total-timeout", clocks.total_timeout, "wall time runs in every state, pauses included"),
    Rule("hold", start.hold, "what has not been started neither waits nor pauses"),
    Rule("await-input", outcome.await_input, "a run that waits for an answer has nothing to pause"),
    Rule("pause", pause.pause, "a pause beats every further attempt"),
    Rule("start-timeout", clocks.start_timeout, "judged only of runs that are wanted to start"),
    Rule(
        "stay-paused",
        pause.stay_paused,
        "what is held from outside, or was refused, does not go on by itself",
    ),
    Rule("resume", resume.resume, "a paused or awaiting run goes on by a new attempt alone (rule 2)"),
    Rule(
        "suspended", pause.suspended, "a Job suspended from outside is not replaced, not even for a lost node"
    ),
    Rule("replace-lost", resume.replace_lost, "a lost node would otherwise look like a run at work"),
    Rule("follow", resume.follow, "an ended attempt is followed by the next (rule 3)"),
    Rule("run", run.run, "whatever is claimed and not over is at work"),
    Rule("reopen", resume.reopen, "a closed phase lets no pod in (rule 2), so its Job would never start"),
    Rule("back-off", start.back_off, "a retry's Job waits for its time"),
    Rule("create-job", start.create_job, "what is unclaimed and has no Job needs one"),
    Rule("wait-for-claim", start.wait_for_claim, "the rest of the way is the pod's"),
)
# After these nothing is left to be timed.
_UNTIMED: Final = {"leave", "rest"}


def decide(seen: Observation) -> Plan:
    """What to do about the run, from this observation alone."""
    situation = Situation(seen)
    plan = next(plan for plan in (_applied(rule, situation) for rule in RULES) if plan)
    if plan.rule not in _UNTIMED:
        plan = replace(plan, requeue=soonest(plan.requeue, clocks.next_tick(situation)))
    return tidy(situation, plan)


def _applied(rule: Rule, situation: Situation) -> Plan | None:
    plan = rule.apply(situation)
    return replace(plan, rule=rule.name) if plan else None
