"""Attempts of the graph process in this process: the same code, on a store of the test's, without supervisor and pipes."""

import contextlib
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import RunControl

from graphrun_checkpoints import CheckpointError, ObjectStoreSaver, Store
from graphrun_core.claims import fence_of
from graphrun_runner.child.execution import End, Execution, Rooms

Json = dict[str, Any]
PREFIX = "p"


def grant(uid: str = "fork", attempt: int = 1, **changes: Any) -> Json:
    """What the API would grant; `changes` replace fields."""
    return {
        "protocol": 1,
        "run": uid,
        "runUID": uid,
        "revision": "flow-1",
        "attempt": attempt,
        "graph": {"entrypoint": "support.fork_graph:three", "files": {}},
        "input": {},
        "inputRef": "",
        "context": {},
        "config": {},
        "durability": "sync",
        "thread": uid,
        "fence": fence_of(attempt),
        "owner": uid,
        "resume": None,
        "startFrom": None,
        "acceptedRevision": "",
        "storage": {"prefix": PREFIX},
        **changes,
    }


def fork_of(thread: str = "source", checkpoint: str = "", **update: Any) -> Json:
    """A protocol.StartFromRequest."""
    edit = {"values": update["values"], "asNode": update.get("node", "")} if update else None
    return {"thread": thread, "run": thread, "checkpointID": checkpoint, "update": edit}


async def attempt(store: Store, given: Json, folder: Path, events: list[Json] | None = None) -> End:
    """Run an attempt to its end."""
    told: list[Json] = [] if events is None else events
    execution = Execution(given, RunControl(), told.append, Rooms(folder, store))
    end = await execution.run()
    if execution.storage is not None:
        with contextlib.suppress(CheckpointError):  # of a dead process nothing more is stored
            await execution.storage.aclose()
    return end


async def checkpoints_of(store: Store, uid: str = "source") -> list[tuple[str, str | None, Any]]:
    """The root checkpoints of a run, oldest first: id, source, state."""
    config: RunnableConfig = {"configurable": {"thread_id": uid, "checkpoint_ns": ""}}
    async with ObjectStoreSaver(store, prefix=f"{PREFIX}/checkpoints") as saver:
        found = [each async for each in saver.alist(config)]
    return [
        (each.checkpoint["id"], each.metadata.get("source"), each.checkpoint["channel_values"])
        for each in reversed(found)
    ]
