"""From the claim's answer to the first line of the user's code, and what the supervisor takes meanwhile.

    PYTHONPATH=tests python -m benchmarks.runner_start [ROUNDS]

"ready": the graph process had imported LangGraph when the claim was answered (the API was away for a while).
"at once": the claim was answered while it still imported, as it is when nothing waits.
"""

import statistics
import sys
import tempfile
import threading
from pathlib import Path

from support.runner_api import runner_api
from support.runner_process import Attempt, Runner
from support.s3server import running_server

_GRAPH = """
import time
began = time.monotonic()
from langgraph.graph import START, StateGraph

def node(state):
    with open(state["folder"] + "/began", "a") as file:
        file.write(f"{began} {time.monotonic()}\\n")

graph = StateGraph(dict)
graph.add_node("node", node)
graph.add_edge(START, "node")
"""
_READY_SECONDS = 4.0


def main(rounds: int) -> None:
    """Print the figures."""
    with running_server() as server, runner_api("the-token") as api:
        for ready in (True, False):
            code, node, sizes = [], [], []
            for _ in range(rounds):
                with tempfile.TemporaryDirectory() as folder:
                    runner = Runner(api, Path(folder), server.storage(), sources={"flow.py": _GRAPH})
                    if ready:
                        api.hang_up()
                    attempt = runner.start("flow:graph")
                    if ready:
                        threading.Event().wait(_READY_SECONDS)
                        api.answer_again()
                        sizes.append(_largest(attempt))
                    if attempt.wait() != 0:
                        raise SystemExit(attempt.log)
                    began, ran = map(float, (Path(folder) / "began").read_text().split())
                    code.append((began - api.claims[-1]) * 1000)
                    node.append((ran - api.claims[-1]) * 1000)
            name = "ready" if ready else "at once"
            print(
                f"{name}: claim → user's code p50 {statistics.median(code):.0f} ms, max {max(code):.0f} ms; "
                f"→ in the first node p50 {statistics.median(node):.0f} ms, max {max(node):.0f} ms (n = {rounds})"
            )
            if ready:
                print(f"supervisor once it has claimed: at most {max(sizes):.1f} MB")


def _largest(attempt: Attempt) -> float:
    attempt.api.until(lambda api: api.claims)
    status = Path(f"/proc/{attempt.process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
