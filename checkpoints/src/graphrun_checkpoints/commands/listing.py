"""`ls` and `show`: what is there."""

from argparse import Namespace
from dataclasses import asdict
from datetime import datetime

from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.commands.output import Output, size, visible
from graphrun_checkpoints.errors import InvalidCheckpoint
from graphrun_checkpoints.reader import CheckpointInfo

LS = """\
List threads, or a thread's checkpoints. Reads keys alone: one LIST a thread, or one per
1,000 keys of a thread. BYTES is the checkpoint's own object; what it shares with others is
not in it. PARENT is the end of the parent's id."""
SHOW = """\
Print a state as JSON, with metadata and pending writes. Types of the graph are named
({"$type": …, "value": …}), never built. Of a DeltaChannel, `deltas` has its last whole value
(`seed`) and what was written since (`writes`)."""

_LONGEST_SOURCE = 8


async def ls(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """List threads, or what is in one."""
    if arguments.thread is None:
        async for found in bucket.inspector.threads():
            if output.as_json:
                output.document({"thread": found.name, "segment": found.segment})
            else:
                output.line(visible(found.shown))
        return True
    await bucket.thread(arguments.thread)
    namespaces = await bucket.reader.namespaces(arguments.thread) if arguments.ns is None else [arguments.ns]
    for ns in namespaces:
        history = await bucket.reader.list_checkpoints(arguments.thread, ns, limit=arguments.limit)
        if output.as_json:
            for info in history:
                output.document({**asdict(info), "time": _time(info.time)})
        elif history:
            output.line(f"namespace {visible(ns)}" if ns else "root namespace")
            _print(history, output)
    return True


async def show(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Print a state."""
    await bucket.thread(arguments.thread)
    state = await bucket.reader.read_state(arguments.thread, arguments.id, arguments.ns)
    if state is None:
        which = f"checkpoint {arguments.id!r}" if arguments.id else "checkpoint"
        where = f"namespace {arguments.ns!r}" if arguments.ns else "the root namespace"
        raise InvalidCheckpoint(
            f"thread {arguments.thread!r} has no {which} in {where}; `ls` tells which it has"
        )
    output.document(state)
    return True


def _print(history: list[CheckpointInfo], output: Output) -> None:
    head = ("ID", "PARENT", "STEP", "SOURCE", "TIME", "BYTES")
    rows = [
        (
            info.id,
            info.parent_tag or "-",
            "-" if info.step is None else str(info.step),
            visible(info.source)[:_LONGEST_SOURCE] if info.source else "-",
            _time(info.time) or "-",
            size(info.bytes),
        )
        for info in history
    ]
    output.table(head, rows, right=("STEP", "BYTES"))


def _time(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time is not None else None
