"""A bucket with all that there may be in one, healthy throughout."""

from langchain_core.runnables import RunnableConfig

from graphrun_checkpoints import (
    Encryption,
    ObjectStoreSaver,
)
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, put
from support.damage import filled_bucket
from support.dossier import INPUT, SMALL, dossier_graph
from support.threads import tell

KEYS = Encryption({"k1": bytes(range(32)), "k2": bytes(32)}, "k1")
LONG = "a thread with a very long name " * 20
"""Too long to be in a key."""


async def lived_in(keys: Encryption | None = None) -> MemoryStore:
    """Threads with all that there may be: a subgraph, two holders, kept parts, a chunked value, a copy, runs."""
    store = MemoryStore()
    async with ObjectStoreSaver(store, encryption=keys) as saver:
        await saver.aopen("story", fence=1, owner="run-1")
        await tell(saver, "story", 12, run_id="run-1")
        await saver.aprune(["story"])
        await saver.aopen("story", fence=2, owner="run-2")
        await tell(saver, "story", 3, run_id="run-2")
        config_: RunnableConfig = {"configurable": {"thread_id": "dossier"}}
        await dossier_graph(SMALL).compile(checkpointer=saver).ainvoke(INPUT, config_)
        await saver.acopy_thread("dossier", LONG)
        base = await put(saver, config("large"), x="chunk " * 6_000_000)
        await put(saver, base, y=1)
        await saver.adelete_for_runs(["run-1"])
        await tell(saver, "pruned", 12)
        await saver.aprune(["pruned"], keep=3)
    for key, data in (await filled_bucket()).items() if keys is None else ():
        await store.put(key, data)
    return store
