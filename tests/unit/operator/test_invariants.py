"""What holds for every decision, whatever was seen: drawn at random, and followed until it comes to rest."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from graphrun_core import phases
from graphrun_operator.decide.attempt import NODE_PATIENCE, attempt_state
from graphrun_operator.decide.rules import decide
from graphrun_operator.model import CreateJob, DeleteRun, Observation, Plan
from support.builders import NOW, Scene, a_run, ago
from support.played_out import carried_out

ALL_PHASES = [
    "",
    *sorted(phases.TERMINAL | phases.CLOSED_TO_CLAIMS),
    "Pending",
    "Queued",
    "Starting",
    "Running",
]
REASONS = ["", "JobSuspended", "IncompatibleRevision", "ConcurrencyLimit"]
RESULTS = ["Succeeded", "Failed", "Paused", "AwaitingInput", "Interrupted", "Cancelled"]
CODES = [0, 1, 80, 81, 82, 83, 84, 85, 86, 87, 137]


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Any run with any surroundings, sensible or not."""
    spec = {}
    if draw(st.booleans()):
        spec["retries"] = {
            "limit": draw(st.integers(0, 2)),
            "backoffSeconds": draw(st.sampled_from([0, 10])),
            "onNodeLost": draw(st.sampled_from(["Restart", "Wait"])),
        }
    if draw(st.booleans()):
        spec["timeouts"] = {
            "startSeconds": draw(st.sampled_from([None, 1, 300])),
            "totalSeconds": draw(st.sampled_from([None, 1, 300])),
        }
    scene = a_run(**spec).wanted(draw(st.sampled_from(["Pending", "Running", "Paused", "Cancelled"])))
    scene.created(draw(st.sampled_from([1, 100])))
    if draw(st.booleans()):
        scene.on_attempt(draw(st.integers(1, 3)))
    if draw(st.integers(0, 9)) == 0:
        scene.without_workflow()
    if draw(st.booleans()):
        scene.resumed_by(draw(st.sampled_from(["one", "two"])))
    _add_pod(draw, scene)
    _add_others(draw, scene)
    phase, reason = draw(st.sampled_from(ALL_PHASES)), draw(st.sampled_from(REASONS))
    scene.shown(phase, reason, failures=draw(st.integers(0, 3)))
    if draw(st.booleans()):
        scene.accepted(draw(st.sampled_from([0, 20, 1000])))
    if draw(st.booleans()):
        scene.shown(
            scene.seen().run.status.phase,
            completionTime=ago(draw(st.sampled_from([0, 100, 10**6]))).isoformat(),
        )
    return scene.seen()


def _add_others(draw: st.DrawFn, scene: Scene) -> None:
    if draw(st.integers(0, 3)) == 0:
        scene.in_line(limit=draw(st.integers(0, 1)))
    if draw(st.integers(0, 9)) == 0:
        scene.from_run("other", draw(st.sampled_from(["", "other-uid"])))


def _add_pod(draw: st.DrawFn, scene: Scene) -> None:
    if draw(st.booleans()):
        scene.with_job(age=draw(st.sampled_from([0, 3, 1000])), suspended=draw(st.booleans()))
    if not draw(st.booleans()):
        return
    scene.with_pod(desired_state=draw(st.sampled_from(["Running", "Paused"])), disrupted=draw(st.booleans()))
    if draw(st.booleans()):
        _add_claim(draw, scene)
    happens = draw(st.sampled_from(["nothing", "exit", "deletion", "loss"]))
    if happens == "exit":
        scene.exited(draw(st.sampled_from(CODES)))
    elif happens == "deletion":
        scene.pod_deleted(draw(st.sampled_from([-1000.0, -10.0, 10.0])))
    elif happens == "loss":
        scene.pod_gone()


def _add_claim(draw: st.DrawFn, scene: Scene) -> None:
    scene.claimed(draw(st.sampled_from([1, 100])))
    if draw(st.booleans()):
        scene.shown("", startTime=ago(100).isoformat())
    told = draw(st.sampled_from(["nothing", "outcome", "stop"]))
    if told == "outcome":
        result, code = draw(st.sampled_from(RESULTS)), draw(st.sampled_from(CODES))
        scene.reported(result, code, reason=draw(st.sampled_from(["", "IncompatibleRevision"])))
    elif told == "stop":
        scene.stopped()


def written_phase(plan: Plan) -> str | None:
    return next((patch["phase"] for patch in (plan.status, plan.opens) if patch and "phase" in patch), None)


@settings(max_examples=200, deadline=None)
@given(observations())
def test_decisions_come_to_rest(seen: Observation) -> None:
    for _ in range(8):
        plan = decide(seen)
        if plan.is_empty or DeleteRun() in plan.writes:
            return
        seen = carried_out(seen, plan)
    raise AssertionError(f"still writing: {plan}")


@settings(max_examples=200, deadline=None)
@given(observations())
def test_an_end_is_final(seen: Observation) -> None:
    plan = decide(seen)
    if seen.run.is_finished:
        assert plan.opens is None
        assert plan.status is None
        assert not any(isinstance(write, CreateJob) for write in plan.writes)


@settings(max_examples=200, deadline=None)
@given(observations())
def test_a_job_is_made_only_for_a_run_that_is_wanted_to_run_and_for_its_current_attempt(
    seen: Observation,
) -> None:
    plan = decide(seen)
    made = [write.attempt for write in plan.writes if isinstance(write, CreateJob)]
    if made:
        assert seen.run.spec.state == "Running"
        assert made == [(plan.opens or {}).get("attempt", seen.run.attempt)]


@settings(max_examples=200, deadline=None)
@given(observations())
def test_a_claimed_attempt_is_over_only_with_proof(seen: Observation) -> None:
    state, plan = attempt_state(seen), decide(seen)
    if not state.runs or seen.run.is_finished:
        return
    restarted = state.node_lost and seen.run.spec.retries.on_node_lost != "Wait"
    if plan.opens or written_phase(plan) == "Failed":
        assert restarted
    assert written_phase(plan) not in ("Paused", "Cancelled", "Succeeded", "AwaitingInput")


@settings(max_examples=200, deadline=None)
@given(observations())
def test_no_attempt_is_opened_out_of_a_phase_that_a_pod_could_still_claim_in_unless_it_ended(
    seen: Observation,
) -> None:
    plan, state = decide(seen), attempt_state(seen)
    opened = (plan.opens or {}).get("attempt", seen.run.attempt)
    if opened > seen.run.attempt and not seen.run.is_claimed:
        assert state.end or seen.run.status.phase in phases.CLOSED_TO_CLAIMS


@settings(max_examples=200, deadline=None)
@given(observations())
def test_nothing_is_decided_twice(seen: Observation) -> None:
    assert decide(seen) == decide(seen)


@settings(max_examples=200, deadline=None)
@given(observations())
def test_a_run_that_goes_on_by_time_alone_is_looked_at_again(seen: Observation) -> None:
    """Where a later moment alone changes the decision, the plan has said when to look."""
    plan = decide(seen)
    if not plan.is_empty:
        return
    horizon = NODE_PATIENCE + timedelta(minutes=30)
    later = decide(replace(seen, now=NOW + horizon))
    if not later.is_empty:
        assert plan.requeue, later
        assert plan.requeue.seconds <= horizon.total_seconds()
