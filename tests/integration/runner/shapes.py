"""Graphs with all that LangGraph's nodes may be and do, for the runner's tests: an inline file like flows.py, which it uses."""

import asyncio
import functools
import logging
import operator
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

from flows import State, chain, held, mark, marked, wait_for  # type: ignore[import-not-found] # an inline file beside this one
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, TimeoutPolicy, interrupt

# --- timeouts and retries


async def slow(state: State) -> Any:
    tries = Path(state["folder"]) / "slow"
    number = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(number))
    if number <= state.get("size", 0):
        await asyncio.sleep(600)
    return mark(state, f"slow {number}")


async def silent(_state: State) -> Any:
    await asyncio.sleep(600)


_AGAIN = RetryPolicy(initial_interval=0.01, jitter=False, max_attempts=3)
timed = StateGraph(State)
timed.add_node("slow", slow, timeout=0.3, retry_policy=_AGAIN)
timed.add_edge(START, "slow")
idle = StateGraph(State)
idle.add_node("silent", cast(Any, silent), timeout=TimeoutPolicy(idle_timeout=0.3))
idle.add_edge(START, "silent")

# --- kinds of nodes


def sync_generator(state: State) -> Iterator[dict[str, Any]]:
    yield mark(state, "sync generator")


async def async_generator(state: State) -> AsyncIterator[dict[str, Any]]:
    yield mark(state, "async generator")


class Callable:
    """A node that is an object."""

    def __call__(self, state: State) -> Any:
        return mark(state, "object")


async def async_node(state: State) -> Any:
    await asyncio.sleep(0)
    return mark(state, "async")


def with_argument(name: str, state: State) -> Any:
    return mark(state, name)


kinds = chain(
    sync=marked("sync"),
    asynchronous=async_node,
    sync_generator=sync_generator,
    async_generator=async_generator,
    thing=Callable(),
    partial=functools.partial(with_argument, "partial"),
)

# --- Command and Send


def to_b(state: State) -> Command[Any]:
    return Command(goto="b", update=mark(state, "a"))


async def leave_for_c(state: State) -> Command[Any]:
    await wait_until_marked(state, "beside")
    return Command(goto="c", update=mark(state, "leaving"), graph=Command.PARENT)


async def wait_until_marked(state: State, name: str) -> None:
    marks = Path(state["folder"]) / "marks"
    while not marks.exists() or name not in marks.read_text().splitlines():  # noqa: ASYNC110 - a node beside this one writes it
        await asyncio.sleep(0.01)


def fan(state: State) -> Command[Any]:
    sends = [Send("work", {"folder": state["folder"], "item": item}) for item in range(3)]
    return Command(goto=sends, update=mark(state, "fan"))


async def beside(state: State) -> Any:
    return mark(state, "beside")


inside = StateGraph(State)
inside.add_node("leave", leave_for_c)
inside.add_node("beside", beside)
inside.add_node("never", marked("never"))
inside.add_edge(START, "beside")
inside.add_edge(START, "leave")
inside.add_edge("leave", "never")
commands = StateGraph(State)
commands.add_node("a", to_b, destinations=("b",))
commands.add_node("b", inside.compile())
commands.add_node("c", fan, destinations=("work",))
commands.add_node("work", lambda state: mark(state, f"work {state['item']}"))
commands.add_edge(START, "a")


def breaking(state: State) -> Any:
    raise ValueError(f"broken in {state['folder'][:1]}")


async def sleeping(state: State) -> Any:
    mark(state, "sleeping")
    await asyncio.sleep(600)


async def breaking_beside(state: State) -> Any:
    await wait_until_marked(state, "sleeping")
    return breaking(state)


breaks = StateGraph(State)
breaks.add_node("sleeping", sleeping)
breaks.add_node("breaking", breaking_beside)
breaks.add_edge(START, "sleeping")
breaks.add_edge(START, "breaking")
broken = breaks.compile()


async def forgiving(state: State) -> Any:
    try:
        await broken.ainvoke(state)
    except ValueError:
        return mark(state, "forgiven")


waits = chain(sleeping=sleeping).compile()


async def giving_up(state: State) -> Any:
    try:
        await asyncio.wait_for(waits.ainvoke(state), 0.5)
    except TimeoutError:
        return mark(state, "gave up")


