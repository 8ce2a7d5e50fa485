"""The graph that the other servers run, in their own environments: LangGraph is all it needs."""

import asyncio
import time
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import StreamWriter


class Question(TypedDict, total=False):
    """A question to be answered with itself; with `gate`, events are sent first.

    Attributes:
        gate: Port on loopback; once something comes from there, the events are sent.
        ticks: How often.
        batch: Events each time.
        pause: Seconds between.
    """

    question: str
    answer: str
    gate: int
    ticks: int
    batch: int
    pause: float


async def echo(state: Question, writer: StreamWriter) -> Question:
    """Answer at once, or after the events."""
    if "gate" in state:
        await _send(state, writer)
    return {"answer": state["question"]}


async def _send(state: Question, writer: StreamWriter) -> None:
    gate, connection = await asyncio.open_connection("127.0.0.1", state["gate"])
    try:
        await gate.read(1)
        for tick in range(state["ticks"]):
            await asyncio.sleep(state["pause"] if tick else 0)
            for _ in range(state["batch"]):
                writer({"at": time.time(), "text": "x" * 60})
    finally:
        connection.close()


_builder = StateGraph(Question)
_builder.add_node("echo", echo)
_builder.add_edge(START, "echo")
_builder.add_edge("echo", END)
graph = _builder.compile()
