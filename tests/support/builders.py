"""Observations of a run, built so that tests read as sentences: `a_run().wanted("Paused").claimed().decided()`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from graphrun_core import names
from graphrun_core.resources import WorkflowRun
from graphrun_core.revisions import revision_name
from graphrun_core.times import to_rfc3339
from graphrun_operator.decide.rules import decide
from graphrun_operator.model import Contender, Line, Observation, Plan
from graphrun_operator.views import JobView, PodView, Revision, Termination, Trouble, WorkflowView

Json = dict[str, Any]

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RUN_UID = "run-uid"
SPEC: Json = {"graph": {"entrypoint": "flow.graph:graph"}}
REVISION = Revision(revision_name("flow", SPEC), "flow", SPEC)


def ago(seconds: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(seconds=seconds)


def a_run(**spec: Any) -> "Scene":
    """A run of the Workflow `flow`, created 10 s ago, of which nothing else is known."""
    return Scene(spec)


class Scene:
    """One run and its surroundings at NOW. Every method answers the scene itself."""

    def __init__(self, spec: Json) -> None:
        self._spec: Json = {"workflowRef": {"name": "flow"}, **spec}
        self._meta: Json = {
            "name": "r",
            "namespace": "n",
            "uid": RUN_UID,
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": to_rfc3339(ago(10)),
        }
        self._status: Json = {}
        self._workflow: WorkflowView | None = WorkflowView("flow", SPEC)
        self._revisions = {REVISION.name: REVISION}
        self._jobs: dict[int, JobView] = {}
        self._pods: dict[int, PodView] = {}
        self._refusal = ""
        self._now = NOW
        self._limit: int | None = None
        self._priority = 0
        self._others: tuple[Contender, ...] = ()
        self._source_uid = ""

    # --- the run

    def wanted(self, state: str) -> Self:
        """spec.state."""
        self._spec["state"] = state
        return self

    def resumed_by(self, resume_id: str, **resume: Any) -> Self:
        """spec.resume."""
        self._spec["resume"] = {"id": resume_id, **resume}
        return self

    def labelled(self, labels: dict[str, str]) -> Self:
        """metadata.labels."""
        self._meta["labels"] = labels
        return self

    def changed_to(self, generation: int) -> Self:
        """metadata.generation."""
        self._meta["generation"] = generation
        return self

    def being_deleted(self) -> Self:
        """With a deletion timestamp."""
        self._meta["deletionTimestamp"] = to_rfc3339(NOW)
        return self

    def created(self, seconds_ago: float) -> Self:
        """Created then."""
        self._meta["creationTimestamp"] = to_rfc3339(ago(seconds_ago))
        return self

    def shown(self, phase: str, reason: str = "", **status: Any) -> Self:
        """status.phase and any further fields of the status, in camelCase."""
        self._status |= {"phase": phase, "reason": reason, **status}
        return self

    def accepted(self, seconds_ago: float) -> Self:
        """With the condition Accepted since then."""
        condition = {"type": "Accepted", "status": "True", "lastTransitionTime": to_rfc3339(ago(seconds_ago))}
        self._status["conditions"] = [*self._status.get("conditions", ()), condition]
        return self

    def on_attempt(self, number: int) -> Self:
        """status.attempt, with all that the operator records of an attempt."""
        self._status |= {
            "attempt": number,
            "jobName": names.job_name("r", number),
            "revision": REVISION.name,
        }
        return self

    # --- the Workflow

    def without_workflow(self) -> Self:
        """The Workflow does not exist, nor any revision of it."""
        self._workflow, self._revisions = None, {}
        return self

    def of_workflow(self, **spec: Any) -> Self:
        """The Workflow has these fields; no revision of it is known."""
        self._workflow, self._revisions = WorkflowView("flow", {**SPEC, **spec}), {}
        return self

    def knowing(self, revision: Revision) -> Self:
        """That revision exists, too."""
        self._revisions = {**self._revisions, revision.name: revision}
        return self

    def in_line(self, *others: Contender, limit: int, priority: int = 0) -> Self:
        """The Workflow has maxConcurrentRuns, and these other runs."""
        self._limit, self._priority, self._others = limit, priority, others
        return self

    def from_run(self, name: str, uid: str = "", **start_from: Any) -> Self:
        """spec.startFrom; the other run exists where a UID is given."""
        self._spec["startFrom"] = {"run": name, **start_from}
        self._source_uid = uid
        return self

    def annotated(self, **annotations: str) -> Self:
        """metadata.annotations, without their prefix and with _ for -."""
        self._meta["annotations"] = {
            f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()
        }
        return self

    # --- Job, pod, runner

    @property
    def _attempt(self) -> int:
        return int(self._status.get("attempt", 1))

    def with_job(self, attempt: int = 0, *, age: float = 1.0, **fields: Any) -> Self:
        """The Job of the current attempt, or of another."""
        number = attempt or self._attempt
        created = ago(age)
        job = JobView(names.job_name("r", number), f"job-{number}", number, REVISION.name, RUN_UID, created)
        self._jobs[number] = replace(job, **fields)
        return self

    def with_pod(self, attempt: int = 0, **fields: Any) -> Self:
        """Its pod, and the Job where there is none yet."""
        number = attempt or self._attempt
        if number not in self._jobs:
            self.with_job(number)
        pod = PodView(f"r-{number}-x", f"pod-{number}", number, f"job-{number}", desired_state="Running")
        self._pods[number] = replace(pod, **fields)
        return self

    def claimed(self, seconds_ago: float = 5.0) -> Self:
        """Its pod has claimed the attempt."""
        number = self._attempt
        if number not in self._pods:
            self.with_pod(number)
        self._status["runner"] = {
            "attempt": number,
            "podName": f"r-{number}-x",
            "podUID": f"pod-{number}",
            "claimTime": to_rfc3339(ago(seconds_ago)),
        }
        return self

    def running(self, seconds_ago: float = 5.0) -> Self:
        """Claimed, and shown as Running."""
        start = to_rfc3339(ago(seconds_ago))
        return (
            self.on_attempt(self._attempt)
            .shown("Running", "AttemptClaimed", startTime=start)
            .claimed(seconds_ago)
        )

    def reported(self, result: str, code: int = 0, **outcome: Any) -> Self:
        """The runner has reported its end."""
        self.stopped()
        self._status["runner"]["outcome"] = {"result": result, "exitCode": code, **outcome}
        return self

    def stopped(self) -> Self:
        """The runner has reported that the processes are gone, no more."""
        self._status["runner"]["stoppedTime"] = to_rfc3339(ago(1))
        return self

    def exited(
        self, code: int, message: str = "", *, reason: str = "Error", seconds_ago: float = 0.5
    ) -> Self:
        """The pod's container has ended."""
        terminated = Termination(code, reason, message, ago(seconds_ago))
        self._pods[self._attempt] = replace(self._pods[self._attempt], terminated=terminated)
        return self

    def pod_gone(self) -> Self:
        """The pod is not there any more."""
        self._pods.pop(self._attempt, None)
        return self

    def pod_deleted(self, grace_left: float = 20.0) -> Self:
        """The pod's deletion was asked for; a negative `grace_left` is how long its grace has been over."""
        deadline = NOW + timedelta(seconds=grace_left)
        self._pods[self._attempt] = replace(self._pods[self._attempt], deadline=deadline, node="node-1")
        return self

    def in_trouble(self, word: str, message: str) -> Self:
        """The pod does not start."""
        self._pods[self._attempt] = replace(self._pods[self._attempt], trouble=Trouble(word, message))
        return self

    def refused_pod(self, message: str) -> Self:
        """The Job controller cannot create the pod."""
        self._refusal = message
        return self

    # --- what comes of it

    def at(self, seconds: float) -> Self:
        """Looked at that long after NOW."""
        self._now = NOW + timedelta(seconds=seconds)
        return self

    def seen(self) -> Observation:
        """The observation."""
        run = WorkflowRun.parse({"metadata": self._meta, "spec": self._spec, "status": self._status})
        return Observation(
            now=self._now,
            run=run,
            workflow=self._workflow,
            revisions=self._revisions,
            jobs=tuple(self._jobs.values()),
            pods=tuple(self._pods.values()),
            pod_refusal=self._refusal,
            line=self._line(run),
            source_uid=self._source_uid,
        )

    def _line(self, run: WorkflowRun) -> Line | None:
        if self._limit is None:
            return None
        return Line(self._limit, (Contender(run, self._priority, has_job=bool(self._jobs)), *self._others))

    def decided(self) -> Plan:
        """What is decided on it."""
        return decide(self.seen())