gave_up = chain(giving_up=giving_up, after=marked("after"))
forgiven = chain(forgiving=forgiving, after=marked("after"))

# --- subgraphs: two levels, and questions within

innermost = chain(p=marked("p"), held=held, q=marked("q")).compile()
middle = chain(x=marked("x"), innermost=innermost, y=marked("y")).compile()
two_levels = chain(a=marked("a"), middle=middle, z=marked("z"))


def question(name: str) -> Any:
    def ask(state: State) -> Any:
        mark(state, f"{name} asks")
        return {"seen": [f"{name} {interrupt(name)}"]}

    return ask


class Seen(TypedDict):
    seen: Annotated[list[str], operator.add]


def asking(name: str) -> Any:
    graph = StateGraph(State, output_schema=Seen)
    graph.add_node("before", marked(f"{name} before"))
    graph.add_node("ask", question(name))
    graph.add_edge(START, "before")
    graph.add_edge("before", "ask")
    return graph.compile()


questions = StateGraph(State)
for side in ("left", "right"):
    questions.add_node(side, asking(side))
    questions.add_edge(START, side)

# --- the functional API


@task
async def double(folder: str, number: int) -> int:
    with (Path(folder) / "marks").open("a") as file:
        file.write(f"double {number}\n")
    return number * 2


@entrypoint()
async def functional(given: dict[str, Any]) -> Any:
    doubled = await asyncio.gather(*(double(given["folder"], number) for number in (1, 2)))
    answer = interrupt({"doubled": doubled})
    return {"sum": sum(doubled), "answer": answer}


# --- a flood of events


def flooding(state: State) -> Any:
    write = get_stream_writer()
    for number in range(state["size"]):
        write({"number": number, "text": "x" * 100})
    return mark(state, "flooded")


async def flooding_the_loop(state: State) -> Any:
    return flooding(state)


flood = chain(before=marked("before"), flooding=flooding, after=marked("after"))
flood_of_the_loop = chain(before=marked("before"), flooding=flooding_the_loop, after=marked("after"))

# --- output

LINES = ["plain", "two\nlines", "tab\tand ünïcode", "graphrun: not ours", "x" * 300_000]
BYTES = b"\x00\xff\xfe binary \x1b[31m\n"


def speaking(_state: State) -> None:
    for line in LINES:
        print(line)  # noqa: T201 - what is tried
        print(line, file=sys.stderr)  # noqa: T201 - as above
    os.write(1, BYTES)
    os.write(2, BYTES)
    logging.getLogger("users").error("logged\nin two lines")
    print("without an end", end="")  # noqa: T201 - as above


speech = chain(speaking=speaking)


LINGERING = """
import os, sys
if os.fork(): os._exit(0)
os.setsid()
print("from a grandchild", flush=True)
import time
time.sleep(600)
"""


def leaving_one_behind(state: State) -> None:
    """A process that left its session, and holds stdout and stderr open."""
    left = subprocess.run([sys.executable, "-c", LINGERING + f"# {state['folder']}"], check=True)
    assert left.returncode == 0


lingering = chain(leaving=leaving_one_behind)


def dying(_state: State) -> None:
    os.write(1, b"last words, without an end")
    os.kill(os.getpid(), signal.SIGKILL)


def printing_much(state: State) -> None:
    for number in range(int(state["size"])):
        os.write(1, f"{number:09d}\n".encode())
    mark(state, "printed")


killed = chain(dying=dying)
printed = chain(printing=printing_much, after=marked("after"))

# --- processes that nobody waits for

ORPHANS = """
import os, sys, time
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.05)
            open(sys.argv[1], "a").write("x")
        os._exit(0)
os._exit(0)
"""


async def leave_orphans(state: State) -> Any:
    ended = Path(state["folder"]) / "orphans"
    subprocess.Popen([sys.executable, "-c", ORPHANS, str(ended)])  # noqa: ASYNC220 - it ends at once
    while not ended.exists() or len(ended.read_text()) < 20:  # noqa: ASYNC110 - other processes write it
        await asyncio.sleep(0.02)
    mark(state, "orphaned")
    await wait_for(state, "go")
    return {}


orphans = chain(leave_orphans=leave_orphans)
