"""Inputs are checked against their schemas beside the operator, in processes that are ended when they take too long.

A schema that has been slow once waits in a lane of its own from then on, so that it slows only its like.
"""

import asyncio
import hashlib
import json
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from graphrun_operator.errors import JudgeBusy
from graphrun_operator.input_schema import Verdict

Json = dict[str, Any]

# A schema that a person wrote takes milliseconds.
_SECONDS: Final = 1.0
# The process's own start, on a machine that is busy.
_START_SECONDS: Final = 20.0
_KEPT: Final = 1024
_LINE_BYTES: Final = 16 * 1024 * 1024
_SLOW: Final = Verdict(
    "WorkflowInvalid",
    f"spec.inputSchema: checking this input takes longer than {_SECONDS:g} s; simplify its patterns and references",
)


class SchemaJudge:
    """Answers verdicts, and remembers them: a run asks again in every pass until its Job is made."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Verdict] = OrderedDict()
        self._slow: OrderedDict[str, None] = OrderedDict()
        self._swift_lane, self._slow_lane = _Lane(), _Lane()

    async def verdict(self, schema: Json, given: object) -> Verdict:
        """What stands against `given`.

        Raises:
            JudgeBusy: too much is waiting to be checked; ask again later.
        """
        question = json.dumps({"schema": schema, "given": given})
        key, schema_key = _digest(question), _digest(json.dumps(schema))
        known = self._known.get(key)
        if known:
            return known
        verdict = await self._ask(question, schema_key)
        if verdict is None:
            verdict = _SLOW
            _remember(self._slow, schema_key, None)
        _remember(self._known, key, verdict)
        return verdict

    async def _ask(self, question: str, schema_key: str) -> Verdict | None:
        if schema_key not in self._slow:
            async with self._swift_lane.turn():
                # Not if it has been found to be slow while this one waited.
                if schema_key not in self._slow:
                    return await self._swift_lane.ask(question)
        async with self._slow_lane.turn():
            return await self._slow_lane.ask(question)

    def close(self) -> None:
        """End the processes."""
        self._swift_lane.end()
        self._slow_lane.end()


class _Lane:
    """One process, started when it is first needed, and one question at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The right to ask.

        Raises:
            JudgeBusy: others have been waiting for too long.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            message = "other inputs are being checked"
            raise JudgeBusy(message) from error
        try:
            yield
        finally:
            self._turn.release()

    async def ask(self, question: str) -> Verdict | None:
        """The verdict; None where there is none in time. In one's turn alone."""
        process = self._process or await self._begin()
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await _exchange(process, question)
        except (TimeoutError, OSError):
            answer = b""
        except asyncio.CancelledError:
            self.end()
            raise
        if not answer:  # too slow, or it has ended itself over it
            self.end()
            return None
        return Verdict(**json.loads(answer))

    async def _begin(self) -> asyncio.subprocess.Process:
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "graphrun_operator.input_schema",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                # Its imports are not the first question's fault.
                await _exchange(process, '{"schema": {}, "given": {}}')
        except (TimeoutError, OSError) as error:
            self.end()
            message = "the process that checks inputs does not start"
            raise JudgeBusy(message) from error
        except asyncio.CancelledError:
            self.end()  # or its answer to this would be taken for the next question's
            raise
        return process

    def end(self) -> None:
        """Whatever it is at."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process = None


async def _exchange(process: asyncio.subprocess.Process, question: str) -> bytes:
    assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(question.encode() + b"\n")
    await process.stdin.drain()
    return await process.stdout.readline()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _remember(memory: OrderedDict[str, Any], key: str, value: object) -> None:
    memory[key] = value
    while len(memory) > _KEPT:
        memory.popitem(last=False)
