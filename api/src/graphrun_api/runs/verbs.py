"""Execute, pause, resume, cancel: judge a view of the run, change what is wanted on exactly that view, wait for what follows."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from graphrun_api import standing
from graphrun_api.auth.guard import Access
from graphrun_api.errors import PreconditionFailed, VerbRefused
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runs import manifests, rules
from graphrun_api.runs.repeats import Asked, is_repeated, note
from graphrun_api.runs.rules import Verdict
from graphrun_api.runs.schemas import Cancelled, Executed, ExecuteRun, Paused, PauseRun, Resumed, ResumeRun
from graphrun_api.runs.service import Runs
from graphrun_api.standing import is_settling, status_of
from graphrun_core import phases
from graphrun_core.resources import WorkflowRun

Json = dict[str, Any]
Operations = Callable[[WorkflowRun], list[Json]]

# Statuses that nothing but a person leads out of.
_STANDS: Final = standing.ENDED | {standing.PAUSED, standing.INTERRUPTED}
# How long a cancel waits for the proof that everything has stopped, in seconds.
CANCEL_SECONDS: Final = 1.0
# How long an end that was reported may take to become the run's phase before a verb is judged without it.
_SETTLE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Target:
    """Who asks, and of which run.

    Attributes:
        key: the request's Idempotency-Key; empty where it has none.
        version: only if this is still the run's resourceVersion (If-Match); empty for any.
    """

    access: Access
    name: str
    key: str = ""
    version: str = ""

    def asked(self, verb: str, *content: object) -> Asked | None:
        """The request, as it is known again when it is repeated."""
        return Asked.of(self.access.who.username, self.key, verb, self.name, *content)


class Verbs:
    """The four verbs."""

    def __init__(self, live: LiveRuns, runs: Runs) -> None:
        self._live = live
        self._runs = runs

    async def execute(self, target: Target, request: ExecuteRun) -> Executed:
        """Start a pending run."""
        input_ref, replaced = "", request.input_data
        asked = target.asked(rules.EXECUTE, replaced)
        if replaced is not None and not is_repeated(run := await self._settled(target), asked):
            rules.judge(rules.EXECUTE, rules.effective_status(run))
            await self._runs.check_input(target.access.namespace, run.spec.workflow_ref.name, replaced)
            input_ref = await self._runs.stored_input(replaced)

        def operations(run: WorkflowRun) -> list[Json]:
            new_input = manifests.set_input(run, replaced, input_ref) if replaced is not None else []
            return [*new_input, *manifests.set_state(run, phases.STATE_RUNNING, target.access.who.username)]

        run = await self._apply(target, rules.EXECUTE, operations, asked)
        return Executed(
            run_id=target.name,
            status=standing.RUNNING,
            started_at=run.status.start_time or datetime.now(UTC),
            message="The run was accepted and starts.",
        )

    async def pause(self, target: Target, request: PauseRun, wait: float) -> Paused:
        """Pause a running run, and wait up to `wait` seconds until it is."""

        def operations(run: WorkflowRun) -> list[Json]:
            state = manifests.set_state(run, phases.STATE_PAUSED, target.access.who.username)
            return [*manifests.set_pause(run, request), *state]

        asked = target.asked(rules.PAUSE, request.model_dump())
        run = await self._apply(target, rules.PAUSE, operations, asked)
        run = await self._live.wait(run, lambda seen: status_of(seen) != standing.PAUSING, wait)
        status = status_of(run)
        if status in standing.ENDED:
            raise VerbRefused(f"the run has ended before it could pause: it is {status}")
        checkpoint = run.status.runner.checkpoint
        stands = status in {standing.PAUSED, standing.INTERRUPTED}
        return Paused(
            run_id=target.name,
            status=status,
            paused_at=(run.status.paused_time or datetime.now(UTC)) if stands else None,
            checkpoint_id=checkpoint.id if checkpoint else None,
            message=_PAUSE_MESSAGES.get(status, "The run was resumed by someone else."),
        )

    async def resume(self, target: Target, request: ResumeRun) -> Resumed:
        """Let a paused or awaiting run go on."""
        manifests.refuse_large("value", request.value)
        manifests.refuse_large("update.values", request.update.values if request.update else None)
        resume_id = str(uuid.uuid4())

        def operations(run: WorkflowRun) -> list[Json]:
            state = manifests.set_state(run, phases.STATE_RUNNING, target.access.who.username)
            return [*manifests.set_resume(request, resume_id), *state]

        await self._apply(target, rules.RESUME, operations, target.asked(rules.RESUME, request.model_dump()))
        return Resumed(
            run_id=target.name,
            status=standing.RUNNING,
            resumed_at=datetime.now(UTC),
            message="The run goes on in a new attempt.",
        )

    async def cancel(self, target: Target) -> Cancelled:
        """Cancel a run that has not ended, and wait a moment for the proof."""

        def operations(run: WorkflowRun) -> list[Json]:
            return manifests.set_state(run, phases.STATE_CANCELLED, target.access.who.username)

        run = await self._apply(target, rules.CANCEL, operations, target.asked(rules.CANCEL))
        run = await self._live.wait(run, lambda seen: status_of(seen) in standing.ENDED, CANCEL_SECONDS)
        status = status_of(run)
        if status in standing.ENDED - {standing.CANCELLED}:
            raise VerbRefused(f"cannot cancel this run: it is already {status}")
        done = status == standing.CANCELLED
        return Cancelled(
            run_id=target.name,
            status=standing.CANCELLED if done else standing.CANCELLING,
            cancelled_at=run.status.completion_time if done else None,
            message="Nothing of the run runs any more." if done else "The run's processes are being stopped.",
        )

    async def until_it_stands(self, target: Target, seconds: float) -> bool:
        """Wait until the run has ended, or goes on only once somebody does something; whether it has within `seconds`."""
        run = await self._live.get(target.access.namespace, target.name)
        run = await self._live.wait(run, lambda seen: status_of(seen) in _STANDS, seconds)
        return status_of(run) in _STANDS

    async def cancel_quietly(self, target: Target) -> None:
        """Cancel where there is something to cancel; a run that has ended is fine too."""
        try:
            await self.cancel(target)
        except VerbRefused:
            return

    async def _apply(
        self, target: Target, verb: str, operations: Operations, asked: Asked | None
    ) -> WorkflowRun:
        """Judge and change; nothing is changed where the run is asked to do what it does already, or has done."""
        await self._settled(target)

        def decide(run: WorkflowRun) -> list[Json]:
            if is_repeated(run, asked):
                return []
            if target.version and target.version != run.metadata.resource_version:
                raise PreconditionFailed
            verdict = rules.judge(verb, rules.effective_status(run))
            if verdict is Verdict.APPLY:
                return [*operations(run), *note(run, asked)]
            # Joined, it is remembered too: sent again after the run went on, it must not ask for the same anew.
            joins = asked is not None and verdict is Verdict.JOIN
            return [*manifests.with_annotations(run), *note(run, asked)] if joins else []

        return await self._live.change(target.access.namespace, target.name, decide)

    async def _settled(self, target: Target) -> WorkflowRun:
        """The run, once the operator has drawn its conclusion from an end that was just reported."""
        run = await self._live.get(target.access.namespace, target.name)
        return await self._live.wait(run, lambda seen: not is_settling(seen), _SETTLE_SECONDS)


_PAUSE_MESSAGES: Final = {
    standing.PAUSED: "The run is paused; its state is stored and its pod is freed.",
    standing.INTERRUPTED: "The graph asked for input before the pause; its state is stored and its pod is freed.",
    standing.PAUSING: "The nodes under way are being finished.",
}
