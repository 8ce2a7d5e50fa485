"""Verdicts from a process beside: what becomes of a question that nobody waits for any more."""

import asyncio
import contextlib

from graphrun_operator.input_schema import Verdict
from graphrun_operator.schema_judge import SchemaJudge

SCHEMA = {"type": "object", "required": ["name"]}


async def process_of(judge: SchemaJudge) -> asyncio.subprocess.Process:
    """The process, as soon as it is there."""
    while (process := judge._swift_lane._process) is None:  # noqa: ASYNC110 - at the very moment
        await asyncio.sleep(0)
    return process


async def test_a_pass_that_is_cut_while_the_process_starts_answers_no_later_question() -> None:
    judge = SchemaJudge()
    cut = asyncio.create_task(judge.verdict(SCHEMA, {"name": "Ann"}))
    first = await process_of(judge)
    cut.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await cut

    refused = await judge.verdict(SCHEMA, {})
    accepted = await judge.verdict(SCHEMA, {"name": "Ann"})

    second = await process_of(judge)
    judge.close()
    await asyncio.gather(first.wait(), second.wait())
    assert refused.reason == "InputInvalid"
    assert accepted == Verdict()
