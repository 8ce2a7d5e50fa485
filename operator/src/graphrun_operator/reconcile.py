"""One pass over one run: observe, decide, apply. Level-triggered: what woke it up does not matter."""

import time
from dataclasses import replace

from graphrun_operator.apply import Applier
from graphrun_operator.decide.acceptance import SchemaQuestion, schema_question
from graphrun_operator.decide.rules import decide
from graphrun_operator.decide.situation import Situation
from graphrun_operator.decide.start import job_refused
from graphrun_operator.errors import Conflict, NotFound, Refused
from graphrun_operator.input_schema import Verdict
from graphrun_operator.lines import Lines
from graphrun_operator.logs import bound_run
from graphrun_operator.metrics import Metrics
from graphrun_operator.model import CreateJob, CreateRevision, Observation, Plan, Requeue, RunKey
from graphrun_operator.observe import Observer
from graphrun_operator.schema_judge import SchemaJudge

_AT_ONCE = Requeue(0, "the run has changed meanwhile")
_LOOK_ON = Requeue(0, "the status was written: what follows from it?")


class Reconciler:
    """Brings one run a step nearer to what is wanted of it."""

    def __init__(
        self, observer: Observer, applier: Applier, lines: Lines, judge: SchemaJudge, metrics: Metrics
    ) -> None:
        self._observer, self._applier, self._lines = observer, applier, lines
        self._judge, self._metrics = judge, metrics

    async def reconcile(self, key: RunKey) -> Requeue | None:
        """One pass; answers when the next one is due by itself.

        Raises:
            OperatorError: try again, after a while.
        """
        began, rule = time.monotonic(), "failed"
        bound_run.set(key)
        try:
            seen = await self._observe(key)
            if seen is None:
                rule = "gone"
                return None if await self._applier.remove_orphans(key) else _AT_ONCE
            plan = decide(seen)
            rule = plan.rule
            if seen.line and plan.opens:
                with self._lines.taking(key):
                    return await self._carry_out(seen, plan)
            return await self._carry_out(seen, plan)
        finally:
            self._metrics.passes.labels(rule).observe(time.monotonic() - began)

    async def _observe(self, key: RunKey) -> Observation | None:
        """What is there of the run, with its input judged where that matters.

        Seen again after the judgement: nothing may be awaited between what is seen and what is decided on it.
        """
        judged: SchemaQuestion | None = None
        verdict: Verdict | None = None
        while True:
            seen = await self._observer.observe(key)
            question = schema_question(seen) if seen else None
            if seen is None or question is None:
                return seen
            if question == judged:
                return replace(seen, input_verdict=verdict)
            judged, verdict = question, await self._judge.verdict(question.schema, question.given)

    async def _carry_out(self, seen: Observation, plan: Plan) -> Requeue | None:
        try:
            await self._applier.apply(seen, plan)
        except Conflict:
            return _AT_ONCE
        except NotFound:
            return None  # the run itself went; its deletion is on its way through the watch
        except Refused as refused:
            if not any(isinstance(write, CreateJob | CreateRevision) for write in plan.writes):
                raise
            await self._tell_refusal(seen, plan, refused)
            raise
        if plan.opens or plan.status:
            # The watch will bring nothing new: the cache has learnt the status from the answer to the write.
            return _LOOK_ON
        return plan.requeue

    async def _tell_refusal(self, seen: Observation, plan: Plan, refused: Refused) -> None:
        """Show a person why there is no Job; the queue tries again, ever more seldom, until startSeconds are over."""
        if plan.opens:
            return  # the opened attempt's own pass will meet the same refusal, and tell
        status = job_refused(Situation(seen), str(refused))
        if status:
            await self._applier.write_status(seen.run, status)
