"""A program that lets processes die, many times, and tells what became of each run.

    python -m support.crash_series '{"endpoint": …, "kind": "points", "durability": "sync", "stored": false, "large": false, "folder": …}'
    python -m support.crash_series '{"endpoint": …, "kind": "kills", "seeds": [1, 2], "folder": …}'

`points`: a process ends itself just before (or just after) its k-th PUT, for every k; another goes on.
`kills`: processes are killed at random moments until one gets to the end.
Prints one line of JSON per run: what happened and whether the end was that of a run without trouble.
"""

import asyncio
import json
import os
import random
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from graphrun_checkpoints import MinioStore, ObjectStoreSaver
from support.dossier import INPUT, SMALL, OnNode, Shape, as_json, dossier_graph, without_pause
from support.forks import DIED, die_with_parent, exit_code, forked, killed_after
from support.resumption import CONFIG, Job
from support.s3server import S3Server
from support.stores import PassingStore

DIFFERENT = 3
_LARGE = Shape(rounds=2, width=3, entry=12_000)
_MOST_ATTEMPTS = 60  # the last ones are not killed


class EndingStore(PassingStore):
    """Ends the process at its n-th PUT."""

    ends_at_put = 0
    stored = False

    async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        self.puts.append(key)
        ends = len(self.puts) == self.ends_at_put
        if ends and not self.stored:
            os._exit(DIED)
        try:
            await self.inner.put(key, data, if_none_match=if_none_match)
        finally:
            if ends:
                os._exit(DIED)


@dataclass(frozen=True)
class Thread:
    """One run's place in the bucket, and the state in which it has to end."""

    server: S3Server
    shape: Shape
    expected: str
    prefix: str

    def process(
        self,
        fence: int,
        *,
        durability: Any = "async",
        store: Callable[[MinioStore], PassingStore] = PassingStore,
        on_node: OnNode = without_pause,
    ) -> int:
        """Fork a process that goes on; it ends with 0 if the end is as expected."""

        async def go_on() -> int:
            inner = MinioStore(self.server.storage())
            async with ObjectStoreSaver(store(inner), prefix=self.prefix) as saver:
                job = Job(dossier_graph(self.shape, on_node=on_node), INPUT, durability)
                values = await job.done_by(saver, fence=fence)
            await inner.aclose()
            return 0 if as_json(values) == self.expected else DIFFERENT

        return forked(lambda: asyncio.run(go_on()))


def _expected(shape: Shape, folder: Path) -> str:
    """The end of a run without trouble; in a process too, as it makes threads."""
    file = folder / f"expected-{os.getpid()}"

    async def run() -> int:
        graph = dossier_graph(shape).compile(checkpointer=InMemorySaver())
        file.write_text(as_json(await graph.ainvoke(INPUT, CONFIG)))
        return 0

    if code := exit_code(forked(lambda: asyncio.run(run()))):
        raise SystemExit(code)
    text = file.read_text()
    file.unlink()
    return text


def _points(server: S3Server, plan: dict[str, Any], folder: Path) -> None:
    shape = _LARGE if plan["large"] else SMALL
    expected = _expected(shape, folder)
    for dies_at in range(1, 1000):
        thread = Thread(server, shape, expected, uuid.uuid4().hex)

        def ending(inner: MinioStore, dies_at: int = dies_at) -> PassingStore:
            store = EndingStore(inner)
            store.ends_at_put, store.stored = dies_at, plan["stored"]
            return store

        first = exit_code(thread.process(1, durability=plan["durability"], store=ending))
        then = exit_code(thread.process(2, durability=plan["durability"])) if first == DIED else first
        _tell(dies_at=dies_at, first=first, then=then)
        if first != DIED:
            return


def _kills(server: S3Server, plan: dict[str, Any], folder: Path) -> None:
    expected = _expected(_LARGE, folder)
    for seed in plan["seeds"]:
        chance = random.Random(seed)  # noqa: S311 - its moments shall be the same again
        thread = Thread(server, _LARGE, expected, uuid.uuid4().hex)
        durability, kills, code = chance.choice(["sync", "async"]), 0, 1
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            process = thread.process(attempt, durability=durability, on_node=_dawdling(chance.random()))
            patient = attempt > _MOST_ATTEMPTS - 10
            code = exit_code(process) if patient else killed_after(process, chance.uniform(0.0, 0.5))
            if code != -signal.SIGKILL:
                break
            kills += 1
        then = exit_code(thread.process(_MOST_ATTEMPTS + 1)) if code == 0 else code
        _tell(seed=seed, durability=durability, kills=kills, first=code, then=then)


def _dawdling(seed: float) -> OnNode:
    chance = random.Random(seed)  # noqa: S311 - its moments shall be the same again

    async def dawdle(_: str) -> None:
        await asyncio.sleep(chance.choice([0.0, 0.01, 0.03, 0.08]))

    return dawdle


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - the protocol


_KINDS: dict[str, Callable[[S3Server, dict[str, Any], Path], None]] = {"points": _points, "kills": _kills}

if __name__ == "__main__":
    die_with_parent()
    given = json.loads(sys.argv[1])
    _KINDS[given["kind"]](S3Server(given["endpoint"]), given, Path(given["folder"]))
