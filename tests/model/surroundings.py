"""What Kubernetes does by itself, what nodes do, and what users do."""

from collections.abc import Iterator

from graphrun_core import phases
from model.resource import parsed, waited, waits
from model.setting import Setting
from model.world import EXITED, Job, Pod, Run, Step, World, touched, with_job, with_pod


def kubernetes(world: World) -> Iterator[Step]:
    """The Job controller, the garbage collector, the kubelets."""
    for place, job in enumerate(world.jobs):
        yield from _job_controller(world, place, job)
    for place, pod in enumerate(world.pods):
        if not pod.exists:
            continue
        if not pod.deleting and not any(job.uid == f"job-{pod.attempt}.{pod.serial}" for job in world.jobs):
            yield Step(f"the garbage collector deletes {pod.label}", with_pod(world, place, deleting=True))
        if pod.deleting and pod.doing == EXITED and not pod.lost:
            yield Step(f"{pod.label} is gone", with_pod(world, place, exists=False))


def _job_controller(world: World, place: int, job: Job) -> Iterator[Step]:
    if world.run is None:
        after = world._replace(jobs=(*world.jobs[:place], *world.jobs[place + 1 :]))
        yield Step(f"the garbage collector removes Job {job.attempt}", after)
    here = next((i for i, pod in enumerate(world.pods) if pod[:3] == job[:3] and pod.exists), None)
    if not job.podded and not job.suspended:
        made = world._replace(pods=tuple(sorted((*world.pods, Pod(job.attempt, job.serial, job.turn)))))
        yield Step(f"the Job controller makes pod {job.attempt}", with_job(made, place, podded=True))
    if job.suspended and here is not None and _alive(world.pods[here]) and not world.pods[here].deleting:
        label = f"the Job controller deletes {world.pods[here].label}, its Job being suspended"
        yield Step(label, with_pod(world, here, deleting=True))
    pod = None if here is None else world.pods[here]
    if job.podded and not job.finished and not (pod and _alive(pod)) and _counts(job, pod):
        yield Step(f"the Job controller closes Job {job.attempt}", with_job(world, place, finished=True))


def _counts(job: Job, pod: Pod | None) -> bool:
    """Seen on 1.36: a pod stopped by its Job's suspension is no failure; one that ended by itself closes it all the same."""
    return not job.held or (pod is not None and (pod.disrupted or not pod.deleting))


def queue(world: World, setting: Setting) -> Iterator[Step]:
    """Kueue, or whoever else suspends Jobs and lets them go again."""
    for place, job in enumerate(world.jobs):
        if job.finished:
            continue
        if job.held and job.suspended:
            alive = any(_alive(pod) for pod in world.pods if pod[:3] == job[:3] and pod.exists)
            again = {} if alive or not job.podded else {"podded": False, "turn": job.turn + 1}
            free = with_job(world, place, suspended=False, held=False, **again)
            yield Step(f"the queue lets Job {job.attempt} go", free)
        elif not job.suspended and world.faults and "suspension" in setting.fault_kinds:
            cost = world._replace(faults=world.faults - 1)
            held = with_job(cost, place, suspended=True, held=True)
            yield Step(f"a queue suspends Job {job.attempt}", held, fair=False)


def _alive(pod: Pod) -> bool:
    """For all that the API server shows."""
    return pod.doing != EXITED or pod.lost


def nodes(world: World, setting: Setting) -> Iterator[Step]:
    """Evictions; nodes that go out of reach, come back, or are removed."""
    for place, pod in enumerate(world.pods):
        if not pod.exists:
            continue
        if pod.lost:
            yield Step(f"the node of {pod.label} is back", with_pod(world, place, lost=False))
            removed = with_pod(world, place, lost=False, exists=False, doing=EXITED, end=pod.end or "Killed")
            yield Step(f"the node of {pod.label} is removed", removed, fair=False)
        elif world.faults and pod.doing != EXITED:
            yield from _taken(world, place, pod, setting)


def _taken(world: World, place: int, pod: Pod, setting: Setting) -> Iterator[Step]:
    cost = world._replace(faults=world.faults - 1)
    if "eviction" in setting.fault_kinds and not pod.deleting:
        evicted = with_pod(cost, place, deleting=True, disrupted=True)
        yield Step(f"{pod.label} is evicted", evicted, fair=False)
    if "node lost" in setting.fault_kinds:
        lost = with_pod(cost, place, deleting=True, disrupted=True, lost=True, zombie=True)
        yield Step(f"the node of {pod.label} is lost", lost, fair=False)


def clock(world: World, setting: Setting) -> Iterator[Step]:
    """The times that are waited for: a retry's, and the end of startSeconds."""
    for place, job in enumerate(world.jobs):
        if setting.start_times_out and not job.old and not job.finished:
            yield Step(
                f"startSeconds of attempt {job.attempt} are over",
                with_job(world, place, old=True),
                fair=False,
            )
    if world.run and waits(world.run.status):
        run = world.run._replace(status=waited(world.run.status))
        yield Step("the wait of the retry is over", world._replace(run=run))


def user(world: World, setting: Setting) -> Iterator[Step]:
    """Whoever writes spec: a person, GitOps, or the API on their behalf."""
    if not world.moves or world.run is None:
        return
    rest = world._replace(moves=world.moves - 1)
    seen = parsed(world.run, setting.options)
    if "delete" in setting.moves_allowed:
        yield Step("the user deletes the run", touched(rest, None), fair=False)
    if seen.is_finished:
        return
    for label, run in _wishes(world.run, setting, asks=seen.status.phase == phases.AWAITING_INPUT):
        yield Step(f"the user {label}", touched(rest, run), fair=False)


def _wishes(run: Run, setting: Setting, *, asks: bool) -> Iterator[tuple[str, Run]]:
    allowed = setting.moves_allowed
    if run.state in ("Running", "Paused") and "cancel" in allowed:
        yield "cancels", run._replace(state="Cancelled")
    if run.state == "Pending" and "cancel" in allowed:
        yield "cancels", run._replace(state="Cancelled")
    if run.state == "Running" and "pause" in allowed:
        yield "pauses", run._replace(state="Paused")
    if run.state in ("Paused", "Pending") and "resume" in allowed:
        yield "sets Running", run._replace(state="Running")
    if "answer" in allowed and run.state != "Cancelled" and asks:
        yield "answers", run._replace(state="Running", resume_id=run.resume_id + "a")
