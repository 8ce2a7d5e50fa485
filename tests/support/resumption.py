"""What a pod does with a thread, first or later: claim it, and go on until nothing is left to do."""

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.types import Command, Durability

from graphrun_checkpoints import ObjectStoreSaver

THREAD = "run/1"
OWNER = "run"
CONFIG: RunnableConfig = {"configurable": {"thread_id": THREAD}}


@dataclass(frozen=True)
class Job:
    """A graph and what it begins with."""

    graph: StateGraph[Any]
    input: dict[str, Any]
    durability: Durability = "async"

    async def done_by(self, saver: ObjectStoreSaver, *, fence: int) -> dict[str, Any]:
        """Begin or go on, answer every question with itself, and hand back the state at the end.

        Whether anything is left to do is judged by tasks: `next` is empty too when a process died after a
        superstep's last task and before the checkpoint that follows.
        """
        inherited = await saver.aopen(THREAD, fence=fence, owner=OWNER)
        graph = self.graph.compile(checkpointer=saver)
        start: Any = None if inherited.holds_checkpoint(owner=OWNER) else self.input
        while True:
            await graph.ainvoke(start, CONFIG, durability=self.durability)
            state = await graph.aget_state(CONFIG)
            if not state.tasks:
                return dict(state.values)
            assert state.interrupts, f"stopped with tasks left: {state.tasks}"
            start = Command(resume={each.id: f"<{each.value}>" for each in state.interrupts})
