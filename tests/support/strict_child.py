"""A process in LangGraph's strict mode, which must be chosen before the first import: stores a state, reads it back.

    LANGGRAPH_STRICT_MSGPACK=true python -m support.strict_child true|false

The argument tells whether the foreign type is allowed. Prints one line of JSON.
"""

import asyncio
import json
import sys
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from graphrun_checkpoints import ObjectStoreSaver
from graphrun_checkpoints.testing import MemoryStore
from support.strict_types import BUILT, FILLED, Foreign, shop_graph

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}


async def read_back(*, allowed: bool) -> dict[str, Any]:
    """What another process would get from the store."""
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await shop_graph().compile(checkpointer=saver).ainvoke({}, CONFIG)
    BUILT.clear()
    reported: list[str] = []
    serde = JsonPlusSerializer(allowed_msgpack_modules=[Foreign]) if allowed else None
    async with ObjectStoreSaver(store, serde=serde, on_blocked=reported.append) as saver:
        graph = shop_graph().compile(checkpointer=saver)
        values = (await graph.aget_state(CONFIG)).values
        history = [state.values async for state in graph.aget_state_history(CONFIG)]
        return {
            "whole": sorted(name for name, value in values.items() if value == FILLED[name]),
            "history": [sorted(n for n, v in each.items() if v == FILLED[n]) for each in history],
            "extra": repr(values["extra"]),
            "built": BUILT,
            "reported": reported,
            "counted": saver.blocked_types,
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read_back(allowed=sys.argv[1] == "true"))))  # noqa: T201 - the protocol
