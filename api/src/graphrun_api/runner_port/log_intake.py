"""Chunks of logs, taken from the pod that holds an attempt, or held it until just now."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphrun_api.errors import BodyInvalid, BodyTooLarge, FieldError, RunNotFound, Superseded
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runner_port.bindings import Binding
from graphrun_api.storage.log_chunks import LogChunks
from graphrun_core.protocol import LOG_CHUNK_BYTES
from graphrun_core.resources import WorkflowRun

# As long as a chunk's key can tell it.
_OFFSET_LIMIT: Final = 10**16
Json = dict[str, Any]


class AttemptHistory(Protocol):
    """The history, as far as it is needed here."""

    async def attempts(self, uid: str) -> list[Any]:
        """Rows of a run's attempts; raises HistoryUnavailable."""


@dataclass(frozen=True)
class Chunk:
    """A piece of an attempt's output: `size` bytes from `offset` on, as UTF-8."""

    offset: int
    size: int
    text: bytes


class LogIntake:
    """Judges and stores chunks."""

    def __init__(self, live: LiveRuns, history: AttemptHistory, chunks: LogChunks) -> None:
        self._live, self._history, self._chunks = live, history, chunks

    async def take(self, binding: Binding, body: Json) -> None:
        """Store a chunk of the log of the pod's attempt.

        Raises:
            BodyInvalid, BodyTooLarge: names the field.
            Superseded: this pod never held the attempt.
            HistoryUnavailable, StorageUnavailable: send it again.
        """
        chunk = read_chunk(body, binding.attempt)
        if not await self._held(binding):
            raise Superseded
        await self._chunks.keep(binding.run_uid, binding.attempt, (chunk.offset, chunk.size), chunk.text)

    async def _held(self, binding: Binding) -> bool:
        """The last chunk comes after the attempt has ended: another may have begun, or the run may be gone."""
        cached = self._live.cache.get(binding.namespace, binding.run)
        if cached is not None and _was_claimed_by(cached, binding):
            return True
        try:
            if _was_claimed_by(await self._live.fetch(binding.namespace, binding.run), binding):
                return True
        except RunNotFound:
            pass  # the history knows it still
        rows = await self._history.attempts(binding.run_uid)
        return any(row["attempt"] == binding.attempt and row["pod"] == binding.pod_name for row in rows)


def read_chunk(body: Json, attempt: int) -> Chunk:
    """The chunk that a body holds.

    Raises:
        BodyInvalid: a field is missing, of another kind, or of another attempt than the pod's.
        BodyTooLarge: the text is over the limit.
    """
    if _whole("attempt", body, _OFFSET_LIMIT) != attempt:
        raise _wrong("attempt", f"this pod was made for attempt {attempt}")
    offset, size = _whole("offset", body, _OFFSET_LIMIT), _whole("size", body, LOG_CHUNK_BYTES + 1)
    text = body.get("text")
    if not isinstance(text, str):
        raise _wrong("text", "must be a string")
    # Each byte of output becomes one character at most.
    if len(text) > LOG_CHUNK_BYTES:
        raise BodyTooLarge(f"text: over {LOG_CHUNK_BYTES} characters; send it in several chunks")
    try:
        return Chunk(offset, size, text.encode())
    except UnicodeEncodeError as error:
        raise _wrong("text", "has half of a surrogate pair; send U+FFFD for what is no text") from error


def _whole(field: str, body: Json, limit: int) -> int:
    value = body.get(field)
    if type(value) is not int or not 0 <= value < limit:
        raise _wrong(field, f"must be a whole number from 0 to {limit - 1}")
    return value


def _wrong(field: str, message: str) -> BodyInvalid:
    return BodyInvalid(f"{field}: {message}", fields=[FieldError(field, message)])


def _was_claimed_by(run: WorkflowRun, binding: Binding) -> bool:
    runner = run.status.runner
    return (
        run.metadata.uid == binding.run_uid
        and runner.attempt == binding.attempt
        and runner.pod_uid == binding.pod_uid
    )
