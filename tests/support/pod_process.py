"""A pod as a process: claims a thread, runs the dossier graph, stops when it is taken over. See support/pods.py.

    python -m support.pod_process '{"endpoint": …, "prefix": …, "author": "A", "fence": 1, …}'

Prints one line of JSON for what happens; waits for a line on standard input before its claim and, if asked, when
the node `hold_at` starts.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from graphrun_checkpoints import FenceLost, MinioStore, ObjectStoreSaver, SaverOptions
from support.dossier import INPUT, SMALL, Shape, as_json, dossier_graph
from support.forks import die_with_parent
from support.resumption import CONFIG, OWNER, THREAD
from support.s3server import S3Server

FENCE_LOST = 87


def tell(what: str, **more: object) -> None:
    """Say what happens."""
    print(json.dumps({"what": what, **more}), flush=True)  # noqa: T201 - the protocol


async def wait_for_a_word() -> None:
    """Go on when the test says so."""
    await asyncio.to_thread(sys.stdin.readline)


class Pod:
    """One process's part; its `nodes` are also a clock that does not depend on the machine's speed."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.nodes = 0

    async def play(self) -> int:
        """Take the thread over and go on to the end, or until somebody else takes it over."""
        plan = self.plan
        store = MinioStore(S3Server(plan["endpoint"]).storage())
        clock: Callable[[], float] = self._nodes_as_clock if plan["clock"] == "nodes" else time.monotonic
        options = SaverOptions(fence_seconds=plan["fence_seconds"], clock=clock)
        saver = ObjectStoreSaver(store, prefix=plan["prefix"], options=options)
        tell("ready")
        await wait_for_a_word()
        try:
            inherited = await saver.aopen(THREAD, fence=plan["fence"], owner=OWNER)
            tell("claimed", inherited=sorted(await lines_in(saver)))
            shape = Shape(**{**vars(SMALL), "rounds": plan["rounds"]})
            graph = dossier_graph(shape, author=plan["author"], on_node=self._on_node).compile(
                checkpointer=saver
            )
            start = None if inherited.holds_checkpoint(owner=OWNER) else INPUT
            await graph.ainvoke(start, {**CONFIG, "recursion_limit": 100_000}, durability=plan["durability"])
            state = await graph.aget_state(CONFIG)
            tell("ended", state=as_json(state.values), tasks=len(state.tasks))
            await saver.aclose()
        except FenceLost as error:
            tell("fence lost", error=str(error), nodes=self.nodes)
            return FENCE_LOST
        return 0

    async def _on_node(self, name: str) -> None:
        self.nodes += 1
        tell("node", name=name)
        if name == self.plan["hold_at"]:
            await wait_for_a_word()
        await asyncio.sleep(self.plan["node_seconds"])

    def _nodes_as_clock(self) -> float:
        return float(self.nodes)


async def lines_in(saver: ObjectStoreSaver) -> set[str]:
    """All signed lines in all checkpoints and pending writes of all namespaces."""
    found: set[str] = set()
    async for each in saver.alist({"configurable": {"thread_id": THREAD}}):
        text = repr((each.checkpoint["channel_values"], each.pending_writes))
        found.update(re.findall(r"[a-z]+ ?[0-9.]*(?: [a-z]+)? by [A-Z]", text))
    return found


if __name__ == "__main__":
    die_with_parent()
    given = json.loads(sys.argv[1])
    if behind := given["clock_behind_seconds"]:
        real = time.time_ns
        time.time_ns = lambda: real() - behind * 1_000_000_000
    sys.exit(asyncio.run(Pod(given).play()))
