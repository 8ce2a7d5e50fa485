"""Operators: observe and decide in one step, then one write a step, and they may crash between any two.

How a plan is carried out mirrors graphrun_operator/apply.py: the order of Applier.apply; write_status with its
resourceVersion, _look_again on a conflict; _create_job with "already exists"; _patch and _delete where NotFound is done;
UID preconditions. That a conflict, or a refusal, ends the pass mirrors Reconciler._carry_out.
"""

import json
from collections.abc import Iterator

from graphrun_core import phases
from model.resource import is_refused, parsed, patched
from model.setting import LAG, Setting
from model.sight import Sight
from model.switches import VERSIONED
from model.world import (
    Action,
    Cluster,
    Job,
    Operator,
    Run,
    Step,
    World,
    seen_pods,
    touched,
    with_job,
    with_operator,
    with_pod,
    without_job,
)

_NAMES = "AB"


class Operators:
    """All operators of a world."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._sight = setting, Sight(setting)
        self._versioned = VERSIONED not in setting.off

    @property
    def sights(self) -> int:
        """How many different sights the real decide() was asked about."""
        return len(self._sight)

    @property
    def rules(self) -> frozenset[str]:
        """Which of its rules have decided."""
        return frozenset(self._sight.rules)

    def steps(self, world: World) -> Iterator[Step]:
        """What each of them may do next."""
        for place, operator in enumerate(world.operators):
            who = f"operator {_NAMES[place]}"
            if operator.plan:
                yield Step(f"{who} crashes", with_operator(world, place, Operator()), fair=False)
                yield self._write(world, place, who)
            else:
                yield from self._look(world, place, who)
            yield from self._lag(world, place, who)

    def _look(self, world: World, place: int, who: str) -> Iterator[Step]:
        operator = world.operators[place]
        plan = self._sight.plan(world, operator)
        if plan:
            current = operator.old_run is None or operator.old_run == world.run
            deciding = operator._replace(plan=plan, fresh=current)
            wants = "; ".join(_words(action) for action in plan)
            yield Step(
                f"{who} looks and plans: {wants}",
                with_operator(world, place, deciding),
                broken=self._unwanted_job(world, operator, plan),
            )

    def _unwanted_job(self, world: World, operator: Operator, plan: tuple[Action, ...]) -> str:
        run = operator.old_run or world.run
        if run is None or not any(action.kind == "create-job" for action in plan):
            return ""
        seen = parsed(run, self._setting.options)
        if seen.spec.state == phases.STATE_RUNNING and not seen.is_finished:
            return ""
        return f"a Job is planned for a run that is seen {seen.status.phase or 'new'} and wanted {seen.spec.state}"

    def _lag(self, world: World, place: int, who: str) -> Iterator[Step]:
        operator = world.operators[place]
        if operator.old_run or operator.old_cluster:
            caught_up = operator._replace(old_run=None, old_cluster=None)
            yield Step(f"the watches of {who} catch up", with_operator(world, place, caught_up))
        elif world.faults and self._setting.fault_kinds >= LAG and world.run:
            cost = world._replace(faults=world.faults - 1)
            behind = operator._replace(old_run=world.run)
            yield Step(
                f"the watch of runs of {who} falls behind", with_operator(cost, place, behind), fair=False
            )
            behind = operator._replace(old_cluster=Cluster(world.jobs, seen_pods(world)))
            yield Step(
                f"the watches of Jobs and pods of {who} fall behind",
                with_operator(cost, place, behind),
                fair=False,
            )

    # --- one write

    def _write(self, world: World, place: int, who: str) -> Step:
        operator = world.operators[place]
        action, rest = operator.plan[0], operator.plan[1:]
        going_on = operator._replace(plan=rest, fresh=operator.fresh and bool(rest))
        if action.kind == "status":
            return self._write_status(world, place, who)
        if action.kind == "create-job":
            after, done = _create_job(world, action, old=not self._setting.start_times_out)
        else:
            after, done = _CARRIED_OUT[action.kind](world, action)
        if operator.old_cluster:
            going_on = going_on._replace(old_cluster=_learnt(operator.old_cluster, after))
        return Step(f"{who}: {_words(action)}{done}", with_operator(after, place, going_on))

    def _write_status(self, world: World, place: int, who: str) -> Step:
        operator = world.operators[place]
        action, rest = operator.plan[0], operator.plan[1:]
        label = f"{who}: {_words(action)}"
        stopped = operator._replace(plan=(), fresh=False, old_run=None)
        if world.run is None:
            return Step(f"{label}: the run is gone", with_operator(world, place, stopped))
        if self._versioned and not operator.fresh:
            return Step(f"{label}: conflict, the run has changed", with_operator(world, place, stopped))
        if is_refused(world.run.status, action.target):
            wrong = "a status was wanted that no run may have" if self._versioned else ""
            return Step(f"{label}: refused by the CRD", with_operator(world, place, stopped), broken=wrong)
        run = world.run._replace(status=patched(world.run.status, action.target))
        after = touched(world, run)
        going_on = operator._replace(plan=rest, fresh=bool(rest), old_run=None)
        return Step(label, with_operator(after, place, going_on), broken=self._overruled(world, run))

    def _overruled(self, before: World, after: Run) -> str:
        """Rule 5, at the moment of the write: the outcome that is in the resource was reported before."""
        assert before.run is not None
        was, now = parsed(before.run, self._setting.options), parsed(after, self._setting.options)
        outcome = was.status.runner.outcome
        if outcome is None or not was.is_claimed or now.status.phase not in (phases.CANCELLED, phases.PAUSED):
            return ""
        final = outcome.result == "Succeeded" or (
            outcome.result == "Failed" and not self._setting.retries_errors
        )
        if not final or was.status.phase == now.status.phase:
            return ""
        return f"a run whose attempt had reported {outcome.result} is shown as {now.status.phase}"


def _learnt(old: Cluster, after: World) -> Cluster:
    """The answer to a write tells of its object what the watch has not: taken as news of all Jobs, of no pod."""
    return old._replace(jobs=after.jobs)


def _words(action: Action) -> str:
    if action.kind != "status":
        return " ".join(part for part in (action.kind.replace("-", " "), action.target, action.value) if part)
    return _told_status(action.target)


def _told_status(patch: str) -> str:
    fields = json.loads(patch)
    told = [f"{name} {fields[name]}" for name in ("phase", "attempt", "failures") if name in fields]
    return f"write status ({', '.join(told) or ', '.join(sorted(fields))})"


# --- writes that are no compare-and-set


def _create_job(world: World, action: Action, *, old: bool) -> tuple[World, str]:
    attempt = int(action.target)
    if any(job.attempt == attempt for job in world.jobs):
        return world, ": already exists"
    if world.run is None:
        # Its owner is gone: the garbage collector removes it at once.
        return world, ": and the garbage collector removes it"
    job = Job(attempt, _unused_serial(world, attempt), old=old)
    return world._replace(jobs=tuple(sorted((*world.jobs, job)))), ""


def _unused_serial(world: World, attempt: int) -> int:
    """The least that nobody remembers: so names of the past do not make new worlds."""
    known = {job.serial for job in world.jobs if job.attempt == attempt}
    known |= {pod.serial for pod in world.pods if pod.attempt == attempt}
    told = f"{world.run.status if world.run else ''} {world.operators}"
    return next(
        serial
        for serial in range(1, 100)
        if serial not in known
        and f"job-{attempt}.{serial}" not in told
        and f"pod-{attempt}.{serial}." not in told
    )


def _suspend_job(world: World, action: Action) -> tuple[World, str]:
    for place, job in enumerate(world.jobs):
        if action.target == f"r-{job.attempt}":
            return with_job(world, place, suspended=True), ""
    return world, ": not found"


def _delete_job(world: World, action: Action) -> tuple[World, str]:
    for place, job in enumerate(world.jobs):
        if action.target == job.uid:
            return without_job(world, place), ""
    return world, ": not found"


def _delete_pod(world: World, action: Action) -> tuple[World, str]:
    for place, pod in enumerate(world.pods):
        if action.target == pod.uid and pod.exists:
            return with_pod(world, place, deleting=True), ""
    return world, ": not found"


def _annotate_pod(world: World, action: Action) -> tuple[World, str]:
    for place, pod in enumerate(world.pods):
        if action.target == f"r-{pod.attempt}-{pod.serial}-{pod.turn}" and pod.exists:
            return with_pod(world, place, told=action.value), ""
    return world, ": not found"


_CARRIED_OUT = {
    "suspend-job": _suspend_job,
    "delete-job": _delete_job,
    "delete-pod": _delete_pod,
    "annotate-pod": _annotate_pod,
}
