"""Reads checkpoints of runs: of those that are there, and of those that are gone while storage has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

from graphrun_api.checkpoints import clipping, comparing
from graphrun_api.checkpoints.clipping import Budget
from graphrun_api.checkpoints.schemas import (
    CheckpointDetail,
    CheckpointDiff,
    CheckpointList,
    CheckpointSummary,
    CheckpointValue,
    PendingWrite,
    StateChange,
)
from graphrun_api.errors import CheckpointDamaged, CheckpointNotFound, StorageUnavailable
from graphrun_checkpoints import CheckpointError, CheckpointReader

Json = dict[str, Any]

LATEST: Final = "latest"
# An answer holds this many bytes of state at most, whatever is asked for.
_ANSWER_BYTES: Final = 4 * 1024 * 1024
_CHANGES: Final = 500
_CHANGE_BYTES: Final = 1024


class Checkpoints:
    """The stored states under the UIDs of runs.

    Every method raises StorageUnavailable, and CheckpointDamaged for what cannot be read.
    """

    def __init__(self, reader: CheckpointReader) -> None:
        self._reader = reader

    async def page(self, uid: str, ns: str, limit: int, before: str) -> CheckpointList:
        """A run's checkpoints, newest first; none where it has not stored one."""
        async with _told():
            found = await self._reader.list_checkpoints(uid, ns, limit=limit + 1, before=before)
        items = [
            CheckpointSummary(
                checkpoint_id=info.id,
                ns=info.ns,
                parent_id=info.parent_id,
                step=info.step,
                source=info.source,
                created_at=info.time,
                bytes=info.bytes,
            )
            for info in found[:limit]
        ]
        return CheckpointList(
            items=items, next_cursor=items[-1].checkpoint_id if len(found) > limit else None
        )

    async def detail(
        self, uid: str, checkpoint_id: str, ns: str, *, depth: int, max_bytes: int
    ) -> CheckpointDetail:
        """A state, with what is too large named by its place; raises CheckpointNotFound."""
        state = await self._state(uid, checkpoint_id, ns)
        budget = Budget(depth, max_bytes, _ANSWER_BYTES)
        values, deltas, metadata = (
            {
                key: clipping.clip(each, f"/{part}/{_escaped(key)}", budget)
                for key, each in state[part].items()
            }
            for part in ("values", "deltas", "metadata")
        )
        writes = [
            PendingWrite(
                task_id=write["task_id"],
                channel=write["channel"],
                value=clipping.clip(write["value"], f"/pending_writes/{at}/value", budget),
            )
            for at, write in enumerate(state["pending_writes"])
        ]
        return CheckpointDetail(
            checkpoint_id=state["id"],
            ns=state["ns"],
            parent_id=state["parent_id"],
            step=state["step"],
            source=state["source"] or "",
            created_at=state["time"],
            values=values,
            deltas=deltas,
            metadata=metadata,
            pending_writes=writes,
        )

    async def value(self, uid: str, checkpoint_id: str, ns: str, path: str) -> CheckpointValue:
        """One value of a state, whole; raises CheckpointNotFound, also where nothing is at that place."""
        state = await self._state(uid, checkpoint_id, ns)
        try:
            return CheckpointValue(path=path, value=clipping.find(state, path))
        except KeyError as error:
            raise CheckpointNotFound(f"path: the state has nothing at {path!r}") from error

    async def diff(self, uid: str, before: str, after: str, ns: str) -> CheckpointDiff:
        """What is different in `after`; raises CheckpointNotFound."""
        first, second = await self._state(uid, before, ns), await self._state(uid, after, ns)
        found = list(islice(comparing.changes(_compared(first), _compared(second)), _CHANGES + 1))
        budget = Budget(0, _CHANGE_BYTES, _ANSWER_BYTES)
        shown = [
            StateChange(
                path=each.path,
                kind=each.kind,
                before=clipping.clip(each.before, each.path, budget),
                after=clipping.clip(each.after, each.path, budget),
            )
            for each in found[:_CHANGES]
        ]
        complete = len(found) <= _CHANGES
        return CheckpointDiff(before_id=first["id"], after_id=second["id"], changes=shown, complete=complete)

    async def _state(self, uid: str, checkpoint_id: str, ns: str) -> Json:
        wanted = None if checkpoint_id == LATEST else checkpoint_id
        async with _told():
            state = await self._reader.read_state(uid, wanted, ns)
        if state is None:
            raise CheckpointNotFound(
                f"the run has no checkpoint {checkpoint_id!r}; the list of its checkpoints tells which there are"
            )
        return state


def _compared(state: Json) -> Json:
    return {"values": state["values"], "deltas": state["deltas"]}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    try:
        yield
    except CheckpointError as error:
        if error.retryable:
            raise StorageUnavailable from error
        raise CheckpointDamaged(str(error)) from error
