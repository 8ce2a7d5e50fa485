"""The graph process from its start to its last word. Everything is imported before the claim is granted."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NoReturn

from langgraph.runtime import RunControl

from graphrun_runner import wire
from graphrun_runner.child import outcomes
from graphrun_runner.child.execution import Drained, End, Execution, Rooms
from graphrun_runner.child.pipes import Pipes
from graphrun_runner.child.storage import store_of


def main() -> NoReturn:
    """Run the granted attempt; never returns."""
    pipes = Pipes()
    grant = pipes.read_grant()
    control = RunControl()
    pipes.follow_commands(control.request_drain)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # both are text files here
    work_dir = Path(os.environ.get("GRAPHRUN_WORK_DIR") or "/work")
    rooms = Rooms(work_dir, store_of(grant["storage"]))
    execution = Execution(grant, control, pipes.send_event, rooms)
    _leave(pipes, _run(execution))


def _run(execution: Execution) -> End:
    # The loop is never closed: closing would wait for nodes that still run in threads.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(execution.run())
    except (SystemExit, KeyboardInterrupt) as error:  # raised in a node, they leave the loop at once
        return outcomes.graph_error(error)


def _leave(pipes: Pipes, end: End) -> NoReturn:
    if isinstance(end, Drained):
        pipes.send(wire.DRAINED, value=True)
    else:
        pipes.send(wire.OUTCOME, end)
    pipes.finish()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: user code may have left threads or exit handlers that would hang.
    os._exit(0)
