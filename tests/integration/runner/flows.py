"""Graphs for the runner's tests. The module is given to runners as an inline file; nodes leave marks in a folder."""

import asyncio
import operator
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy, Send, interrupt


class State(TypedDict, total=False):
    folder: str
    seen: Annotated[list[str], operator.add]
    answer: Any
    item: int
    size: int


def mark(state: State, name: str) -> dict[str, list[str]]:
    with (Path(state["folder"]) / "marks").open("a") as file:
        file.write(name + "\n")
    return {"seen": [name]}


async def wait_for(state: State, name: str) -> None:
    while not is_there(state, name):  # noqa: ASYNC110 - another process makes the file
        await asyncio.sleep(0.01)


def is_there(state: State, name: str) -> bool:
    return (Path(state["folder"]) / name).exists()


def chain(**nodes: Any) -> StateGraph[Any]:
    graph = StateGraph(State)
    names = list(nodes)
    for name, node in nodes.items():
        graph.add_node(name, node)
    for source, target in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(source, target)
    return graph


def marked(name: str) -> Any:
    return lambda state: mark(state, name)


async def held(state: State) -> dict[str, list[str]]:
    mark(state, "held-entered")
    await wait_for(state, "go")
    return mark(state, "held")


three = chain(a=marked("a"), held=held, c=marked("c"))


async def asleep(_state: State) -> None:
    await asyncio.sleep(600)


def blocking(_state: State) -> None:
    threading.Event().wait(600)


async def blocking_the_loop(_state: State) -> None:
    threading.Event().wait(600)


async def ignoring_sigterm(state: State) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mark(state, "ignoring")
    await asyncio.sleep(600)


HEARTBEAT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork(): os._exit(0)
os.setsid()
while True:
    open(sys.argv[1], "w").write(str(time.time()))
    time.sleep(0.02)
"""


def leave_heartbeat(state: State) -> None:
    """Leaves a process in a session of its own, which ignores SIGTERM and writes the time over and over."""
    subprocess.run([sys.executable, "-c", HEARTBEAT, str(Path(state["folder"]) / "heartbeat")], check=True)


async def escaping(state: State) -> None:
    leave_heartbeat(state)
    await wait_for(state, "heartbeat")
    mark(state, "escaped")
    if state.get("size") != 1:
        await asyncio.sleep(600)


sleeping = chain(a=marked("a"), asleep=asleep)
sleeping_in_thread = chain(a=marked("a"), blocking=blocking)
blocked = chain(a=marked("a"), blocking_the_loop=blocking_the_loop)
stubborn = chain(a=marked("a"), ignoring_sigterm=ignoring_sigterm)
escaped = chain(a=marked("a"), escaping=escaping)


def failing(_state: State) -> None:
    raise ValueError("the sky is\nfalling")


failing_graph = chain(a=marked("a"), failing=failing)


def leaving(_state: State) -> None:
    sys.exit(3)


def vanishing(_state: State) -> None:
    os._exit(0)


leaving_graph = chain(leaving=leaving)
vanishing_graph = chain(vanishing=vanishing)


def flaky(state: State) -> dict[str, list[str]]:
    path = Path(state["folder"]) / "tries"
    tries = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(tries))
    if tries < 3:
        raise ConnectionError(f"try {tries}")
    return {"seen": [f"try {tries}"]}


retrying = StateGraph(State)
retrying.add_node(
    "flaky", flaky, retry_policy=RetryPolicy(initial_interval=0.01, jitter=False, max_attempts=3)
)
retrying.add_edge(START, "flaky")


def asking(state: State) -> dict[str, Any]:
    mark(state, "asking")
    return {"answer": interrupt({"question": "go on?"})}


async def after_answer(state: State) -> dict[str, list[str]]:
    mark(state, f"answered {state['answer']}")
    if state.get("size") == 1:
        await wait_for(state, "go")
    return {"seen": ["done"]}


approval = chain(a=marked("a"), asking=asking, after_answer=after_answer)


async def asking_twice(state: State) -> dict[str, Any]:
    first = interrupt("first?")
    mark(state, f"first {first}")
    await wait_for(state, "go")
    second = interrupt("second?")
    return {"answer": [first, second]}


two_questions = chain(asking_twice=asking_twice)


async def speaking(_state: State) -> dict[str, Any]:
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
    answer = await model.ainvoke("count")
    return {"answer": answer}


speech = chain(speaking=speaking)


parallel_questions = StateGraph(State)
for side in ("left", "right"):
    parallel_questions.add_node(side, lambda _state, side=side: {"seen": [f"{side} {interrupt(side)}"]})
    parallel_questions.add_edge(START, side)


def big(_state: State) -> dict[str, Any]:
    return {"answer": "x" * 5000}


large = chain(big=big)


def fan(state: State) -> list[Send]:
    return [Send("work", {"folder": state["folder"], "item": item}) for item in range(4)]


fan_out = StateGraph(State)
fan_out.add_node("work", lambda state: mark(state, f"work {state['item']}"))
fan_out.add_conditional_edges(START, fan, ["work"])
fan_out.add_edge("work", END)

inner = chain(x=marked("x"), held=held, y=marked("y")).compile()
nested = chain(a=marked("a"), inner=inner, z=marked("z"))


async def chatty(_state: State) -> None:
    write = get_stream_writer()
    for number in range(300):
        write({"number": number})
        await asyncio.sleep(0.005)


talking = chain(chatty=chatty, b=marked("b"))


@dataclass
class Context:
    colour: str


with_context = StateGraph(State, context_schema=Context)
with_context.add_node("a", lambda state, runtime: mark(state, runtime.context.colour))
with_context.add_edge(START, "a")


def make() -> StateGraph[Any]:
    return three


async def make_async() -> Any:
    await asyncio.sleep(0)
    return three.compile()


def make_with_config(config: dict[str, Any]) -> Any:
    assert config["configurable"]["colour"] == "blue"
    return three.compile()


def make_nothing() -> None:
    return None


def make_wrong(one: int, two: int) -> None:
    raise AssertionError(one + two)


def make_failing() -> None:
    raise RuntimeError("no database")


not_compiling = StateGraph(State)
not_compiling.add_node("a", marked("a"))
not_compiling.add_edge("a", "nowhere")
number = 42
