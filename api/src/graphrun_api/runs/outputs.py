"""The output of a completed run, wherever it lies."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api import standing
from graphrun_api.errors import NotFinished, OutputNotFound, StorageUnavailable
from graphrun_api.standing import status_of
from graphrun_api.storage.objects import Objects
from graphrun_core.resources import WorkflowRun

Row = Any  # asyncpg.Record: a mapping by column
# An output up to this size, in bytes, is shown within the run itself.
SHOWN_BYTES: Final = 1_048_576


@dataclass(frozen=True)
class Output:
    """Where an output is: as JSON text, or under a key in object storage. Both empty: there is none."""

    uid: str
    text: str = ""
    key: str = ""


def output_of(run: WorkflowRun) -> Output | None:
    """Where the run's output is; None while it has not completed."""
    if status_of(run) != standing.COMPLETED:
        return None
    outcome = run.status.runner.outcome
    if outcome is None:
        return Output(run.metadata.uid)
    if outcome.output_ref:
        return Output(run.metadata.uid, key=outcome.output_ref)
    return Output(run.metadata.uid, text=json.dumps(outcome.output))


def output_of_row(row: Row) -> Output | None:
    """The same of a run whose resource is gone."""
    if row["status"] != standing.COMPLETED:
        return None
    return Output(row["uid"], row["output"] or "", row["output_ref"])


@dataclass(frozen=True)
class OpenedOutput:
    """An output that is there, as JSON of `size` bytes; `text` holds it where it does not lie in storage."""

    size: int
    text: bytes
    key: str
    objects: Objects

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end`, a little at a time; raises StorageUnavailable, also in between."""
        if not self.key:
            yield self.text[start:end]
            return
        async for piece in self.objects.pieces(self.key, start, end, self.size):
            yield piece


async def open_output(output: Output | None, objects: Objects) -> OpenedOutput:
    """Find the output.

    Raises:
        NotFinished: the run has not completed.
        OutputNotFound: it has none, or what it left in storage is gone.
        StorageUnavailable: try again.
    """
    if output is None:
        raise NotFinished("the run has not completed; its output is there once its status is COMPLETED")
    if output.text:
        text = output.text.encode()
        return OpenedOutput(len(text), text, "", objects)
    size = await objects.size(output.key) if _is_own(output, objects) else None
    if not size:
        raise OutputNotFound("the run left no output, or it is no longer in object storage")
    return OpenedOutput(size, b"", output.key, objects)


async def shown_output(output: Output | None, objects: Objects) -> bytes | None:
    """The output as JSON where it stands within the run itself: b"" where there is none, None for one too large for that.

    An output that storage cannot tell of at present counts as too large: whoever asks for it is told to try again.
    """
    if output is None:
        return b""
    if output.text:
        return output.text.encode() if len(output.text) <= SHOWN_BYTES else None
    if not _is_own(output, objects):
        return b""
    try:
        size = await objects.size(output.key) or 0
        return await objects.read(output.key) or b"" if size <= SHOWN_BYTES else None
    except StorageUnavailable:
        return None


def _is_own(output: Output, objects: Objects) -> bool:
    """The key comes from the runner: it must not make us read what belongs to another run."""
    return objects.is_output_of(output.key, output.uid)
