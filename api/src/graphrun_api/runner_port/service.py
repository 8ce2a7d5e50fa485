"""Claim, command and report: compare-and-set on the resource, and nothing that needs Postgres."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Final

from graphrun_api.errors import ClaimRefused, RunNotFound, StaleView, Superseded
from graphrun_api.kube.errors import Conflict, Invalid, Missing
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runner_port import grants, runner_status
from graphrun_api.runner_port.bindings import Binding
from graphrun_api.runner_port.holders import Holders, holds
from graphrun_api.runner_port.revisions import Revisions
from graphrun_api.storage.objects import Objects
from graphrun_core.claims import ClaimDenied, ClaimGranted, decide_claim
from graphrun_core.phases import STATE_CANCELLED
from graphrun_core.protocol import OUTPUT_INLINE_BYTES, ClaimGrant, Command
from graphrun_core.resources import WorkflowRun

log = logging.getLogger(__name__)

Json = dict[str, Any]
_ATTEMPTS: Final = 10


class RunnerService:
    """What runners ask of the API, events aside."""

    def __init__(self, live: LiveRuns, revisions: Revisions, objects: Objects) -> None:
        self._live = live
        self._revisions = revisions
        self._objects = objects
        self._holders = Holders(live)

    async def claim(self, binding: Binding) -> ClaimGrant:
        """Take the attempt for this pod; the same pod asking again gets the same answer.

        Raises:
            ClaimRefused: nothing may run in this pod.
            StaleView: the run kept changing; ask again.
        """
        workflow = await self._revisions.get(binding.namespace, binding.revision)
        # A claim decides on the API server's word: a cached view would as a rule cost a conflict.
        for _ in range(_ATTEMPTS):
            run = await self._run_to_claim(binding)
            decision = decide_claim(run, attempt=binding.attempt, pod_uid=binding.pod_uid)
            if isinstance(decision, ClaimDenied):
                raise ClaimRefused(decision.message, state=decision.state)
            if isinstance(decision, ClaimGranted):
                claimed = runner_status.claimed(run.status.runner, binding, datetime.now(UTC))
                try:
                    run = await self._live.apply_runner(run, claimed)
                except (Conflict, Missing):
                    continue
                log.info("attempt claimed", extra={"run": binding.run, "attempt": binding.attempt})
            return grants.grant_of(run, binding, workflow, self._objects.access)
        raise StaleView

    async def command(self, binding: Binding, known: str, wait: float) -> Command | None:
        """What the run should do, as soon as that is not `known`; None after `wait` seconds.

        Raises:
            Superseded: another attempt has taken over.
        """
        deadline = asyncio.get_running_loop().time() + wait
        with self._live.cache.bell(binding.namespace, binding.run) as bell:
            while True:
                bell.clear()
                command = await self._command(binding)
                if command["state"] != known:
                    return command
                try:
                    async with asyncio.timeout_at(deadline):
                        await bell.wait()
                except TimeoutError:
                    return None
                if self._live.cache.is_closing:
                    return None

    async def report(self, binding: Binding, report: Json) -> None:
        """Write down how the attempt ended, in one write; repeating it changes nothing.

        Raises:
            Superseded: this pod does not hold the current attempt.
            StaleView: the run kept changing; send it again.
        """
        report = await self._with_stored_output(binding, report)
        run = await self._holders.run_of(binding)
        for _ in range(_ATTEMPTS):
            before = run.status.runner
            after = runner_status.reported(before, report, datetime.now(UTC))
            if after == runner_status.whole(before):
                return
            try:
                await self._write_report(run, after)
            except Conflict:
                run = await self._holders.fetched_run_of(binding)
                continue
            except Missing as error:
                raise Superseded("the run is gone") from error
            log.info("attempt reported", extra={"run": binding.run, "attempt": binding.attempt})
            return
        raise StaleView

    async def _write_report(self, run: WorkflowRun, after: Json) -> None:
        try:
            await self._live.apply_runner(run, after)
        except Invalid as error:
            # How it ended must not be lost over how it was told.
            log.warning("report was cut short", extra={"run": run.metadata.name, "error": str(error)})
            await self._live.apply_runner(run, runner_status.bare(after))

    async def _run_to_claim(self, binding: Binding) -> WorkflowRun:
        try:
            run = await self._live.fetch(binding.namespace, binding.run)
        except RunNotFound as error:
            raise ClaimRefused("the run is gone", state=STATE_CANCELLED) from error
        if run.metadata.uid != binding.run_uid:
            raise ClaimRefused("the run was deleted and made anew", state=STATE_CANCELLED)
        return run

    async def _command(self, binding: Binding) -> Command:
        cached = self._live.cache.get(binding.namespace, binding.run)
        if cached is None or not holds(cached, binding):
            try:
                cached = await self._live.fetch(binding.namespace, binding.run)
            except RunNotFound:
                return grants.CANCELLED
            if cached.metadata.uid != binding.run_uid:
                return grants.CANCELLED
            if not holds(cached, binding):
                raise Superseded
        return grants.command_of(cached, await self._revisions.get(binding.namespace, binding.revision))

    async def _with_stored_output(self, binding: Binding, report: Json) -> Json:
        """Keep the resource small, and never let a report point at what is not its run's."""
        outcome = report.get("outcome")
        if not isinstance(outcome, dict):
            return report
        fitting = dict(outcome)
        if runner_status.needs_storage(outcome, OUTPUT_INLINE_BYTES):
            output = fitting.pop("output")
            fitting["outputRef"] = await self._objects.keep_output(binding.run_uid, binding.attempt, output)
        elif outcome.get("outputRef") and not self._objects.is_output_of(
            str(outcome["outputRef"]), binding.run_uid
        ):
            log.warning("reported output is not of this run", extra={"run": binding.run})
            del fitting["outputRef"]
        return {**report, "outcome": fitting}
