"""What the graph process says while nobody listens: bounded, and no event of a node is left out."""

import json
import os
import subprocess
import sys

from graphrun_runner import wire

_CHILD = """
import json, resource
from graphrun_runner.child.pipes import Pipes
pipes = Pipes()
pipes.read_grant()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(80_000):
    pipes.send_event({"type": "custom", "at": "", "data": {"payload": "x" * 1000}})
    if number % 1000 == 0:
        pipes.send_event({"type": "node_started", "at": "", "data": {}, "number": number})
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
pipes.send("outcome", {"grown_kb": grown})
print("all said", flush=True)
pipes.finish()
"""


def test_events_that_nobody_takes_wait_in_bounded_memory_and_those_of_nodes_all_arrive() -> None:
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    code = f"import os\nos.dup2({down_read}, {wire.DOWN_FD})\nos.dup2({up_write}, {wire.UP_FD})\n{_CHILD}"
    # Through high numbers, so that neither end is closed while the other is made.
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        pass_fds=(down_read, up_write),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    os.close(down_read)
    os.close(up_write)
    os.write(down_write, b"{}\n")
    assert child.stdout.readline() == b"all said\n"
    with os.fdopen(up_read, "rb") as said:
        messages = [json.loads(line) for line in said]
    _, told = child.communicate()
    os.close(down_write)
    assert child.returncode == 0, told
    events = [message["event"] for message in messages[:-1]]
    assert [e["number"] for e in events if e["type"] == "node_started"] == list(range(0, 80_000, 1000))
    custom = sum(e["type"] == "custom" for e in events)
    assert 0 < custom < 10_000
    assert messages[-1]["outcome"]["grown_kb"] < 64 * 1024
    assert f"{80_000 - custom} events were left out".encode() in told
