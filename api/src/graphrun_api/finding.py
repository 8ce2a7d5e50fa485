"""Which run a name means: the one that is there, else the newest of that name that the history knows."""

from typing import Annotated, Any, Final, Protocol

from fastapi import Path, Request
from pydantic import StringConstraints

from graphrun_api.errors import HistoryUnavailable, RunNotFound
from graphrun_api.kube.live_runs import LiveRuns

# As Kubernetes names objects: nothing that could lead elsewhere in a path.
NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
RunId = Annotated[str, Path(max_length=253, pattern=NAME_PATTERN, description="the run's id")]
RunName = Annotated[str, StringConstraints(max_length=253, pattern=NAME_PATTERN)]
Row = Any  # asyncpg.Record: a mapping by column


class RunRows(Protocol):
    """The history, as far as it is needed here."""

    async def run_row(self, namespace: str, name: str) -> Row | None:
        """The newest run of this name; raises HistoryUnavailable."""


class Finder:
    """Finds runs, also those whose resource is gone."""

    def __init__(self, live: LiveRuns, reads: RunRows) -> None:
        self._live, self._reads = live, reads

    async def uid_of(self, namespace: str, name: str) -> str:
        """The run's UID.

        Raises:
            RunNotFound: neither the cluster nor the history has it.
            HistoryUnavailable: the cluster has none, and the history is out of reach.
        """
        try:
            return (await self._live.get(namespace, name)).metadata.uid
        except RunNotFound:
            uid: str = (await self.row_of(namespace, name))["uid"]
            return uid

    async def row_of(self, namespace: str, name: str) -> Row:
        """The history's row of a run that has no resource; raises as `uid_of` does."""
        try:
            row = await self._reads.run_row(namespace, name)
        except HistoryUnavailable as error:
            # Whether the run ever was cannot be told now.
            raise HistoryUnavailable(
                f"there is no live run {name!r}, and the history is out of reach"
            ) from error
        if row is None:
            raise RunNotFound(f"there is no run {name!r} in this project")
        return row


def finder_of(request: Request) -> Finder:
    """A dependency for routes."""
    found: Finder = request.app.state.finder
    return found
