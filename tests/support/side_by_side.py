"""The same story told twice: on the object store, a new saver for each pod, and on LangGraph's own saver in memory."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import StateSnapshot

from graphrun_checkpoints import ObjectStoreSaver, StorageConfig

Saver = BaseCheckpointSaver[Any]
Pods = Callable[[], AbstractAsyncContextManager[Saver]]
Story = Callable[[Pods], Awaitable[list[Any]]]


def pods_on(storage: StorageConfig, thread: str) -> Pods:
    """Each pod has a saver of its own and takes the thread over with the next fence."""
    fence = 0

    @contextlib.asynccontextmanager
    async def pod() -> AsyncIterator[Saver]:
        nonlocal fence
        fence += 1
        async with ObjectStoreSaver.from_config(storage) as saver:
            await saver.aopen(thread, fence=fence, owner="run")
            yield saver

    return pod


def pods_in_memory() -> Pods:
    """The reference: what a user of LangGraph's own saver sees."""
    saver = InMemorySaver()
    return lambda: contextlib.nullcontext(saver)


async def told_alike(story: Story, storage: StorageConfig, thread: str) -> list[Any]:
    """Tell the story on both; answers what was seen, which is the same.

    Raises:
        AssertionError: it is not.
    """
    ours = await story(pods_on(storage, thread))
    theirs = await story(pods_in_memory())
    assert len(ours) == len(theirs)
    for place, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
        assert mine == reference, f"differs at {place} of {len(ours)}"
    return ours


def seen(state: StateSnapshot) -> dict[str, Any]:
    """All that a user sees of a state; ids aside, which differ in each run."""
    return {
        "values": state.values,
        "next": state.next,
        "metadata": {name: value for name, value in (state.metadata or {}).items() if name != "parents"},
        "interrupts": [each.value for each in state.interrupts],
        "parent": state.parent_config is not None,
        "tasks": [
            (task.name, str(task.error), [each.value for each in task.interrupts], task.result)
            for task in state.tasks
        ],
    }
