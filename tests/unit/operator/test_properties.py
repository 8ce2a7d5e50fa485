"""Decisions for good: any observed state, followed through all its clocks to where nothing more is done.

test_invariants.py asks what one moment's decisions may say; here time goes on, nothing answers, and every status
that is written on the way is held against the CRD. The draws are the same in every run (derandomize).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from graphrun_core import phases, reasons
from graphrun_operator.decide.rules import decide
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.start import job_refused
from graphrun_operator.model import CreateJob, DeleteRun, Observation, Plan
from support.anything_seen import observations, texts
from support.played_out import carried_out, merged

Json = dict[str, Any]

CRD = Path(__file__).parents[3] / "crds" / "workflowruns.yaml"
STATUS_CHARS = 4096
# Status writes that a run can cost with nobody answering: each opens, starts, fails or ends something.
WRITES = 24
# Looks in a row that change nothing, after which nothing will: a start that is waited for is looked at every 10 s.
LOOKS = 60

deterministic = settings(max_examples=800, derandomize=True, deadline=None, database=None)


# --- followed through time


@dataclass(frozen=True)
class Pass:
    """One look: what was seen, and what was decided."""

    seen: Observation
    plan: Plan


def followed(seen: Observation) -> Iterator[Pass]:
    """Every pass that changes something, until none does: time jumps to where the last plan wanted to look again."""
    quiet = 0
    while quiet < LOOKS:
        plan = decide(seen)
        if not plan.is_empty:
            quiet = 0
            yield Pass(seen, plan)
            if DeleteRun() in plan.writes:
                return
            seen = carried_out(seen, plan)
        elif plan.requeue is None:
            return
        else:
            quiet += 1
            seen = replace(seen, now=_later(seen.now, plan.requeue.seconds))


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=max(seconds, 0.001))


def patches(plan: Plan) -> list[Json]:
    """What it writes to the status."""
    return [patch for patch in (plan.opens, plan.status) if patch]


@deterministic
@given(observations())
def test_whatever_was_seen_decisions_come_to_rest_though_time_goes_on(seen: Observation) -> None:
    for written, each in enumerate(followed(seen), 1):
        assert written <= WRITES, f"still writing: {each.plan}"


@deterministic
@given(observations())
def test_no_plan_leaves_a_terminal_phase(seen: Observation) -> None:
    for each in followed(seen):
        if each.seen.run.is_finished:
            assert not patches(each.plan)


@deterministic
@given(observations())
def test_no_plan_lets_the_attempt_fall(seen: Observation) -> None:
    for each in followed(seen):
        for patch in patches(each.plan):
            assert patch.get("attempt", each.seen.run.attempt) >= each.seen.run.status.attempt


@deterministic
@given(observations())
def test_a_job_is_never_made_for_a_run_that_is_paused_cancelled_finished_or_on_its_way_out(
    seen: Observation,
) -> None:
    for each in followed(seen):
        run = each.seen.run
        if run.spec.state != phases.STATE_RUNNING or run.is_finished or run.is_deleting:
            assert not any(isinstance(write, CreateJob) for write in each.plan.writes)


@deterministic
@given(observations(), texts)
def test_every_status_fits_the_crd_and_names_its_reason(seen: Observation, refused: str) -> None:
    told = job_refused(Situation(seen), refused)
    for patch in [
        *(patch for each in followed(seen) for patch in patches(each.plan)),
        *([told] if told else []),
    ]:
        # A field that is removed is null in the patch alone.
        kept = merged({}, patch)
        status_schema().validate(kept)
        assert {kept["reason"]} <= reasons.REASONS.keys() if "reason" in kept else True
        assert {item["reason"] for item in kept.get("conditions", ())} <= reasons.REASONS.keys() | {""}


@deterministic
@given(observations())
def test_no_status_grows_over_its_limit(seen: Observation) -> None:
    for each in followed(seen):
        status = carried_out(each.seen, each.plan).run.status.to_manifest()
        # In characters, as the CRD's maxima are.
        size = len(json.dumps(status, separators=(",", ":"), ensure_ascii=False))
        assert size <= STATUS_CHARS, size


@cache
def status_schema() -> Draft202012Validator:
    """The CRD's schema of status, with what it does not know refused (the API server would drop it without a word)."""
    crd = yaml.safe_load(CRD.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in schema:
        closed["additionalProperties"] = False
    return closed
