"""Logs of a run's attempts: from the pod while it is there, else from what was stored of it."""

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphrun_api.errors import ApiError, ClusterUnavailable, HistoryUnavailable, LogNotFound, RunNotFound
from graphrun_api.finding import Finder
from graphrun_api.kube.live_runs import LiveRuns
from graphrun_api.runs import stored_log
from graphrun_api.runs.pod_log import AttemptPod, LogQuery
from graphrun_api.storage.log_chunks import LogChunks

log = logging.getLogger(__name__)

_BROKEN_OFF: Final = b"\ngraphrun: the log broke off here; ask again\n"


class LogSource(Protocol):
    """Where logs of living pods come from."""

    async def open(self, of: AttemptPod, query: LogQuery) -> AsyncGenerator[bytes, None] | None:
        """The log as it comes, None where the pod has none (any more); raises ClusterUnavailable."""


class AttemptHistory(Protocol):
    """The history, as far as it is needed here."""

    async def attempts(self, uid: str) -> list[Any]:
        """Rows of a run's attempts; raises HistoryUnavailable."""


@dataclass(frozen=True)
class _Place:
    uid: str
    of: AttemptPod


class RunLogs:
    """Opens logs."""

    def __init__(
        self, live: LiveRuns, finder: Finder, history: AttemptHistory, pods: LogSource, stored: LogChunks
    ) -> None:
        self._live, self._finder, self._history = live, finder, history
        self._pods, self._stored = pods, stored

    async def open(self, namespace: str, name: str, query: LogQuery) -> AsyncGenerator[bytes, None]:
        """The log in pieces; to be closed by whoever asked.

        Raises:
            RunNotFound: there is no such run.
            LogNotFound: the attempt has none, or the run has no attempt.
            ClusterUnavailable, HistoryUnavailable, StorageUnavailable: try again.
        """
        place = await self._place(namespace, name, query.attempt)
        unreachable: ClusterUnavailable | None = None
        if place.of.pod:
            try:
                if pieces := await self._pods.open(place.of, query):
                    return _told_where_it_breaks(pieces)
            except (
                ClusterUnavailable
            ) as error:  # its node may be lost: what was stored is better than nothing
                unreachable = error
        chunks = await self._stored.of(place.uid, place.of.attempt)
        if not chunks:
            raise unreachable or LogNotFound(f"attempt {place.of.attempt} of run {name!r} left no log")
        if query.tail is None:
            return stored_log.all_of(self._stored, chunks)
        return _one(await stored_log.last_lines(self._stored, chunks, query.tail))

    async def _place(self, namespace: str, name: str, wanted: int | None) -> _Place:
        """The attempt that is meant; the run itself knows the one that was claimed last, the history all others."""
        try:
            run = await self._live.get(namespace, name)
        except RunNotFound:
            uid, newest = (await self._finder.row_of(namespace, name))["uid"], None
        else:
            uid, newest = run.metadata.uid, run.status.runner
            if newest.attempt and wanted in (None, newest.attempt):
                return _Place(uid, AttemptPod(namespace, name, newest.attempt, newest.pod_name))
        pods = await self._pods_by_attempt(str(uid), wanted)
        attempt = wanted or max(pods, default=0)
        if attempt == 0:
            raise LogNotFound(f"run {name!r} has had no attempt yet; execute it first")
        return _Place(str(uid), AttemptPod(namespace, name, attempt, pods.get(attempt, "")))

    async def _pods_by_attempt(self, uid: str, wanted: int | None) -> dict[int, str]:
        try:
            return {row["attempt"]: row["pod"] for row in await self._history.attempts(uid)}
        except HistoryUnavailable:
            if wanted is None:
                raise
            return {}  # what was stored is found without it


async def _told_where_it_breaks(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    # The answer has begun: a status cannot tell any more.
    try:
        async for piece in pieces:
            yield piece
    except ApiError as error:
        log.warning("a pod's log broke off", extra={"error": str(error)})
        yield _BROKEN_OFF
    finally:
        await pieces.aclose()


async def _one(piece: bytes) -> AsyncGenerator[bytes, None]:
    yield piece
