"""What must hold in every world and of every step, and where the world may come to rest."""

from graphrun_core import phases
from graphrun_core.resources import WorkflowRun
from model.resource import parsed
from model.setting import Setting
from model.world import AT_WORK, EXITED, Pod, World

# In these nothing of the run may be at work.
_QUIET_PHASES = phases.TERMINAL | {phases.PAUSED, phases.AWAITING_INPUT}


def broken_in(world: World, setting: Setting) -> str:
    """What the world breaks; empty: nothing."""
    run = parsed(world.run, setting.options) if world.run else None
    at_work = [pod for pod in world.pods if pod.doing in AT_WORK and not _is_excused(pod, run, setting)]
    if len(at_work) > 1:
        return "two graphs at once"
    if run and at_work and run.status.phase in _QUIET_PHASES:
        return f"shown as {run.status.phase} while a graph runs"
    return ""


def _is_excused(pod: Pod, run: WorkflowRun | None, setting: Setting) -> bool:
    """A lost node under onNodeLost Restart: the old attempt may overlap with its successor, fenced in storage."""
    given_up = run is None or pod.attempt < run.attempt or run.status.phase == phases.FAILED
    return pod.zombie and setting.restarts_lost and given_up


def broken_by(before: World, after: World, setting: Setting) -> str:
    """What the step between them breaks."""
    if before.run is None or after.run is None or before.run is after.run:
        return ""
    was, now = parsed(before.run, setting.options), parsed(after.run, setting.options)
    if was.is_finished and now.status.phase != was.status.phase:
        return f"the end {was.status.phase} became {now.status.phase}"
    if now.attempt < was.attempt:
        return f"attempt {was.attempt} became {now.attempt}"
    return ""


def unrest(world: World, setting: Setting) -> str:
    """What is wrong with a world in which nothing more happens by itself; empty: it is as it should be."""
    if any(pod.doing != EXITED for pod in world.pods):
        return "a pod is left"
    if any(not job.finished and not job.suspended for job in world.jobs):
        return "a Job is left that could make pods"
    if world.run is None:
        return "a Job or pod of a deleted run is left" if world.jobs or world.pods else ""
    run = parsed(world.run, setting.options)
    phase = run.status.phase
    if phase in phases.TERMINAL:
        return ""
    wanted = {
        phases.STATE_PENDING: {phases.PENDING},
        phases.STATE_RUNNING: {phases.AWAITING_INPUT},
        phases.STATE_PAUSED: {phases.PAUSED, phases.AWAITING_INPUT},
        phases.STATE_CANCELLED: set(),
    }
    if phase not in wanted[run.spec.state]:
        return f"spec.state is {run.spec.state} and the phase stays {phase or 'empty'}"
    return ""
